#include "core/hooks/answer.h"

#include <algorithm>

#include "core/access/base64.h"
#include "core/compact_json.h"
#include "core/json_text.h"
#include "core/utf8.h"

namespace millrace::hooks {
namespace {

constexpr std::string_view kNoReason = "A hook of this channel does not allow it.";
/// It travels in single frames and packets, beside what they are for.
constexpr std::size_t kReasonBytesMax = 512;

/// The members that are known, as JSON text; empty where there is none.
struct Members {
    std::string_view allow;
    std::string_view reason;
    std::string_view payload;
    std::string_view encoding;
};

Members members_of(std::string_view object) {
    Members found;
    JsonItems items(object);
    while (items.next()) {
        if (items.name() == "allow") found.allow = items.value();
        if (items.name() == "reason") found.reason = items.value();
        if (items.name() == "payload") found.payload = items.value();
        if (items.name() == "encoding") found.encoding = items.value();
    }
    return found;
}

/// For every door: MQTT has no U+0000 in a string [MQTT-1.5.4-2] and discourages the other controls.
std::string reason_of(std::string_view token) {
    std::string unescaped;
    std::string reason(string_of(token, unescaped).value_or(std::string_view{}));
    if (reason.size() > kReasonBytesMax)
        reason.resize(utf8_prefix(std::string_view(reason).substr(0, kReasonBytesMax)));
    std::ranges::replace_if(
        reason, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    return reason.empty() ? std::string(kNoReason) : reason;
}

Verdict denied(std::string_view reason) {
    return {.outcome = Outcome::denied, .reason = reason_of(reason)};
}

Verdict bad(std::string detail) {
    return failure(Outcome::bad_answer, std::move(detail));
}

Verdict allowed_with(const Members& members, const Replaceable& replaceable) {
    if (!replaceable.payload) return bad("has a payload, but nothing was asked about one");
    std::string unescaped;
    const auto text = string_of(members.payload, unescaped);
    Payload payload;
    if (!members.encoding.empty()) {
        auto bytes = text && members.encoding == "\"base64\"" ? access::decode_base64(*text) : std::nullopt;
        if (!bytes || !replaceable.bytes) return bad("has a payload in an encoding that is not known here");
        payload = {.bytes = std::move(*bytes), .encoding = Encoding::unknown};
    } else if (text && replaceable.was_text && replaceable.bytes) {
        payload = {.bytes = std::string(*text), .encoding = Encoding::unknown};
    } else {
        ByteBuffer compact;
        append_compact(compact, members.payload);
        payload.bytes = compact.text();
    }
    Verdict verdict;
    verdict.payload = std::move(payload);
    return verdict;
}

}  // namespace

Verdict failure(Outcome outcome, std::string detail) {
    Verdict verdict{.outcome = outcome, .detail = std::move(detail)};
    verdict.reason = outcome == Outcome::queue_full
                         ? "Too many questions wait for the hooks of this server: limits.hook_queue_calls."
                         : "The hook of this channel has not given an answer.";
    return verdict;
}

Verdict read_answer(unsigned status, std::string_view body, const Replaceable& replaceable) {
    body = trim_json(body);
    const bool object = body.starts_with('{') && classify(as_bytes(body)) == Encoding::json;
    if (status == 403) return denied(object ? members_of(body).reason : std::string_view{});
    if (status < 200 || status > 299) return bad("has the status " + std::to_string(status));
    if (body.empty()) return {};
    if (!object) return bad("is neither empty nor a JSON object");
    const Members members = members_of(body);
    if (members.allow == "false") return denied(members.reason);
    if (!members.allow.empty() && members.allow != "true") return bad("has an `allow` that is not a boolean");
    if (!members.payload.empty()) return allowed_with(members, replaceable);
    return members.allow.empty() ? bad("says neither `allow` nor `payload`") : Verdict{};
}

}  // namespace millrace::hooks
