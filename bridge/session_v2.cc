// What only browsers of the second generation ask for, and hear.
#include "bridge/bridge.h"
#include "bridge/session.h"
#include "mqtt/broker/message_type.h"

namespace millrace::bridge {
namespace {

constexpr std::size_t kClientIdBytesMax = 255;

}  // namespace

void Session::handle_ping() {
    ByteBuffer& text = bridge_.scratch();
    v2::append_pong(text);
    send(text.view());
}

void Session::handle_broadcast(const ClientFrame& frame) {
    if (!mqtt::is_message_type(frame.second->type)) {
        return send_error(frame.channel, "`type` must be a string of 1 to 255 bytes without NUL.",
                          "invalid_type");
    }
    handle_message(frame);
}

void Session::handle_direct(const ClientFrame& frame) {
    const SecondFields& fields = *frame.second;
    if (fields.to_dbo_id <= 0 || fields.to_row_id <= 0) {
        return send_error(frame.channel,
                          "options.to must be {\"dbo_id\", \"row_id\"} with positive integers.",
                          "invalid_recipient");
    }
    bridge_.send_round({.channel = frame.channel,
                        .from = id_,
                        .direct = std::make_unique<const Bridge::Private>(letter(frame)),
                        .to_dbo_id = fields.to_dbo_id,
                        .to_row_id = fields.to_row_id});
}

Bridge::Private Session::letter(const ClientFrame& frame) const {
    return {.channel = frame.channel,
            .from = id_,
            .sender = principal_,
            .type = frame.second ? frame.second->type : std::string("message"),
            .payload = frame.payload};
}

void Session::send_private(const Bridge::Private& message) {
    ByteBuffer& text = bridge_.scratch();
    dialect().append_private(text,
                             {message.channel, message.from, *message.sender, message.payload, message.type});
    send(text.view());
}

/// A message is out, and stored if its channel is: the second generation hears of it.
void Session::confirm(std::string_view channel, std::uint64_t seq) {
    if (generation_ == Generation::first) return;
    bridge_.send_round({.channel = std::string(channel), .from = id_, .seq = seq});
}

void Session::send_receipt(const Bridge::Round& round) {
    v2::Receipt receipt{.channel = round.channel, .reached = round.reached};
    if (round.seq != 0) receipt.id = v2::position_text(epoch(), round.seq);
    receipt.direct = round.direct != nullptr;
    ByteBuffer& text = bridge_.scratch();
    v2::append_receipt(text, receipt);
    send(text.view());
}

void Session::send_message(const Message& message, v2::Flow flow) {
    ByteBuffer& text = bridge_.scratch();
    v2::append_message(text, message, epoch(), flow);
    send(text.view());
    bridge_.shard().counters().messages_out.add();
}

void Session::send_conversation(std::string_view channel, const mqtt::ReadablePage& page) {
    const std::vector<MessagePtr>& messages = page.messages();
    const std::string cut_before = page.cut() ? v2::position_text(epoch(), page.next()) : std::string();
    ByteBuffer& start = bridge_.scratch();
    v2::append_conversation_start(start, channel, messages.size(), cut_before);
    send(start.view());
    for (const MessagePtr& message : messages) send_message(*message, v2::Flow::conversation);
    ByteBuffer& end = bridge_.scratch();
    v2::append_conversation_end(end, channel, messages.size());
    send(end.view());
}

/// False, and the browser was told: a client_id has to be short.
bool Session::remember_client(const ClientFrame& frame) {
    if (!frame.second || frame.second->client_id.empty()) return true;
    if (frame.second->client_id.size() > kClientIdBytesMax) {
        send_error(frame.channel, "options.client_id may have 255 bytes.", "invalid_client_id");
        return false;
    }
    client_id_ = std::make_unique<const std::string>(frame.second->client_id);
    return true;
}

std::string Session::reader(std::string_view channel, std::string_view client_id) const {
    if (client_id.empty() && !principal_->authenticated()) return {};
    const v2::Identity identity = v2::identity_of(*principal_);
    std::string name = principal_->authenticated() ? "user" : "anonymous";
    name += std::to_string(identity.dbo_id);
    for (const std::string_view part :
         {std::string_view(principal_->name), std::string_view(identity.id), client_id, channel}) {
        name += '\0';
        name += part;
    }
    return name;
}

void Session::find_cursor(std::string_view channel, std::string_view client_id) {
    bridge_.find_cursor(channel, reader(channel, client_id), id_);
}

void Session::on_cursor(std::string_view channel, std::optional<Cursors::Place> cursor) {
    if (joining_ && joining_->channel() == channel) joining_->on_cursor(cursor);
}

void Session::handle_ack(const ClientFrame& frame) {
    if (!is_member(frame.channel)) {
        return send_error(frame.channel, "Join the channel before acknowledging.", "not_joined");
    }
    const std::optional<v2::Position> position = v2::parse_position(frame.second->position);
    if (!position || position->epoch != epoch()) {
        return send_error(frame.channel, "`id` is not that of a message of this channel.", "unknown_id");
    }
    const std::string& given = frame.second->client_id;
    const std::string_view known = client_id_ ? std::string_view(*client_id_) : std::string_view();
    std::string reader = this->reader(frame.channel, given.empty() ? known : std::string_view(given));
    if (reader.empty() || given.size() > kClientIdBytesMax) {
        return send_error(frame.channel, "An anonymous client has to join with options.client_id.",
                          "invalid_client_id");
    }
    bridge_.move_cursor(
        {.channel = frame.channel, .reader = std::move(reader), .seq = position->seq, .asker = id_});
}

void Session::on_acknowledged(std::string_view channel, std::uint64_t cursor) {
    ByteBuffer& text = bridge_.scratch();
    v2::append_ack(text, channel, v2::position_text(epoch(), cursor));
    send(text.view());
}

void Session::handle_presence(const ClientFrame& frame) {
    const Membership* membership = find(frame.channel);
    if (membership == nullptr) {
        return send_error(frame.channel, "Join the channel before asking who is there.", "not_joined");
    }
    const access::Decision decision =
        authoriser().may(*principal_, access::Action::see_presence, frame.channel);
    if (refuse(frame.channel, decision)) return;
    if (!membership->in_roster) {
        return send_error(frame.channel, "This channel has no presence.", "no_presence");
    }
    enter_roster(frame.channel, Show::everybody);
}

}  // namespace millrace::bridge
