// JSON that is read where it lies, by HTTP and by the browser's frames: the same members and values as a tree
// has. The input is one document.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
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

bool same(const json::value& a, const json::value& b);

bool same_items(const json::array& a, const json::array& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

bool same_members(const json::object& a, const json::object& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
        return one.key() == other.key() && same(one.value(), other.value());
    });
}

/// Numbers nearly: Boost.JSON reads one of many digits a little differently by where it stands, and
/// 0e999999999 as something that does not equal itself.
bool same(const json::value& a, const json::value& b) {
    if (a.kind() != b.kind()) return false;
    if (a.is_array()) return same_items(a.get_array(), b.get_array());
    if (a.is_object()) return same_members(a.get_object(), b.get_object());
    if (!a.is_double()) return a == b;
    const double one = a.get_double();
    const double other = b.get_double();
    if (!std::isfinite(one) || !std::isfinite(other)) return json::serialize(a) == json::serialize(b);
    return std::abs(one - other) <= 1e-12 * std::max(std::abs(one), std::abs(other));
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
            check(tree.get_object().contains(items.name()));
        }
        ++count;
    }
    check(tree.is_array() ? count == tree.get_array().size() : count >= tree.get_object().size());
}

void check_draft(std::string_view text, const json::value& tree) {
    http::Draft draft;
    if (http::read_draft(text, draft)) return;
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
