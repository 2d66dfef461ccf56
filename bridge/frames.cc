#include "bridge/frames.h"

#include <algorithm>
#include <array>
#include <limits>

#include "bridge/frame_fields.h"
#include "core/compact_json.h"
#include "core/json_text.h"
#include "core/message_json.h"
#include "core/net/websocket.h"
#include "store/message_id.h"

namespace millrace::bridge {
namespace {

namespace json = boost::json;

ClientFrame::Action action_of(std::string_view name) {
    using Action = ClientFrame::Action;
    if (name == "join") return Action::join;
    if (name == "leave") return Action::leave;
    if (name == "message") return Action::message;
    if (name == "history") return Action::history;
    return Action::unknown;
}

std::optional<std::uint64_t> position_of(const json::object& options) {
    const json::value* after = options.if_contains("after");
    if (after == nullptr) return std::nullopt;
    if (after->is_int64() && after->get_int64() >= 0) return static_cast<std::uint64_t>(after->get_int64());
    // Beyond what any store counts to, which is for the store's answer to say.
    if (after->is_uint64()) return static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return std::nullopt;
}

void read_options(const json::object& options, ClientFrame& frame) {
    frame.channel = text_of(options, "channel");
    frame.authenticated = is_true(options, "authenticated");
    const json::value* to = options.if_contains("socketId");
    frame.is_private = to != nullptr && !to->is_null();
    frame.socket_id = text_of(options, "socketId");
    frame.after = position_of(options);
    frame.epoch = text_of(options, "epoch");
}

void append_opening(ByteBuffer& out, std::string_view action, std::string_view channel) {
    out.append(R"({"action":")");
    out.append(action);
    out.append(R"(","options":{"channel":)");
    append_json_string(out, channel);
}

void append_signed(ByteBuffer& out, std::int64_t value) {
    if (value < 0) out.append("-");
    append_decimal(out,
                   value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value));
}

void append_permissions(ByteBuffer& out, const access::Principal& principal) {
    out.append(R"(,"permissions":{"dbo_id":)");
    append_signed(out, principal.dbo_id);
    out.append(R"(,"row_id":)");
    append_signed(out, principal.row_id);
    out.append("}}");
}

void append_message_options(ByteBuffer& out, const Message& message, std::string_view epoch) {
    out.append(R"("options":{"channel":)");
    append_json_string(out, message.channel());
    if (message.seq() != 0) {
        out.append(R"(,"seq":)");
        append_decimal(out, message.seq());
        out.append(R"(,"epoch":)");
        append_json_string(out, epoch);
    }
    if (const std::string id = store::message_id(message, epoch); !id.empty()) {
        out.append(R"(,"id":)");
        append_json_string(out, id);
    }
    out.append(R"(,"at":)");
    append_json_time(out, message.at_us());
    if (message.encoding() == Encoding::binary) out.append(R"(,"encoding":"base64")");
    out.append("}");
}

}  // namespace

std::string payload_of(std::string_view text) {
    // Not out of the tree: a number that went through a double would come out with other digits.
    std::string_view found = "null";
    JsonItems members(text);
    while (members.next()) {
        if (members.name() == "payload") found = members.value();
    }
    std::string payload;
    payload.reserve(found.size());
    append_compact(payload, found);
    return payload;
}

std::optional<ClientFrame> parse_client_frame(std::string_view text) {
    const ParsedText parsed(text);
    ClientFrame frame;
    frame.action_name = parsed.action();
    if (frame.action_name.empty()) return std::nullopt;
    const json::object& object = *parsed.object();
    frame.action = action_of(frame.action_name);
    if (const json::object* options = object_of(object, "options")) read_options(*options, frame);
    if (frame.action == ClientFrame::Action::join) {
        const json::object* wishes = object_of(object, "payload");
        if (wishes == nullptr) return frame;
        frame.history = is_true(*wishes, "history");
        frame.presence = is_true(*wishes, "presence");
    } else if (frame.action == ClientFrame::Action::message) {
        frame.payload = payload_of(text);
    }
    return frame;
}

SharedFrame share_text_frame(ByteView text) {
    ByteBuffer framed;
    websocket::append_frame(framed, websocket::Opcode::text, text);
    MessageFields fields;
    fields.payload = framed.view();
    return Message::create(fields);
}

void append_member(ByteBuffer& out, const SocketId& socket, const access::Principal& principal) {
    out.append(R"({"socketId":")");
    out.append(SocketIdText(socket).view());
    out.append(R"(","extras":)");
    out.append(principal.extras);
    append_permissions(out, principal);
}

void append_member(ByteBuffer& out, const mqtt::MqttMember& client) {
    const std::string_view extras = client.principal->extras;
    out.append(R"({"socketId":)");
    append_json_string(out, std::string(mqtt::kMqttSocketId) + client.client_id);
    out.append(R"(,"extras":)");
    out.append(extras.substr(0, extras.size() - 1));
    out.append(extras == "{}" ? R"("mqtt_client_id":)" : R"(,"mqtt_client_id":)");
    append_json_string(out, client.client_id);
    out.append("}");
    append_permissions(out, *client.principal);
}

void append_join(ByteBuffer& out, const JoinAck& ack) {
    append_opening(out, "join", ack.channel);
    out.append(R"(,"socketId":")");
    out.append(SocketIdText(ack.socket).view());
    out.append("\"");
    if (ack.reset) {
        out.append(R"(,"reset":true)");
        if (ack.first != 0) {
            out.append(R"(,"first":)");
            append_decimal(out, ack.first);
        }
        append_reason(out, ack.reason);
    }
    out.append(R"(},"payload":null})");
}

void append_reason(ByteBuffer& out, std::string_view reason) {
    if (reason.empty()) return;
    out.append(R"(,"reason":")");
    out.append(reason);
    out.append("\"");
}

void append_leave(ByteBuffer& out, std::string_view channel) {
    append_opening(out, "leave", channel);
    out.append(R"(},"payload":null})");
}

void append_message(ByteBuffer& out, const Message& message, std::string_view epoch) {
    const bool event = message.kind() == MessageKind::event;
    out.append(event ? R"({"action":"event",)" : R"({"action":"message",)");
    if (!message.client().empty()) {
        out.append(R"("client":)");
        out.append(message.client());
        out.append(",");
    }
    append_message_options(out, message, epoch);
    out.append(event ? R"(,"payload":{"data":)" : R"(,"payload":)");
    append_json_data(out, message);
    out.append(event ? "}}" : "}");
}

void append_history(ByteBuffer& out, std::string_view channel, std::span<const MessagePtr> messages,
                    std::string_view epoch, std::uint64_t cut_before) {
    append_opening(out, "history", channel);
    if (cut_before != 0) {
        out.append(R"(,"truncated":true,"before":)");
        append_decimal(out, cut_before);
    }
    out.append(R"(},"payload":{"history":[)");
    for (const MessagePtr& message : messages) {
        if (&message != messages.data()) out.append(",");
        append_message(out, *message, epoch);
    }
    out.append("]}}");
}

void append_private(ByteBuffer& out, const PrivateMessage& message) {
    out.append(R"({"action":"message","client":)");
    append_member(out, message.sender, message.principal);
    out.append(R"(,"options":{"channel":)");
    append_json_string(out, message.channel);
    out.append(R"(,"socketId":")");
    out.append(SocketIdText(message.sender).view());
    out.append(R"("},"payload":)");
    out.append(message.payload);
    out.append("}");
}

