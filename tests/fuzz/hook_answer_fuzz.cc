// What a backend answers to a hook. The first byte chooses what may be replaced and the status, the rest is
// the body: a no that it says is never a yes, and what comes out of it fits into frames and packets.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "core/compact_json.h"
#include "core/hooks/answer.h"
#include "core/json_text.h"
#include "core/utf8.h"
#include "tests/fuzz/check.h"

using namespace millrace;
using millrace::fuzz::check;

namespace {

constexpr std::size_t kReasonBytesMax = 512;

/// What the body says of `allow`, read as a tree.
enum class Said { nothing, yes, no, nonsense };
Said said(std::string_view body) {
    boost::system::error_code failure;
    const boost::json::value tree = boost::json::parse(body, failure, {}, {.max_depth = 1000});
    if (failure || !tree.is_object()) return Said::nothing;
    const boost::json::value* allow = tree.get_object().if_contains("allow");
    if (allow == nullptr) return Said::nothing;
    if (!allow->is_bool()) return Said::nonsense;
    return allow->get_bool() ? Said::yes : Said::no;
}

void check_reason(std::string_view reason) {
    check(!reason.empty() && reason.size() <= kReasonBytesMax && is_utf8(reason));
    check(std::ranges::none_of(reason, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
}

void check_payload(const hooks::Payload& payload, const hooks::Replaceable& replaceable) {
    check(replaceable.payload);
    if (payload.encoding == Encoding::json) check(classify(as_bytes(payload.bytes)) == Encoding::json);
    if (payload.encoding != Encoding::json) check(replaceable.bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
    const hooks::Replaceable replaceable{
        .payload = (data[0] & 1U) != 0, .bytes = (data[0] & 2U) != 0, .was_text = (data[0] & 4U) != 0};
    const unsigned status = (data[0] & 8U) != 0 ? 403 : 200;
    const hooks::Verdict verdict = hooks::read_answer(status, body, replaceable);
    if (verdict.outcome == hooks::Outcome::denied) check_reason(verdict.reason);
    if (!verdict.allowed()) return 0;
    const Said word = said(body);
    check(status == 200 && word != Said::no && word != Said::nonsense);
    check(verdict.payload || word == Said::yes || trim_json(body).empty());
    if (verdict.payload) check_payload(*verdict.payload, replaceable);
    return 0;
}
