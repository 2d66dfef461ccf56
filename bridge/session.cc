#include "bridge/session.h"

#include <algorithm>

#include "bridge/bridge.h"
#include "core/topic_match.h"

namespace millrace::bridge {
namespace {

constexpr std::uint8_t kPingsUnanswered = 2;
/// One browser that publishes faster than the store commits is not read further.
constexpr std::size_t kPendingMax = 256;

}  // namespace

Session::Session(Bridge& bridge, Connection& connection, access::PrincipalPtr principal,
                 Generation generation, bool refused)
    : bridge_(bridge),
      connection_(connection),
      principal_(std::move(principal)),
      decoder_(bridge.limits().websocket_message_bytes),
      id_(bridge.enrol(*this)),
      connected_at_us_(bridge.shard().wall_clock_us()),
      generation_(generation),
      refused_(refused) {}

const access::Authoriser& Session::authoriser() const {
    return bridge_.broker().authoriser();
}
const std::string& Session::epoch() const {
    return bridge_.broker().store().epoch();
}

mqtt::ClientInfo Session::info() const {
    mqtt::ClientInfo info;
    info.address = connection_.peer();
    info.protocol = generation_ == Generation::first ? "rt" : "ws";
    info.transport = "websocket";
    info.user = principal_->name;
    info.connected_at_us = connected_at_us_;
    return info;
}

void Session::send_away() {
    close(websocket::CloseCode::policy_violation, "disconnected by an administrator");
}

void Session::start(std::string_view complaint, std::string_view code) {
    watch_time();
    if (!complaint.empty()) send_error({}, complaint, code);
    if (refused_) close(websocket::CloseCode::unauthorised, complaint);
}

std::size_t Session::on_bytes(ByteView bytes) {
    if (refused_) return bytes.size();
    unanswered_pings_ = 0;
    std::size_t consumed = 0;
    if (!waiting()) {
        const websocket::Decoder::Outcome outcome = decoder_.feed(bytes, *this);
        if (outcome.failure != websocket::CloseCode::normal) {
            bridge_.shard().counters().closed_protocol_error.add();
            close(outcome.failure, outcome.why);
        }
        if (connection_.closing()) return bytes.size();
        consumed = outcome.consumed;
    }
    if (waiting()) {
        paused_ = true;
        connection_.pause();
    }
    return consumed;
}

bool Session::waiting() const {
    return joining_ || reading_history_ || asking_hooks_ || pending_.size() >= kPendingMax;
}

void Session::read_on() {
    if (!paused_ || waiting()) return;
    paused_ = false;
    connection_.resume();
}

void Session::on_message(websocket::Opcode opcode, ByteView payload) {
    if (opcode != websocket::Opcode::text) {
        return close(websocket::CloseCode::unsupported_data, "frames are JSON texts");
    }
    std::optional<ClientFrame> frame = dialect().parse(as_text(payload));
    if (!frame) return bridge_.shard().counters().ignored_frames.add();
    handle(std::move(*frame));
    if (waiting()) decoder_.stop();
}

void Session::on_ping(ByteView payload) {
    // RFC 6455 5.5.3: of many pings only the latest needs an answer.
    if (connection_.closing() || outbox_bytes() > bridge_.limits().outbox_bytes) return;
    websocket::append_frame(connection_.out().tail(), websocket::Opcode::pong, payload);
    connection_.wake();
}

void Session::on_close(std::uint16_t code, std::string_view) {
    close(websocket::answer_to_close(code), {});
}

void Session::on_closed(error_code) {
    joining_.reset();
    while (!memberships_.empty()) leave(std::string(memberships_.back().room->name()));
    bridge_.forget(id_);
}

/// The next deadline: a ping, or the end of the token if that comes first.
void Session::watch_time() {
    connection_.set_deadline(
        access::time_left(*principal_, bridge_.shard().wall_clock_us(), bridge_.limits().bridge_ping));
}

void Session::on_deadline(TimePoint) {
    if (principal_->expired(bridge_.shard().wall_clock_us())) {
        send_error({}, "The token has expired.", "token_expired");
        return close(websocket::CloseCode::unauthorised, "the token has expired");
    }
    // While we do not read, its pongs cannot be seen.
    if (!paused_ && unanswered_pings_++ >= kPingsUnanswered) {
        bridge_.shard().counters().closed_timed_out.add();
        return connection_.close(Errc::timed_out);
    }
    watch_time();
    if (connection_.out().bytes() > bridge_.limits().outbox_bytes) return;
    websocket::append_frame(connection_.out().tail(), websocket::Opcode::ping, {});
    connection_.wake();
}

void Session::on_shutdown() {
    close(websocket::CloseCode::service_restart, "the server restarts");
}

void Session::close(websocket::CloseCode code, std::string_view reason) {
    if (connection_.closing()) return;
    decoder_.stop();
    websocket::append_close(connection_.out().tail(), code, reason);
    connection_.close_after_flush();
}

void Session::close_slow() {
    if (connection_.closing()) return;
    bridge_.shard().counters().dropped_outbox_full.add();
    bridge_.shard().counters().closed_slow_reader.add();
    close(websocket::CloseCode::try_again_later, "reads too slowly: limits.outbox_bytes");
}

void Session::send(ByteView text) {
    if (connection_.closing()) return;
    if (outbox_bytes() > bridge_.limits().outbox_bytes) return close_slow();
    websocket::append_frame(connection_.out().tail(), websocket::Opcode::text, text);
    connection_.wake();
}

void Session::send(const SharedFrame& frame) {
    if (connection_.closing()) return;
    if (outbox_bytes() > bridge_.limits().outbox_bytes) return close_slow();
    if (frame->payload().size() >= Outbox::kShareAtLeast) {
        connection_.out().append_shared(frame, frame->payload());
    } else {
        connection_.out().append(frame->payload());
    }
    connection_.wake();
}

void Session::send_message(const Message& message) {
    ByteBuffer& text = bridge_.scratch();
    dialect().append_message(text, message, epoch());
    send(text.view());
    bridge_.shard().counters().messages_out.add();
}

void Session::send_history(std::string_view channel, const mqtt::ReadablePage& page) {
    ByteBuffer& text = bridge_.scratch();
    append_history(text, channel, page.messages(), epoch(), page.cut() ? page.next() : 0);
    send(text.view());
}

void Session::send_error(std::string_view channel, std::string_view message, std::string_view code) {
    ByteBuffer& text = bridge_.scratch();
    dialect().append_error(text, channel, message, code);
    send(text.view());
}

Session::Membership* Session::find(std::string_view channel) {
    const auto found = std::ranges::find_if(
        memberships_, [&](const Membership& one) { return one.room->name() == channel; });
    return found == memberships_.end() ? nullptr : &*found;
}

bool Session::is_member(std::string_view channel) const {
    return std::ranges::any_of(memberships_,
                               [&](const Membership& one) { return one.room->name() == channel; });
}

Room::Member& Session::member(std::string_view channel) {
    const Membership& membership = *find(channel);
    return membership.room->member(membership.index);
}

void Session::moved(const Room& room, std::uint32_t index) {
    for (Membership& membership : memberships_) {
        if (membership.room == &room) membership.index = index;
    }
}

bool Session::gets_elsewhere(const Room& room, std::string_view channel) const {
    bool earlier = true;
    for (const Membership& membership : memberships_) {
        const Room& other = *membership.room;
        if (&other == &room) {
            earlier = false;
        } else if (other.wildcard() ? earlier && topic_matches(other.name(), channel)
                                    : other.name() == channel) {
            return true;
        }
    }
    return false;
}

/// Who is of the second generation is told of the others only, unless it asks.
void Session::enter_roster(std::string_view channel, bool watch) {
    if (!watch) return enter_roster(channel, Show::nothing);
    enter_roster(channel, generation_ == Generation::first ? Show::everybody : Show::others);
}

void Session::enter_roster(std::string_view channel, Show show) {
    find(channel)->in_roster = true;
    bridge_.enter_roster(channel, {id_, principal_, bridge_.shard().wall_clock_us()}, generation_, show);
}

void Session::leave(std::string_view channel) {
    Membership* membership = find(channel);
    if (membership == nullptr) return;
    Room& room = *membership->room;
    if (membership->in_roster) bridge_.leave_roster(channel, id_);
    room.remove(membership->index);
    memberships_.erase(memberships_.begin() + (membership - memberships_.data()));
    bridge_.release(room);
}

void Session::finish_joining() {
    joining_.reset();
    read_on();
}

void Session::on_presence_full(std::string_view channel, const SharedFrame& frame) {
    if (joining_ && joining_->channel() == channel) return joining_->on_presence_full(frame);
    const Membership* membership = find(channel);
    if (membership == nullptr) return;
    membership->room->member(membership->index).watch = Watch::changes;
    send(frame);
}

void Session::dropped_presence() {
    stale_presence_ = true;
    bridge_.shard().counters().dropped_presence.add();
}

void Session::on_drained() {
    if (stale_presence_) repair_presence();
    if (joining_) joining_->on_drained();
}

/// The roster of a reader that was too slow for the changes is sent anew.
void Session::repair_presence() {
    stale_presence_ = false;
    for (const Membership& membership : memberships_) {
        Room::Member& member = membership.room->member(membership.index);
        if (member.watch != Watch::stale) continue;
        member.watch = Watch::repairing;
        enter_roster(membership.room->name(), true);
    }
}

void Session::read(store::Range range) {
    bridge_.broker().store().read(std::move(range), bridge_.shard(),
                                  [bridge = &bridge_, id = id_](Result<store::Page> page) {
                                      Session* session = bridge->find(id);
                                      if (session != nullptr && session->joining_) {
                                          session->joining_->on_page(std::move(page));
                                      }
                                  });
}

mqtt::ReadablePage Session::newest(std::string_view channel) const {
    store::Range range;
    range.channel = channel;
    range.limit = static_cast<std::uint32_t>(authoriser().rule_for(channel).history);
    const config::Limits& limits = bridge_.limits();
    // It is one frame, or follows at once, and the socket has to have room for what comes meanwhile.
    const std::size_t bytes = std::min(store::kPageBytes, limits.outbox_bytes / 4);
    return {std::move(range), principal_, {.scan_messages = limits.history_scan_messages, .bytes = bytes}};
}

void Session::read_newest(std::string_view channel) {
    mqtt::read(bridge_.broker(), newest(channel),
               [bridge = &bridge_, id = id_](Result<mqtt::ReadablePage> page) {
                   Session* session = bridge->find(id);
                   if (session != nullptr && session->joining_) session->joining_->on_newest(std::move(page));
               });
}

void Session::on_published(std::uint64_t token, const PublishResult& result) {
    const bool failed = result.error.failed();
    end_pending(token, failed ? "The message was not stored: " + result.error.message() : std::string(),
                failed ? code_of(result.error) : std::string_view(), result.seq);
}

void Session::on_denied(std::uint64_t token, std::string_view reason) {
    end_pending(token, reason, code_of(make_error_code(Errc::not_authorised)));
}

/// `what` went wrong; empty: nothing.
void Session::end_pending(std::uint64_t token, std::string_view what, std::string_view code,
                          std::uint64_t seq) {
    const auto found = std::ranges::find(pending_, token, &Pending::token);
    if (found == pending_.end()) return;
    if (!what.empty()) send_error(found->message->channel(), what, code);
    if (what.empty()) confirm(found->message->channel(), seq);
    pending_.erase(found);
    read_on();
}

}  // namespace millrace::bridge