PresenceFull::PresenceFull(ByteBuffer& out, std::string_view channel) : out_(out) {
    append_opening(out, "presence_full", channel);
    out.append(R"(},"payload":{"presence":[)");
}

void PresenceFull::separate() {
    if (!first_) out_.append(",");
    first_ = false;
}

void PresenceFull::add(const SocketId& socket, const access::Principal& principal) {
    separate();
    append_member(out_, socket, principal);
}

void PresenceFull::add(const mqtt::MqttMember& client) {
    separate();
    append_member(out_, client);
}

void PresenceFull::finish() {
    out_.append("]}}");
}

void append_presence_update(ByteBuffer& out, const PresenceUpdate& update) {
    append_opening(out, "presence_update", update.channel);
    out.append(update.joined ? R"(},"payload":{"action":"join","presence":)"
                             : R"(},"payload":{"action":"leave","presence":)");
    out.append(update.member);
    out.append("}}");
}

void append_error(ByteBuffer& out, std::string_view channel, std::string_view message,
                  std::string_view code) {
    if (channel.empty()) {
        out.append(R"({"action":"error","options":{)");
    } else {
        append_opening(out, "error", channel);
    }
    out.append(R"(},"payload":{"message":)");
    append_json_string(out, message);
    out.append(R"(,"code":")");
    out.append(code);
    out.append("\"}}");
}

std::string_view code_of(error_code error) {
    constexpr auto kWords = std::to_array<std::pair<Errc, std::string_view>>({
        {Errc::not_authorised, "not_authorised"},
        {Errc::invalid_channel, "invalid_channel"},
        {Errc::overloaded, "overloaded"},
        {Errc::store_unavailable, "store_unavailable"},
        {Errc::too_large, "too_large"},
        {Errc::timed_out, "timed_out"},
    });
    for (const auto& [known, word] : kWords) {
        if (error == make_error_code(known)) return word;
    }
    return "failed";
}

}  // namespace millrace::bridge
