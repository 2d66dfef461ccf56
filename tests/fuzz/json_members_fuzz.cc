// JSON that is read where it lies, by HTTP and by the browser's frames: the same members and values as a tree
// has. The input is one document.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "bridge/frames.h"
#include "core/compact_json.h"
#include "core/json_text.h"
#include "http/publish.h"
#include "tests/fuzz/check.h"

using namespace millrace;
namespace json = boost::json;
using fuzz::check;

namespace {

/// Written, because Boost.JSON reads 0e999999999 as something that does not equal itself.
bool same(const json::value& a, const json::value& b) {
    return json::serialize(a) == json::serialize(b);
}

json::value parsed(std::string_view text) {
    boost::system::error_code failure;
    json::value value = json::parse(text, failure);
    check(!failure);
    return value;
}

void check_items(std::string_view text, const json::value& tree) {
    JsonItems items(text);
    std::size_t count = 0;
    while (items.next()) {
        const json::value value = parsed(items.value());
        if (tree.is_array()) {
            check(count < tree.get_array().size() && same(value, tree.get_array()[count]));
        } else {
            std::string unescaped;
            const auto key = string_of(items.key(), unescaped);
            check(key && tree.get_object().contains(*key));
        }
        ++count;
    }
    check(tree.is_array() ? count == tree.get_array().size() : count >= tree.get_object().size());
}

void check_draft(std::string_view text, const json::value& tree) {
    http::Draft draft;
    if (http::read_draft(text, draft)) return;
    // HTTP passes over names that are written with escapes.
    if (text.find('\\') != std::string_view::npos) return;
    check(tree.get_object().at("channel") == json::value(json::string_view(draft.channel)));
    static_cast<void>(parsed(draft.data));
}

void check_frame(std::string_view text, const json::value& tree) {
    const auto frame = bridge::parse_client_frame(text);
    if (!frame)
        return check(!tree.is_object() || !tree.get_object().contains("action") ||
                     !tree.get_object().at("action").is_string() ||
                     tree.get_object().at("action").get_string().empty());
    if (frame->action != bridge::ClientFrame::Action::message) return check(frame->payload.empty());
    const json::value* payload = tree.get_object().if_contains("payload");
    check(same(parsed(frame->payload), payload != nullptr ? *payload : json::value()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    boost::system::error_code failure;
    const json::value tree = json::parse(text, failure);
    if (failure) {
        check(!bridge::parse_client_frame(text));
        return 0;
    }
    ByteBuffer compact;
    append_compact(compact, text);
    check(same(parsed(compact.text()), tree));
    if (tree.is_object() || tree.is_array()) check_items(text, tree);
    check_draft(text, tree);
    check_frame(text, tree);
    return 0;
}
