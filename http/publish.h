// Publishing by HTTP: one message as JSON, or a raw body.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/message.h"
#include "http/response.h"
#include "http/server.h"

namespace millrace::http {

/// `POST /v1/publish`
void publish_json(Exchange& exchange);
/// `POST /v1/channels/{channel}`
void publish_raw(Exchange& exchange);

/// One message as a client described it. Views into the request, or into the two strings, and so not movable.
struct Draft {
    Draft() = default;
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    std::string_view channel;
    std::string_view data;  ///< JSON text as sent
    std::string_view id;
    MessageKind kind = MessageKind::event;
    bool retain = false;
    Audience audience;
    std::string channel_text;
    std::string id_text;
};

/// Reads one message from a valid JSON document; the problem with it otherwise.
std::optional<Problem> read_draft(std::string_view json, Draft& draft);

/// A publish that is under way, has ended, or was refused.
struct Submission {
    MessagePtr message;
    std::optional<Problem> refusal;
    bool pending = false;
};
/// Gives a draft to the broker; its end comes to Session::on_published with `token`.
Submission submit(Exchange& exchange, const Draft& draft, std::uint64_t token);

/// `"id":…,"channel":…,"seq":…,"epoch":…,"at":…` of a stored message; without seq and epoch for a live one.
void append_receipt(ByteBuffer& out, const Message& message, std::string_view epoch,
                    const PublishResult* stored);
/// 201, or 200 where the id was seen before.
inline unsigned stored_status(const PublishResult& result) {
    return result.repeated ? 200 : 201;
}

/// 1 to 255 bytes of UTF-8 without NUL.
bool is_idempotency_key(std::string_view text);

/// Why the request's body cannot be JSON at all; nothing when it may be.
std::optional<Problem> check_json_type(const Request& request);

Problem bad_request(std::string_view detail);

}  // namespace millrace::http
