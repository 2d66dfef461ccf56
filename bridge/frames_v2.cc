#include "bridge/frames_v2.h"

#include <charconv>

#include "bridge/frame_fields.h"
#include "core/message_json.h"
#include "mqtt/broker/message_type.h"

namespace millrace::bridge::v2 {
namespace {

namespace json = boost::json;
constexpr std::int64_t kMillisecond = 1000;

ClientFrame::Action action_of(std::string_view name) {
    using Action = ClientFrame::Action;
    if (name == "ping") return Action::ping;
    if (name == "join") return Action::join;
    if (name == "leave") return Action::leave;
    if (name == "broadcast") return Action::message;
    if (name == "ack") return Action::ack;
    if (name == "presence") return Action::presence;
    return Action::unknown;
}

std::int64_t integer_of(const json::object& object, std::string_view name) {
    const json::value* member = object.if_contains(name);
    return member != nullptr && member->is_int64() ? member->get_int64() : 0;
}

/// What a joiner gets unless it says no.
bool is_wanted(const json::object* wishes, std::string_view name) {
    const json::value* member = wishes == nullptr ? nullptr : wishes->if_contains(name);
    return member == nullptr || !member->is_bool() || member->get_bool();
}

void read_recipient(const json::object& options, ClientFrame& frame, SecondFields& fields) {
    const json::value* to = options.if_contains("to");
    frame.is_private = to != nullptr && !to->is_null();
    if (const json::object* user = object_of(options, "to")) {
        fields.to_dbo_id = integer_of(*user, "dbo_id");
        fields.to_row_id = integer_of(*user, "row_id");
    }
}

void read_options(const json::object& options, ClientFrame& frame, SecondFields& fields) {
    if (std::string channel = text_of(options, "channel"); !channel.empty())
        frame.channel = std::move(channel);
    fields.client_id = text_of(options, "client_id");
    fields.position = text_of(options, frame.action == ClientFrame::Action::join ? "cursor" : "id");
    if (frame.action == ClientFrame::Action::message) read_recipient(options, frame, fields);
}

void begin(ByteBuffer& out, std::string_view action, std::string_view channel) {
    out.append(R"({"action":")");
    out.append(action);
    out.append("\"");
    if (channel.empty()) return;
    out.append(R"(,"channel":)");
    append_json_string(out, channel);
}

void append_type(ByteBuffer& out, std::string_view type) {
    out.append(R"(,"type":)");
    append_json_string(out, type);
}

void append_count(ByteBuffer& out, std::string_view action, std::string_view channel, std::size_t count) {
    begin(out, action, channel);
    out.append(R"(,"payload":{"count":)");
    append_decimal(out, count);
}

void append_flow(ByteBuffer& out, Flow flow) {
    if (flow == Flow::conversation) out.append(R"(,"conversation":true)");
}

}  // namespace

std::optional<ClientFrame> parse_client_frame(std::string_view text) {
    const ParsedText parsed(text);
    ClientFrame frame;
    frame.action_name = parsed.action();
    if (frame.action_name.empty()) return std::nullopt;
    const json::object& object = *parsed.object();
    frame.action = action_of(frame.action_name);
    frame.channel = text_of(object, "channel");
    auto fields = std::make_unique<SecondFields>();
    if (const json::object* options = object_of(object, "options")) read_options(*options, frame, *fields);
    if (frame.action == ClientFrame::Action::message) {
        fields->type = text_of(object, "type");
        frame.payload = payload_of(text);
    } else if (frame.action == ClientFrame::Action::ack) {
        if (fields->position.empty()) fields->position = text_of(object, "id");
    } else if (frame.action == ClientFrame::Action::join) {
        const json::object* wishes = object_of(object, "payload");
        frame.history = is_wanted(wishes, "history");
        frame.presence = is_wanted(wishes, "presence");
    }
    frame.second = std::move(fields);
    return frame;
}

std::string position_text(std::string_view epoch, std::uint64_t seq) {
    return std::string(epoch) + "-" + std::to_string(seq);
}

std::optional<Position> parse_position(std::string_view text) {
    const std::size_t dash = text.rfind('-');
    if (dash == std::string_view::npos) return std::nullopt;
    Position position{.epoch = std::string(text.substr(0, dash))};
    const auto parsed = std::from_chars(text.data() + dash + 1, text.data() + text.size(), position.seq);
    const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
    return whole ? std::optional(std::move(position)) : std::nullopt;
}

void append_message(ByteBuffer& out, const Message& message, std::string_view epoch, Flow flow) {
    begin(out, flow == Flow::replay ? "replay" : "message", message.channel());
    append_type(out, mqtt::message_type(message));
    if (message.seq() != 0) {
        out.append(R"(,"id":")");
        out.append(epoch);
        out.append("-");
        append_decimal(out, message.seq());
        out.append("\"");
    }
    out.append(R"(,"ts":)");
    append_decimal(out, static_cast<std::uint64_t>(message.at_us() / kMillisecond));
    append_flow(out, flow);
    if (message.encoding() == Encoding::binary) out.append(R"(,"encoding":"base64")");
    if (!message.client().empty()) {
        out.append(R"(,"client":)");
        out.append(message.client());
    }
    out.append(R"(,"payload":)");
    append_json_data(out, message);
    out.append("}");
}

void append_direct(ByteBuffer& out, const PrivateMessage& message) {
    begin(out, "message", message.channel);
    append_type(out, message.type);
    out.append(R"(,"direct":true,"client":)");
    bridge::append_member(out, message.sender, message.principal);
    out.append(R"(,"payload":)");
    out.append(message.payload);
    out.append("}");
}

void append_join(ByteBuffer& out, const JoinAck& ack) {
    begin(out, "join", ack.channel);
    out.append(R"(,"payload":{"joined":true,"params":{})");
    if (!ack.cursor.empty()) {
        out.append(R"(,"cursor":)");
        append_json_string(out, ack.cursor);
    }
    if (ack.asked) out.append(ack.resumed ? R"(,"resumed":true)" : R"(,"resumed":false)");
    if (!ack.first.empty()) {
        out.append(R"(,"first":)");
        append_json_string(out, ack.first);
    }
    append_reason(out, ack.reason);
    out.append("}}");
}

void append_leave(ByteBuffer& out, std::string_view channel) {
    begin(out, "leave", channel);
    out.append("}");
}

void append_pong(ByteBuffer& out) {
    out.append(R"({"action":"pong"})");
}

void append_receipt(ByteBuffer& out, const Receipt& receipt) {
    begin(out, "broadcast", receipt.channel);
    out.append(R"(,"payload":{"delivered_local":)");
    append_decimal(out, receipt.reached);
    if (!receipt.id.empty()) {
        out.append(R"(,"id":)");
        append_json_string(out, receipt.id);
    }
    out.append(receipt.direct ? R"(,"direct":true}})" : "}}");
}

void append_ack(ByteBuffer& out, std::string_view channel, std::string_view cursor) {
    begin(out, "ack", channel);
    out.append(R"(,"payload":{"cursor":)");
    append_json_string(out, cursor);
    out.append("}}");
}

void append_conversation_start(ByteBuffer& out, std::string_view channel, std::size_t count,
                               std::string_view cut_before) {
    append_count(out, "conversation_start", channel, count);
    if (!cut_before.empty()) {
        out.append(R"(,"truncated":true,"before":)");
        append_json_string(out, cut_before);
    }
    out.append("}}");
}
void append_conversation_end(ByteBuffer& out, std::string_view channel, std::size_t count) {
    append_count(out, "conversation_end", channel, count);
    out.append("}}");
}

Identity identity_of(const access::Principal& principal) {
    if (!principal.authenticated()) return {0, "0"};
    const bool has_row = principal.row_id != 0 || principal.name.empty();
    return {principal.dbo_id, has_row ? std::to_string(principal.row_id) : principal.name};
}

void append_member(ByteBuffer& out, const access::Principal& principal, std::int64_t joined_at_us) {
    const Identity identity = identity_of(principal);
    out.append(R"({"id":)");
    append_json_string(out, identity.id);
    out.append(R"(,"dbo_id":)");
    out.append(std::to_string(identity.dbo_id));
    out.append(principal.authenticated() ? R"(,"authenticated":true,"extras":)"
                                         : R"(,"authenticated":false,"extras":)");
    out.append(principal.extras);
    out.append(R"(,"joined_at":)");
    out.append(std::to_string(joined_at_us / kMillisecond));
    out.append("}");
}

void append_presence_full(ByteBuffer& out, std::string_view channel, ByteView members) {
    begin(out, "presence_full", channel);
    out.append(R"(,"payload":{"members":[)");
    out.append(members);
    out.append("]}}");
}

void append_presence_change(ByteBuffer& out, std::string_view channel, bool joined, ByteView member) {
    begin(out, joined ? "presence_join" : "presence_leave", channel);
    out.append(R"(,"payload":{"member":)");
    out.append(member);
    out.append("}}");
}

void append_error(ByteBuffer& out, std::string_view channel, std::string_view message,
                  std::string_view code) {
    begin(out, "error", channel);
    out.append(R"(,"payload":{"message":)");
    append_json_string(out, message);
    out.append(R"(,"code":")");
    out.append(code);
    out.append("\"}}");
}

}  // namespace millrace::bridge::v2
