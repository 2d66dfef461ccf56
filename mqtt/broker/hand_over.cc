// ClientSession: how a session moves from one shard to another.
#include <utility>

#include "mqtt/broker/client.h"
#include "mqtt/broker/client_session.h"
#include "mqtt/broker/session_table.h"
#include "mqtt/codec/topic.h"

namespace millrace::mqtt {
namespace {

/// How long a thread may take between posting one message to two shards before it is lost or comes twice.
constexpr Milliseconds kStubLingers{250};
/// The newest messages of a session's queue that might still be on their way to its new shard as well.
constexpr std::size_t kRecent = 256;

}  // namespace

ClientSession::Arrival::Arrival(MessagePtr what, const Match& how)
    : message(std::move(what)), identifiers(how.identifiers.begin(), how.identifiers.end()), match(how) {}

Match ClientSession::Arrival::view() const {
    Match result = match;
    result.identifiers = identifiers;
    return result;
}

void ClientSession::post(ClientSession& to, void (ClientSession::*letter)()) {
    table_.at_end_of_turn([&to, letter] { to.table_.shard().post([&to, letter] { (to.*letter)(); }); });
}

void ClientSession::take_over(ClientSession& successor, bool wants_session) {
    owner_ = false;
    send_client_away();
    replace_connection(session_ && session_->expiry_s != 0 && wants_session);
    if (!hand_over_) hand_over_ = std::make_unique<HandOver>();
    hand_over_->successor = &successor;
    hand_over_->successor_wants_session = wants_session;
    if (state_ == State::awaiting || state_ == State::catching_up) return;
    let_go();
}

/// There is a successor, and nothing of the predecessor's is missing.
void ClientSession::let_go() {
    table_.shard().timers().cancel(*this);
    if (session_ && session_->expiry_s != 0 && hand_over_->successor_wants_session) {
        state_ = State::leaving;
        return table_.at_end_of_turn([this] { send_session(); });
    }
    if (session_) discard_session();
    post(*hand_over_->successor, &ClientSession::arrived_without_session);
    state_ = State::gone;
    destroy_if_done();
}

void ClientSession::send_session() {
    for (const auto& subscription : session_->subscriptions())
        hand_over_->filters.push_back(subscription->filter);
    for (const auto& subscription : session_->shared_subscriptions())
        table_.broker().members().hold(*this, subscription->filter);
    hand_over_->origin = session_.get();
    state_ = State::stub;
    ClientSession* successor = hand_over_->successor;
    successor->table_.shard().post(
        [successor, session = std::move(session_)]() mutable { successor->arrived(std::move(session)); });
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

void ClientSession::arrived(std::unique_ptr<Session> session) {
    session_ = std::move(session);
    state_ = State::catching_up;
    for (const auto& subscription : session_->subscriptions()) announce(*subscription, false);
    if (const Outbound* outbound = session_->find_outbound()) {
        auto& seen = hand_over_->seen;
        outbound->window.for_each([&](const Window::Slot& slot) {
            if (slot.message && !share_of(slot.extras)) seen.insert(slot.message);
        });
        outbound->queue.for_each_newest(kRecent, [&](const QueuedMessage& item) {
            if (!share_of(item.extras)) seen.insert(item.message);
        });
    }
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

void ClientSession::subscribed() {
    leave_groups();  // the successor has joined them before it wrote
    post(*hand_over_->successor, &ClientSession::caught_up);
    table_.shard().timers().arm_in(*this, kStubLingers);
}

void ClientSession::caught_up() {
    if (state_ != State::catching_up) return;
    state_ = State::active;
    for (const Arrival& arrival : std::exchange(hand_over_->held, {})) take(arrival.message, arrival.view());
    if (hand_over_->successor != nullptr) let_go();
}

void ClientSession::forward(const Arrival& arrival) {
    if (state_ != State::gone && !hand_over_->ignores_forwards) take(arrival.message, arrival.view());
}

/// One of the two ways in while there is a predecessor: the message may have come the other way already.
void ClientSession::take(const MessagePtr& message, const Match& match) {
    if (hand_over_->predecessor != nullptr && !hand_over_->seen.insert(message).second) return;
    if (state_ != State::stub) return emit(message, match);
    ClientSession* successor = hand_over_->successor;
    successor->table_.shard().post(
        [successor, arrival = Arrival(message, match)] { successor->forward(arrival); });
}

void ClientSession::finished() {
    hand_over_->predecessor = nullptr;
    hand_over_->seen.clear();
    if (hand_over_->successor == nullptr && state_ == State::active) hand_over_.reset();
    destroy_if_done();
}

void ClientSession::stop_forwarding() {
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
