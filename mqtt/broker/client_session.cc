#include "mqtt/broker/client_session.h"

#include <algorithm>
#include <utility>

#include "core/access/authoriser.h"
#include "mqtt/broker/client.h"
#include "mqtt/broker/session_table.h"

namespace millrace::mqtt {
namespace {

SubscriptionOptions options_of(const Subscription& subscription) {
    return {subscription.qos, subscription.no_local, subscription.retain_as_published,
            subscription.identifier};
}

}  // namespace

ClientSession::ClientSession(SessionTable& table, std::size_t index)
    : table_(table), index_(static_cast<std::uint32_t>(index)) {}

ClientSession::~ClientSession() {
    if (session_) discard_session();
    if (hand_over_) stop_forwarding();
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
    send_client_away();
    if (state_ == State::awaiting) {
        client_ = &client;
        client.wait_for(*this);
        hand_over_->request = std::move(request);
        return;
    }
    publish_will();
    const bool over = request.clean_start || (was_connected && session_->expiry_s == 0);  // [MQTT-3.1.2-4]
    if (over) replace_session(request.client_id);
    begin(client, std::move(request), !over);
}

void ClientSession::begin(Client& client, ConnectRequest request, bool present) {
    table_.shard().timers().cancel(*this);
    session_->will = std::move(request.will);
    principal_ = std::move(request.principal);
    client_ = &client;
    client.begin(*this, *session_, present, request.assigned);
}

void ClientSession::detach() {
    client_ = nullptr;
    if (state_ == State::awaiting) return;
    publish_will();
    if (session_->expiry_s == 0) return end();
    if (session_->expiry_s != Session::kNeverExpires) {
        table_.shard().timers().arm_in(*this, Milliseconds{std::int64_t{session_->expiry_s} * 1000});
    }
}

/// [MQTT-3.1.4-3]
void ClientSession::send_client_away() {
    if (Client* client = std::exchange(client_, nullptr)) client->taken_over();
}

void ClientSession::publish_will() {
    if (!session_ || !session_->will) return;
    const MessagePtr will = std::exchange(session_->will, nullptr);  // [MQTT-3.1.2-10]
    // A will that its sender may not publish is dropped by the broker, as any message.
    static_cast<void>(table_.broker().publish({principal_.get(), will, {}, 0}));
}

void ClientSession::replace_session(std::string client_id) {
    if (session_) discard_session();
    session_ = std::make_unique<Session>(std::move(client_id), table_.shard().wall_clock_us());
    table_.shard().counters().sessions.add();
}

void ClientSession::discard_session() {
    for (const auto& subscription : session_->subscriptions()) {
        table_.broker().unsubscribe(subscription->filter, *this);
    }
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
    discard_session();
    state_ = State::gone;
    destroy_if_done();
}

void ClientSession::destroy_if_done() {
    const bool expects_letters = owner_ || (hand_over_ && hand_over_->predecessor != nullptr);
    if (state_ == State::gone && !expects_letters) table_.destroy(*this);
}

void ClientSession::on_timer(TimePoint) {
    if (state_ == State::stub) {
        stop_forwarding();
        post(*hand_over_->successor, &ClientSession::finished);
        state_ = State::gone;
        destroy_if_done();
    } else {
        end();
    }
}

const void* ClientSession::origin() const {
    if (session_) return session_.get();
    return hand_over_ ? hand_over_->origin : nullptr;
}

void ClientSession::deliver(const MessagePtr& message, const Match& match) {
    if (!hand_over_) return emit(message, match);
    if (state_ != State::catching_up) return take(message, match);
    hand_over_->held.emplace_back(message, match);
}

/// To the connection or, without one, into the session.
void ClientSession::emit(const MessagePtr& message, const Match& match) {
    if (!access::may_receive(*principal_, message->audience())) return;
    const std::uint8_t qos = std::min(match.qos, message->qos());  // [MQTT-3.8.4-8]
    // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
    const bool retain = match.retained || (match.retain_as_published && message->retain());
    if (client_ != nullptr) {
        client_->send(message, qos, retain, match.identifiers);
    } else if (qos != 0) {
        session_->queue({message, keep_identifiers(match.identifiers), qos, retain}, table_.context());
    } else {
        table_.shard().counters().dropped_offline.add();
    }
}

void ClientSession::announce(const Subscription& subscription) {
    table_.broker().subscribe(subscription.filter, *this, options_of(subscription));
}

}  // namespace millrace::mqtt
