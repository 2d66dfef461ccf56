#include "mqtt/broker/replay.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "core/message_json.h"
#include "core/topic_match.h"
#include "mqtt/broker/client.h"
#include "mqtt/broker/session_table.h"
#include "mqtt/codec/topic.h"

namespace millrace::mqtt {
namespace {

/// After a read that has failed.
constexpr Milliseconds kRetryTime{1000};

/// In one step of a list.
constexpr std::uint32_t kListChannels = 500;

/// What somebody else has named, for a line of the log.
std::string quoted(std::string_view text) {
    ByteBuffer out;
    append_json_string(out, text);
    return std::string(out.text());
}

}  // namespace

Replay::~Replay() = default;

bool Replay::add(std::string_view channel, const Position& position) {
    if (!channels_.contains(channel)) {
        if (channels_.size() >= positions_max()) forget_live();
        if (channels_.size() >= positions_max()) return false;
    }
    add_always(channel, position);
    return true;
}

void Replay::add_always(std::string_view channel, const Position& position) {
    Channel fresh;
    fresh.position = position;
    const auto [at, added] = channels_.try_emplace(std::string(channel), std::move(fresh));
    if (added) return;
    Channel& entry = at->second;
    Position& have = entry.position;
    entry.live = false;
    if (have.newest != 0) {
        if (entry.oldest_live == 0 || position.after < entry.oldest_live)
            entry.oldest_live = position.after + 1;
        return;
    }
    if (have.reset_to == 0) have.reset_to = position.reset_to;
    if (position.after >= have.after) return;
    if (catch_up_ && reading_ == at) abandon();
    have.after = position.after;
    have.at_us = position.at_us;
}

std::optional<std::int64_t> Replay::oldest_us() const {
    std::optional<std::int64_t> oldest;
    for (const auto& [name, channel] : channels_) {
        const std::int64_t at_us = channel.position.at_us;
        if (!channel.live && at_us < oldest.value_or(at_us + 1)) oldest = at_us;
    }
    return oldest;
}

bool Replay::place(std::string_view channel, const Position& position) {
    const auto known = channels_.find(channel);
    if (known == channels_.end()) return add(channel, position);
    if (catch_up_ && reading_ == known) abandon();
    known->second = {};
    known->second.position = position;
    return true;
}

bool Replay::list(std::string_view filter, std::uint32_t newest) {
    std::erase_if(lists_, [&](const List& list) { return list.filter == filter; });
    if (lists_.size() >= positions_max()) return false;
    if (!catch_up_) abandon();
    const std::string_view beginning = literal_beginning(filter);
    lists_.push_back({std::string(filter), newest, std::string(beginning)});
    if (!beginning.empty()) found(lists_.back(), beginning);
    return true;
}

std::size_t Replay::positions_max() const {
    return seat_->table().broker().config().limits.session_positions;
}

/// False: there is no room for more channels.
bool Replay::found(const List& list, std::string_view channel) {
    if (!topic_matches(list.filter, channel) || channels_.contains(channel)) return true;
    if (!seat_->may_replay(channel, list.filter)) return true;
    Position position;
    position.newest = list.newest;
    position.asked = true;
    return add(channel, position);
}

/// A channel that is known of, or that a list would find; nullptr: neither.
Replay::Channel* Replay::find_listed(std::string_view channel) {
    auto at = channels_.find(channel);
    for (auto list = lists_.begin(); at == channels_.end() && list != lists_.end(); ++list) {
        found(*list, channel);
        at = channels_.find(channel);
    }
    return at == channels_.end() ? nullptr : &at->second;
}

/// Those that are kept only because something could come twice, which after so many others it does not.
void Replay::forget_live() {
    std::erase_if(channels_,
                  [](const auto& entry) { return entry.second.live && entry.second.position.reset_to == 0; });
}

bool Replay::lets_through(const MessagePtr& message, std::uint64_t& reset_to) {
    Channel* channel = find_listed(message->channel());
    if (channel == nullptr) return true;
    if (channel->live) {
        reset_to = channel->position.reset_to;
        const bool fresh = message->seq() > channel->position.after;
        if (fresh || (message->seq() == channel->position.after && reset_to == 0))
            channels_.erase(channels_.find(message->channel()));
        return fresh;
    }
    if (channel->oldest_live == 0) channel->oldest_live = message->seq();
    channel->newest_live = message->seq();
    if (catch_up_ && &reading_->second == channel) catch_up_->hold(message);
    return false;
}

bool Replay::takes_retained(const MessagePtr& message) {
    if (message->seq() == 0) return false;
    Channel* channel = find_listed(message->channel());
    if (channel == nullptr || channel->live) return false;
    if (channel->position.newest != 0) channel->retained = message;
    return message->seq() > channel->position.after;
}

void Replay::subscribed() {
    if (catch_up_) subscriptions_ = seat_->subscriptions_to(reading_->first);
}

void Replay::unsubscribed(std::string_view filter) {
    if (!catch_up_) abandon();
    std::erase_if(lists_, [&](const List& list) { return list.filter == filter; });
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
    if (ticket_ == 0 && !armed()) start_next();
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
    if (!lists_.empty()) return find_channels();
    reading_ = next_behind();
    if (reading_ == channels_.end()) return;
    last_ = reading_->first;
    pages_ = 0;
    full_ = false;
    store::CatchUp::Follower& follower = *this;
    catch_up_ = std::make_unique<store::CatchUp>(follower, reading_->first, ahead_bytes());
    subscribed();
    const Position& position = reading_->second.position;
    if (position.newest == 0) return catch_up_->resume(position.after, position.same_epoch);
    read({.channel = reading_->first, .after = {}, .before = {}, .limit = 1});
}

/// Positions have no holes, so it is enough to know the first and the last. What has come live since the
/// client subscribed does not count, and is not left out.
void Replay::find_position(const store::Page& page) {
    Channel& channel = reading_->second;
    const std::uint64_t newest = std::exchange(channel.position.newest, 0);
    const std::uint64_t gone = page.first == 0 ? page.last : page.first - 1;
    const std::uint64_t end = channel.oldest_live == 0 ? page.last : channel.oldest_live - 1;
    const std::uint64_t after = std::min(std::max(end - std::min(end, newest), gone), end);
    channel.position.after = after;
    const MessagePtr retained = std::exchange(channel.retained, nullptr);
    if (retained && retained->seq() <= after) seat_->send_from_log(retained, subscriptions_, 0, true);
    catch_up_->resume(after, true);
}

void Replay::find_channels() {
    ticket_ = seat_->table().next_ticket();
    seat_->client()->list_channels(lists_.front().after, kListChannels, ticket_);
}

void Replay::on_answer(std::uint32_t ticket, Result<std::vector<store::ChannelInfo>> channels) {
    if (ticket != ticket_) return;
    ticket_ = 0;
    if (!channels) return failed(channels.error());
    List& list = lists_.front();
    const std::string beginning(literal_beginning(list.filter));
    bool more = channels->size() == kListChannels;
    for (const store::ChannelInfo& channel : *channels) {
        list.after = channel.name;
        more = more && channel.name.starts_with(beginning);
        if (!found(list, channel.name)) more = false;
    }
    if (!more) lists_.erase(lists_.begin());
    start_next();
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

void Replay::on_answer(std::uint32_t ticket, Result<store::Page> page) {
    if (ticket != ticket_) return;
    ticket_ = 0;
    if (reading_->second.position.newest == 0) return catch_up_->on_page(std::move(page));
    if (!page) return failed(page.error());
    find_position(*page);
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
    position.at_us = message->at_us();
    if (sent == Sent::yes) position.reset_to = 0;
}

void Replay::position_found() {
    reading_->second.position.same_epoch = true;
    reading_->second.position.asked = false;
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
