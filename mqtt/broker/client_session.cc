#include "mqtt/broker/client_session.h"

#include <algorithm>
#include <utility>

#include "core/access/authoriser.h"
#include "mqtt/broker/client.h"
#include "mqtt/broker/client_message.h"
#include "mqtt/broker/session_table.h"
#include "mqtt/codec/topic.h"

namespace millrace::mqtt {
namespace {

SubscriptionOptions options_of(const Subscription& subscription) {
    return {subscription.qos, subscription.no_local, subscription.retain_as_published,
            subscription.identifier};
}

Terms terms_of(const Message& message, const Match& match, const Share* share) {
    Terms terms;
    terms.qos = std::min(match.qos, message.qos());  // [MQTT-3.8.4-8]
    // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
    terms.retain = match.retained || (match.retain_as_published && message.retain());
    terms.identifiers = match.identifiers;
    terms.share = share;
    return terms;
}

}  // namespace

ClientSession::ClientSession(SessionTable& table, std::size_t index)
    : table_(table), index_(static_cast<std::uint32_t>(index)) {}

ClientSession::~ClientSession() {
    if (session_) discard_session();
    if (hand_over_) unsubscribe_stub();
}

void ClientSession::unsubscribe(std::string_view filter) {
    if (parse_shared(filter)) return table_.broker().members().leave(*this, filter);
    table_.broker().unsubscribe(filter, *this);
}

void ClientSession::withdraw(std::string_view filter) {
    unsubscribe(filter);
    table_.saver().unsubscribed(*this, filter);
    if (!parse_shared(filter)) {
        if (replay_) replay_->unsubscribed(filter);
        return table_.broker().attendance().left(filter, session_->client_id());
    }
    // [MQTT-3.10.4-2]; what was sent before stays the client's [MQTT-3.10.4-3].
    table_.broker().members().give_back(session_->take_queued_for_groups(filter, table_.shard().counters()));
}

void ClientSession::tell_groups(bool connected) {
    for (const auto& subscription : session_->shared_subscriptions()) {
        table_.broker().members().set_connected(*this, subscription->filter, connected);
    }
}

std::optional<MqttMember> ClientSession::mqtt_member() const {
    if (!session_ || client_ == nullptr || !client_->connected()) return std::nullopt;
    return MqttMember{session_->client_id(), principal_};
}

/// Who watches a channel that this client has subscribed to learns that it is here.
void ClientSession::enter_rosters() {
    Attendance& attendance = table_.broker().attendance();
    if (!attendance.watching()) return;
    for (const auto& subscription : session_->subscriptions())
        attendance.entered(subscription->filter, *this);
}

void ClientSession::leave_rosters(Leaving leaving) {
    Attendance& attendance = table_.broker().attendance();
    if (!session_ || !attendance.watching()) return;
    for (const auto& subscription : session_->subscriptions())
        attendance.left(subscription->filter, session_->client_id(), leaving);
}

/// The session is over: what it had of its groups is for other members (4.8.2).
void ClientSession::leave_to_groups() {
    GroupMembers& members = table_.broker().members();
    members.give_back(session_->in_flight_for_groups());
    members.give_back(session_->take_queued_for_groups({}, table_.shard().counters()));
}

void ClientSession::start(Client& client, ConnectRequest request, ClientSession* predecessor) {
    if (predecessor == nullptr) {
        replace_session(request.client_id);
        return begin(client, std::move(request), false);
    }
    state_ = State::awaiting;
    client_ = &client;
    client.wait_for(*this);
    const bool wants_session = !request.clean_start;
    hand_over_ = std::make_unique<HandOver>();
    hand_over_->predecessor = predecessor;
    hand_over_->request = std::move(request);
    predecessor->table_.shard().post(
        [predecessor, this, wants_session] { predecessor->take_over(*this, wants_session); });
}

void ClientSession::attach(Client& client, ConnectRequest request) {
    const bool was_connected = client_ != nullptr;
    if (state_ == State::awaiting) {
        send_client_away();
        client_ = &client;
        client.wait_for(*this);
        hand_over_->request = std::move(request);
        return;
    }
    const bool over = request.clean_start || (was_connected && session_->expiry_s == 0);  // [MQTT-3.1.2-4]
    replace_connection(!over);
    if (over) replace_session(request.client_id);
    begin(client, std::move(request), !over);
}

void ClientSession::begin(Client& client, ConnectRequest request, bool present) {
    table_.shard().timers().cancel(*this);
    if (session_->kept && session_->kept->owed_unknown) {
        client_ = nullptr;  // not yet
        return table_.recall().ask(*this, client, std::move(request));
    }
    session_->will = std::move(request.will);
    session_->will_delay_s = request.will_delay_s;
    principal_ = std::move(request.principal);
    client_ = &client;
    if (present) forget_unreadable();
    client.begin(*this, *session_, present, request.assigned);
    if (present) enter_rosters();
    table_.saver().connected(*this);
    tell_groups(true);
    if (replay_) replay_->go_on();
}

void ClientSession::detach() {
    client_ = nullptr;
    table_.recall().leave(*this);
    if (replay_) replay_->stop();
    if (state_ == State::awaiting) return;
    leave_rosters();
    const Session& session = *session_;
    if (session.will_delay_s == 0) publish_will();
    if (session.expiry_s == 0) return end();
    tell_groups(false);
    table_.broker().members().give_back(session_->take_queued_for_groups({}, table_.shard().counters()));
    leave_queue_to_log();
    table_.saver().disconnected(*this);
    if (session.will) return arm(std::min(session.will_delay_s, session.expiry_s));
    if (session.expiry_s != Session::kNeverExpires) arm(session.expiry_s);
}

void ClientSession::arm(std::uint32_t seconds) {
    table_.shard().timers().arm_in(*this, Milliseconds{std::int64_t{seconds} * 1000});
}

/// [MQTT-3.1.4-3]
void ClientSession::send_client_away() {
    if (replay_) replay_->stop();
    if (Client* client = std::exchange(client_, nullptr)) client->taken_over();
    table_.recall().send_away(*this);
}

void ClientSession::publish_will() {
    if (!session_ || !session_->will) return;
    const MessagePtr will = std::exchange(session_->will, nullptr);  // [MQTT-3.1.2-10]
    if (!table_.broker().authoriser().knows(*principal_)) return;
    // A will that its sender may not publish is dropped by the broker, as any message.
    static_cast<void>(table_.broker().publish({principal_.get(), will, {}, 0}));
}

/// Another connection of this client id: it cancels a will that is still delayed [MQTT-3.1.3-9], unless the
/// session ends with the old one (3.1.4).
void ClientSession::replace_connection(bool session_goes_on) {
    const bool was_connected = client_ != nullptr;
    send_client_away();
    if (session_ && session_goes_on && session_->will_delay_s != 0) session_->will.reset();
    // Where the will says that the client has gone, the rosters say so too (docs/decisions/0020).
    const bool stays = session_ && session_goes_on && !session_->will;
    if (was_connected) leave_rosters(stays ? Leaving::moves : Leaving::gone);
    publish_will();
}

void ClientSession::replace_session(std::string client_id) {
    if (session_) discard_session();
    session_ = std::make_unique<Session>(std::move(client_id), table_.shard().wall_clock_us());
    table_.shard().counters().sessions.add();
}

void ClientSession::discard_session() {
    for (const auto& subscription : session_->subscriptions()) unsubscribe(subscription->filter);
    leave_to_groups();
    replay_.reset();
    table_.saver().forget(*this);
    table_.saver().ended(*session_);
    table_.recall().forget(*this);
    session_->forget_queue(table_.shard().counters());
    table_.shard().counters().sessions.subtract();
    session_.reset();
    if (!hand_over_) return;
    hand_over_->ignores_forwards = true;
    hand_over_->held.clear();
}

/// The session is over: its connection has ended and its expiry interval has passed [MQTT-4.1.0-2].
void ClientSession::end() {
    if (table_.directory().remove(session_->client_id(), *this)) owner_ = false;
    table_.shard().timers().cancel(*this);
    publish_will();
    discard_session();
    state_ = State::gone;
    destroy_if_done();
}

void ClientSession::destroy_if_done() {
    const bool expects_letters =
        owner_ || (hand_over_ && (hand_over_->predecessor != nullptr || hand_over_->graces != 0));
    if (state_ == State::gone && !expects_letters) table_.destroy(*this);
}

void ClientSession::on_timer(TimePoint) {
    const bool delayed = session_->will != nullptr;
    publish_will();
    const Session& session = *session_;
    if (!delayed || session.will_delay_s >= session.expiry_s) return end();
    if (session.expiry_s != Session::kNeverExpires) arm(session.expiry_s - session.will_delay_s);
}

const void* ClientSession::origin() const {
    if (session_) return session_.get();
    return hand_over_ ? hand_over_->origin : nullptr;
}

void ClientSession::deliver(const MessagePtr& message, const Match& match) {
    if (hand_over_) return deliver_moving(message, match);
    emit(message, match);
}

/// Comes one way only, and to nobody else: so it is neither held nor compared.
void ClientSession::deliver_shared(const MessagePtr& message, const Match& match, const Share& share) {
    emit(message, match, &share);
}

bool ClientSession::may_read(const Message& message) const {
    return table_.broker().authoriser().may_receive(*principal_, message);
}

/// What was queued or sent under other permissions is not sent (again) unless it may be read still.
void ClientSession::forget_unreadable() {
    if (!table_.broker().authoriser().narrows(*principal_)) return;
    const auto unreadable = [this](const Message& message) { return !may_read(message); };
    session_->forget_queued([&](const QueuedMessage& item) { return unreadable(*item.message); },
                            table_.shard().counters());
    if (client_ == nullptr || !client_->connected()) session_->forget_unacknowledged(unreadable);
}

/// False: nothing had to go.
bool ClientSession::drop_subscriptions() {
    std::vector<std::string> lost;
    const auto look = [&](const auto& subscriptions) {
        for (const auto& subscription : subscriptions) {
            if (!table_.broker().authoriser().may_subscribe(*principal_, subscription->filter).allowed)
                lost.push_back(subscription->filter);
        }
    };
    look(session_->subscriptions());
    look(session_->shared_subscriptions());
    for (const std::string& filter : lost) {
        session_->unsubscribe(filter);
        withdraw(filter);
    }
    return !lost.empty();
}

void ClientSession::review() {
    if (state_ != State::active || !session_) return;
    const bool lost = drop_subscriptions();
    if (lost) table_.saver().keep(*this, [](error_code) {});
    forget_unreadable();
    if (client_ != nullptr && (lost || !client_->is_welcome()))
        client_->send_away(ReasonCode::not_authorized, "the permissions have changed");
}

/// To the connection or, without one, into the session. What the log has is not lost when there is no room
/// for it, and need not be kept for a client that is away.
void ClientSession::emit(const MessagePtr& message, const Match& match, const Share* share) {
    if (!may_read(*message)) return;
    const bool logged = message->seq() != 0 && share == nullptr;
    Terms terms = terms_of(*message, match, share);
    const bool can_wait = logged && match.qos != 0;
    if (can_wait && session_->kept) table_.saver().touch(*this);
    if (logged && replay_) {
        if (!replay_->lets_through(message, terms.reset_to)) return;
        if (replay_->empty()) replay_.reset();
    }
    if (client_ == nullptr && can_wait && leave_to_log(*message, terms.reset_to)) return;
    const Machine::DropReason reason = offer(message, terms);
    if (reason == nullptr || (can_wait && leave_to_log(*message, terms.reset_to))) return;
    count_drop(reason);
}

bool ClientSession::leave_to_log(const Message& message, std::uint64_t reset_to) {
    Position position;
    position.after = message.seq() - 1;
    position.at_us = message.at_us();
    position.reset_to = reset_to;
    return fall_behind(message.channel(), position);
}

Machine::DropReason ClientSession::offer(const MessagePtr& message, const Terms& terms) {
    if (client_ != nullptr) return client_->offer(message, terms);
    if (terms.qos == 0) return &Counters::dropped_offline;
    return session_->queue(to_queued(message, terms), table_.context());
}

void ClientSession::count_drop(Machine::DropReason reason) {
    (table_.shard().counters().*reason).add();
}

bool ClientSession::fall_behind(std::string_view channel, const Position& position) {
    if (!make_replay().add(channel, position)) return false;
    if (client_ != nullptr) replay_->go_on();
    return true;
}

Replay& ClientSession::make_replay() {
    if (!replay_) replay_ = std::make_unique<Replay>(*this);
    return *replay_;
}

bool ClientSession::follows(std::string_view channel, std::string_view except) const {
    const auto subscriptions = subscriptions_to(channel);
    return std::ranges::any_of(
        subscriptions, [except](const Subscription* subscription) { return subscription->filter != except; });
}

bool ClientSession::may_replay(std::string_view channel, std::string_view filter) const {
    const access::Authoriser& authoriser = table_.broker().authoriser();
    const config::ChannelRule& rule = authoriser.rule_for(channel);
    return rule.store && !follows(channel, filter) &&
           authoriser.may(*principal_, access::Action::read_history, channel, rule).allowed;
}

/// A session that is subscribed already would get twice what it goes back to, and misses nothing; unless it
/// was with QoS 0 and by the same filter.
ReplayAnswer ClientSession::ask_for_history(std::string_view filter, const ReplayRequest& request) {
    const Subscription* known = session_->find_subscription(filter);
    if (known != nullptr && known->qos != 0) return ReplayAnswer::has_position;
    if (has_wildcard(filter)) {
        const bool listed = make_replay().list(filter, request.newest);
        return listed ? ReplayAnswer::coming : ReplayAnswer::too_many;
    }
    const access::Authoriser& authoriser = table_.broker().authoriser();
    const config::ChannelRule& rule = authoriser.rule_for(filter);
    if (!authoriser.may(*principal_, access::Action::read_history, filter, rule).allowed)
        return ReplayAnswer::not_authorised;
    if (!rule.store) return ReplayAnswer::live_channel;
    if (follows(filter, filter)) return ReplayAnswer::has_position;
    Position position;
    position.after = request.after.value_or(0);
    position.newest = request.newest;
    position.same_epoch = request.epoch.empty() || request.epoch == table_.broker().store().epoch();
    position.asked = true;
    return make_replay().place(filter, position) ? ReplayAnswer::coming : ReplayAnswer::too_many;
}

/// What waits for a client that is away is read when it comes back, and takes no memory until then.
void ClientSession::leave_queue_to_log() {
    const auto logged = [this](const QueuedMessage& item) {
        return item.message->seq() != 0 && !item.kept && leave_to_log(*item.message);
    };
    session_->forget_queued(logged, table_.shard().counters());
}

std::vector<const Subscription*> ClientSession::subscriptions_to(std::string_view channel) const {
    std::vector<const Subscription*> found;
    for (const auto& subscription : session_->subscriptions()) {
        if (!parse_shared(subscription->filter) && topic_matches(subscription->filter, channel))
            found.push_back(subscription.get());
    }
    return found;
}

Sent ClientSession::send_from_log(const MessagePtr& message,
                                  std::span<const Subscription* const> subscriptions, std::uint64_t reset_to,
                                  bool retained) {
    if (!may_read(*message)) return Sent::not_meant;
    std::vector<std::uint32_t> identifiers;
    Match match;
    match.retained = retained;
    bool meant = false;
    for (const Subscription* subscription : subscriptions) {
        // [MQTT-3.8.3-3]
        if (subscription->no_local && is_written_by(*message, session_->client_id())) continue;
        meant = true;
        match.qos = std::max(match.qos, subscription->qos);  // [MQTT-3.3.4-2]
        match.retain_as_published |= subscription->retain_as_published;
        if (subscription->identifier != 0) identifiers.push_back(subscription->identifier);
    }
    if (!meant) return Sent::not_meant;
    match.identifiers = identifiers;
    Terms terms = terms_of(*message, match, nullptr);
    terms.reset_to = reset_to;
    terms.kept = retained;
    return client_->offer(message, terms) == nullptr ? Sent::yes : Sent::no_room;
}

bool ClientSession::announce(const Subscription& subscription, bool connected) {
    if (parse_shared(subscription.filter)) {
        table_.broker().members().join(*this, subscription, connected);
        return true;
    }
    const bool fresh = table_.broker().subscribe(subscription.filter, *this, options_of(subscription));
    if (replay_) replay_->subscribed();
    if (connected) table_.broker().attendance().entered(subscription.filter, *this);
    return fresh;
}

}  // namespace millrace::mqtt
