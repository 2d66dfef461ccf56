// ClientSession: how a session moves from one shard to another.
#include <utility>

#include "mqtt/broker/client.h"
#include "mqtt/broker/client_session.h"
#include "mqtt/broker/session_table.h"
#include "mqtt/codec/topic.h"

namespace millrace::mqtt {

ClientSession::Arrival::Arrival(MessagePtr what, const Match& how)
    : message(std::move(what)), identifiers(how.identifiers.begin(), how.identifiers.end()), match(how) {}

Match ClientSession::Arrival::view() const {
    Match result = match;
    result.identifiers = identifiers;
    return result;
}

void ClientSession::post(ClientSession& to, void (ClientSession::*letter)()) {
    to.table_.shard().post([&to, letter] { (to.*letter)(); });
}

void ClientSession::wait(void (ClientSession::*step)()) {
    ++hand_over_->graces;
    table_.broker().grace_periods().wait([this, step] {
        --hand_over_->graces;
        (this->*step)();
    });
}

void ClientSession::deliver_moving(const MessagePtr& message, const Match& match) {
    switch (state_) {
        case State::leaving:
        case State::catching_up:
            hand_over_->held.emplace_back(message, match);
            return;
        case State::stub:
            return forward_to_successor(Arrival(message, match));
        default:
            if (!hand_over_->seen.contains(message)) emit(message, match);
    }
}

void ClientSession::take_over(ClientSession& successor, bool wants_session) {
    owner_ = false;
    replace_connection(session_ && session_->expiry_s != 0 && wants_session);
    if (!hand_over_) hand_over_ = std::make_unique<HandOver>();
    hand_over_->successor = &successor;
    hand_over_->successor_wants_session = wants_session;
    if (state_ == State::awaiting || state_ == State::catching_up) return;
    let_go();
}

/// There is a successor, and nothing of the predecessor's is missing. What has been delivered here must not
/// arrive directly over there as well: so the session leaves when nothing of that is on its way any more.
void ClientSession::let_go() {
    table_.shard().timers().cancel(*this);
    if (session_ && session_->expiry_s != 0 && hand_over_->successor_wants_session) {
        state_ = State::leaving;
        return wait(&ClientSession::send_session);
    }
    if (session_) discard_session();
    post(*std::exchange(hand_over_->successor, nullptr), &ClientSession::arrived_without_session);
    state_ = State::gone;
    destroy_if_done();
}

void ClientSession::send_session() {
    for (const auto& subscription : session_->subscriptions())
        hand_over_->filters.push_back(subscription->filter);
    for (const auto& subscription : session_->shared_subscriptions())
        table_.broker().members().hold(*this, subscription->filter);
    hand_over_->origin = session_.get();
    table_.saver().forget(*this);
    table_.recall().forget(*this);
    state_ = State::stub;
    ClientSession* successor = hand_over_->successor;
    successor->table_.shard().post(
        [successor, session = std::move(session_), replay = std::move(replay_)]() mutable {
            successor->arrived(std::move(session), std::move(replay));
        });
    for (Arrival& arrival : std::exchange(hand_over_->held, {})) {
        if (!hand_over_->seen.contains(arrival.message)) forward_to_successor(std::move(arrival));
    }
    hand_over_->seen.clear();
}

void ClientSession::forward_to_successor(Arrival arrival) {
    ClientSession* successor = hand_over_->successor;
    successor->table_.shard().post(
        [successor, arrival = std::move(arrival)] { successor->forward(arrival); });
}

void ClientSession::arrived_without_session() {
    hand_over_->predecessor = nullptr;
    ConnectRequest request = std::move(hand_over_->request);
    state_ = State::active;
    if (hand_over_->successor != nullptr) return let_go();
    hand_over_.reset();
    replace_session(request.client_id);
    if (client_ == nullptr) return end();
    begin(*client_, std::move(request), false);
}

void ClientSession::arrived(std::unique_ptr<Session> session, std::unique_ptr<Replay> replay) {
    session_ = std::move(session);
    replay_ = std::move(replay);
    if (replay_) replay_->move_to(*this);
    state_ = State::catching_up;
    for (const auto& subscription : session_->subscriptions()) announce(*subscription, false);
    post(*hand_over_->predecessor, &ClientSession::subscribed);
    ConnectRequest request = std::move(hand_over_->request);
    if (client_ == nullptr) {
        principal_ = std::move(request.principal);
        session_->will.reset();
        return detach();
    }
    const bool over = request.clean_start;
    if (over) replace_session(request.client_id);
    begin(*client_, std::move(request), !over);
}

/// What is not forwarded from now on must reach the successor directly: so we go on until everything that was
/// sent without regard to its subscriptions is here.
void ClientSession::subscribed() {
    leave_groups();  // the successor has joined them before it wrote
    wait(&ClientSession::stop);
}

void ClientSession::stop() {
    unsubscribe_stub();
    post(*hand_over_->successor, &ClientSession::caught_up);
    state_ = State::gone;
    destroy_if_done();
}

void ClientSession::forward(const Arrival& arrival) {
    if (state_ == State::gone || hand_over_->ignores_forwards) return;
    hand_over_->seen.insert(arrival.message);
    emit(arrival.message, arrival.view());
}

/// Nothing is forwarded any more. What was is remembered until it cannot come directly any more.
void ClientSession::caught_up() {
    hand_over_->predecessor = nullptr;
    if (state_ == State::catching_up) {
        state_ = State::active;
        for (const Arrival& arrival : std::exchange(hand_over_->held, {}))
            deliver_moving(arrival.message, arrival.view());
    }
    if (hand_over_->successor != nullptr) return let_go();
    if (state_ == State::active) return wait(&ClientSession::settled);
    destroy_if_done();
}

void ClientSession::settled() {
    if (state_ != State::active) return destroy_if_done();
    if (hand_over_->successor == nullptr) hand_over_.reset();
}

void ClientSession::unsubscribe_stub() {
    for (const std::string& filter : std::exchange(hand_over_->filters, {})) unsubscribe(filter);
}

void ClientSession::leave_groups() {
    std::erase_if(hand_over_->filters, [this](const std::string& filter) {
        if (!parse_shared(filter)) return false;
        unsubscribe(filter);
        return true;
    });
}

}  // namespace millrace::mqtt
