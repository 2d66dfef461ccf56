#include <boost/beast/core/string.hpp>
#include <charconv>

#include "core/channel_name.h"
#include "core/json_text.h"
#include "core/utf8.h"
#include "http/publish.h"

namespace millrace::http {
namespace {

constexpr std::size_t kIdBytesMax = 255;

bool read_integer(std::string_view token, std::int64_t& value) {
    const auto parsed = std::from_chars(token.data(), token.data() + token.size(), value);
    return parsed.ec == std::errc{} && parsed.ptr == token.data() + token.size() && value > 0;
}

/// `{"dbo_id":7,"row_id":42}`; empty: well read.
std::string_view read_audience(std::string_view token, Audience& audience) {
    constexpr std::string_view kFault = "`to` must be {\"dbo_id\", \"row_id\"?} with positive integers";
    if (token == "null") return {};
    if (!token.starts_with('{')) return kFault;
    JsonItems members(token);
    while (members.next()) {
        if (members.name() == "dbo_id") {
            if (!read_integer(members.value(), audience.dbo_id)) return kFault;
        } else if (members.name() == "row_id") {
            if (!read_integer(members.value(), audience.row_id)) return kFault;
        }
    }
    return audience.dbo_id == 0 ? kFault : std::string_view{};
}

std::string_view read_kind(std::string_view token, MessageKind& kind) {
    if (token == "\"event\"") {
        kind = MessageKind::event;
    } else if (token == "\"message\"") {
        kind = MessageKind::message;
    } else {
        return "`type` must be \"event\" or \"message\"";
    }
    return {};
}

std::string_view read_data(std::string_view token, Draft& draft) {
    if (!draft.data.empty()) return "`data` is there twice (`message` is another name of it)";
    draft.data = token;
    return {};
}

/// Takes one member over; empty: well read, or not known and so passed over.
std::string_view read_member(std::string_view name, std::string_view value, Draft& draft) {
    if (name == "channel") {
        const auto text = string_of(value, draft.channel_text);
        if (!text || !is_channel_name(*text))
            return "`channel` must be a channel name: 1 to 65535 bytes, no '+', '#', NUL";
        draft.channel = *text;
    } else if (name == "data" || name == "message") {
        return read_data(value, draft);
    } else if (name == "id") {
        const auto text = string_of(value, draft.id_text);
        if (!text || !is_idempotency_key(*text)) return "`id` must be a string of 1 to 255 bytes without NUL";
        draft.id = *text;
    } else if (name == "type") {
        return read_kind(value, draft.kind);
    } else if (name == "retain") {
        draft.retain = value == "true";
        if (value != "true" && value != "false") return "`retain` must be true or false";
    } else if (name == "to") {
        return read_audience(value, draft.audience);
    }
    return {};
}

}  // namespace

bool is_idempotency_key(std::string_view text) {
    return !text.empty() && text.size() <= kIdBytesMax && text.find('\0') == std::string_view::npos &&
           is_utf8(text);
}

Problem bad_request(std::string_view detail) {
    return {.status = 400, .detail = std::string(detail), .limit = {}, .headers = {}};
}

std::optional<Problem> read_draft(std::string_view json, Draft& draft) {
    json = trim_json(json);
    if (!json.starts_with('{')) return bad_request("a message must be a JSON object");
    JsonItems members(json);
    while (members.next()) {
        const std::string_view fault = read_member(members.name(), members.value(), draft);
        if (!fault.empty()) return bad_request(fault);
    }
    if (draft.channel.empty()) return bad_request("`channel` is missing");
    if (draft.data.empty()) return bad_request("`data` is missing");
    return std::nullopt;
}

std::optional<Problem> check_json_type(const Request& request) {
    const Problem refusal{
        .status = 415, .detail = "the body must be JSON, as it is", .limit = {}, .headers = {}};
    // `curl -d` calls everything a form, so only what cannot be JSON is refused by its name.
    if (boost::beast::iequals(request.content_type.substr(0, 10), "multipart/")) return refusal;
    const bool coded =
        !request.content_encoding.empty() && !boost::beast::iequals(request.content_encoding, "identity");
    return coded ? std::optional(refusal) : std::nullopt;
}

}  // namespace millrace::http
