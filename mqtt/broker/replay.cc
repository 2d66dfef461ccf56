#include "mqtt/broker/replay.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "core/message_json.h"
#include "core/topic_match.h"
#include "mqtt/broker/client.h"
#include "mqtt/broker/session_table.h"

namespace millrace::mqtt {
namespace {

/// After a read that has failed.
constexpr Milliseconds kRetryTime{1000};

/// What somebody else has named, for a line of the log.
std::string quoted(std::string_view text) {
    ByteBuffer out;
    append_json_string(out, text);
    return std::string(out.text());
}

}  // namespace

Replay::~Replay() = default;

bool Replay::add(std::string_view channel, const Position& position) {
    const auto known = channels_.find(channel);
    if (known != channels_.end()) {
        Position& have = known->second.position;
        known->second.live = false;
        if (have.reset_to == 0) have.reset_to = position.reset_to;
        if (position.after >= have.after) return true;
        if (catch_up_ && reading_ == known) abandon();
        have.after = position.after;
        return true;
    }
    const std::size_t most = seat_->table().broker().config().limits.session_positions;
    if (channels_.size() >= most) forget_live();
    if (channels_.size() >= most) return false;
    channels_.emplace(std::string(channel), Channel{.position = position, .newest_live = 0, .live = false});
    return true;
}

/// Those that are kept only because something could come twice, which after so many others it does not.
void Replay::forget_live() {
    std::erase_if(channels_,
                  [](const auto& entry) { return entry.second.live && entry.second.position.reset_to == 0; });
}

bool Replay::lets_through(const MessagePtr& message, std::uint64_t& reset_to) {
    const auto at = channels_.find(message->channel());
    if (at == channels_.end()) return true;
    Channel& channel = at->second;
    if (channel.live) {
        reset_to = channel.position.reset_to;
        const bool fresh = message->seq() > channel.position.after;
        if (fresh || (message->seq() == channel.position.after && reset_to == 0)) channels_.erase(at);
        return fresh;
    }
    channel.newest_live = message->seq();
    if (catch_up_ && reading_ == at) catch_up_->hold(message);
    return false;
}

bool Replay::brings(const Message& message) const {
    const auto at = channels_.find(message.channel());
    return at != channels_.end() && !at->second.live && message.seq() > at->second.position.after;
}

void Replay::subscribed() {
    if (catch_up_) subscriptions_ = seat_->subscriptions_to(reading_->first);
}

void Replay::unsubscribed(std::string_view filter) {
    for (auto at = channels_.begin(); at != channels_.end();) {
        const auto here = at++;
        if (!topic_matches(filter, here->first) || !seat_->subscriptions_to(here->first).empty()) continue;
        if (catch_up_ && reading_ == here) abandon();
        channels_.erase(here);
    }
    subscribed();
}

void Replay::for_each(const std::function<void(const std::string&, const Position&)>& f) const {
    for (const auto& [name, channel] : channels_) {
        if (!channel.live) f(name, channel.position);
    }
}

void Replay::go_on() {
    if (catch_up_) return catch_up_->on_drained();
    if (!armed()) start_next();
}

/// Each has its turn, in a circle.
Replay::Channels::iterator Replay::next_behind() {
    const auto behind = [](const auto& entry) { return !entry.second.live; };
    const auto middle = channels_.upper_bound(last_);
    const auto found = std::find_if(middle, channels_.end(), behind);
    if (found != channels_.end()) return found;
    const auto again = std::find_if(channels_.begin(), middle, behind);
    return again == middle ? channels_.end() : again;
}

void Replay::start_next() {
    if (seat_->client() == nullptr || !has_room()) return;
    reading_ = next_behind();
    if (reading_ == channels_.end()) return;
    last_ = reading_->first;
    pages_ = 0;
    full_ = false;
    store::CatchUp::Follower& follower = *this;
    catch_up_ = std::make_unique<store::CatchUp>(follower, reading_->first, ahead_bytes());
    subscribed();
    const Position& position = reading_->second.position;
    catch_up_->resume(position.after, position.same_epoch);
}

void Replay::abandon() {
    catch_up_.reset();
    ticket_ = 0;
}

void Replay::stop() {
    abandon();
    seat_->table().shard().timers().cancel(*this);
}

void Replay::on_timer(TimePoint) {
    start_next();
}

void Replay::on_page(std::uint32_t ticket, Result<store::Page> page) {
    if (catch_up_ && ticket == ticket_) catch_up_->on_page(std::move(page));
}

std::size_t Replay::ahead_bytes() const {
    return std::min(store::kAheadBytes, seat_->table().context().limits.outbox_bytes / 4);
}

/// After a page another channel has its turn, if there is one.
void Replay::read(store::Range range) {
    if (pages_++ != 0 && next_behind() != reading_) {
        abandon();
        return start_next();
    }
    ticket_ = seat_->table().next_ticket();
    seat_->client()->read(std::move(range), ticket_);
}

bool Replay::has_room() {
    return seat_->client()->has_room(ahead_bytes());
}

void Replay::send(const MessagePtr& message) {
    if (full_) return;
    Position& position = reading_->second.position;
    const Sent sent = seat_->send_from_log(message, subscriptions_, position.reset_to);
    full_ = sent == Sent::no_room;
    if (full_) return;
    position.after = message->seq();
    if (sent == Sent::yes) position.reset_to = 0;
}

void Replay::position_found() {
    reading_->second.position.same_epoch = true;
}

void Replay::position_lost(std::uint64_t first) {
    Position& position = reading_->second.position;
    seat_->table().shard().counters().positions_lost.add();
    if (!position.asked) {
        spdlog::warn(
            "MQTT client {} was away from channel {} for longer than `retention` keeps: it has {}, "
            "what is left begins at {}",
            quoted(seat_->client()->id()), quoted(reading_->first), position.after, first);
    }
    position.reset_to = first;
    position.after = first - 1;
    position.same_epoch = true;
}

void Replay::caught_up() {
    catch_up_.reset();
    // What had been held and found no room is read again.
    if (!full_) {
        reading_->second.live = true;
        // When the last one that was read has come live, too, nothing can come twice.
        if (reading_->second.newest_live >= reading_->second.position.after &&
            reading_->second.position.reset_to == 0)
            channels_.erase(reading_);
    }
    start_next();
}

/// A store that is away, or has too much to do.
void Replay::failed(error_code) {
    abandon();
    seat_->table().shard().timers().arm_in(*this, kRetryTime);
}

}  // namespace millrace::mqtt
