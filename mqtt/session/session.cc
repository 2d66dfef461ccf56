#include "mqtt/session/session.h"

#include <algorithm>

namespace millrace::mqtt {

Session::Subscriptions::const_iterator Session::lower_bound(std::string_view filter) const {
    return std::lower_bound(subscriptions_.begin(), subscriptions_.end(), filter,
                            [](const auto& have, std::string_view wanted) { return have->filter < wanted; });
}

const Subscription* Session::find_subscription(std::string_view filter) const {
    const auto at = lower_bound(filter);
    return at != subscriptions_.end() && (*at)->filter == filter ? at->get() : nullptr;
}

bool Session::subscribe(Subscription subscription) {
    const auto at = lower_bound(subscription.filter);
    if (at != subscriptions_.end() && (*at)->filter == subscription.filter) {
        **at = std::move(subscription);
        return false;
    }
    subscriptions_.insert(at, std::make_unique<Subscription>(std::move(subscription)));
    return true;
}

bool Session::unsubscribe(std::string_view filter) {
    const auto at = lower_bound(filter);
    if (at == subscriptions_.end() || (*at)->filter != filter) return false;
    subscriptions_.erase(at);
    return true;
}

Outbound& Session::outbound() {
    if (!outbound_) outbound_ = std::make_unique<Outbound>();
    return *outbound_;
}

void Session::queue(QueuedMessage item, SessionContext& context) {
    MessageQueue& queue = outbound().queue;
    const std::size_t bytes = item.message->footprint();
    if (queue.size() >= context.limits.queue_messages || queue.bytes() + bytes > context.limits.queue_bytes) {
        context.counters.dropped_queue_full.add();
        return;
    }
    context.counters.queued_messages.add();
    context.counters.queued_bytes.add(bytes);
    queue.push(std::move(item));
}

QueuedMessage Session::unqueue(Counters& counters) {
    QueuedMessage item = outbound_->queue.pop();
    counters.queued_messages.subtract();
    counters.queued_bytes.subtract(item.message->footprint());
    return item;
}

void Session::forget_queue(Counters& counters) {
    if (!outbound_) return;
    counters.queued_messages.subtract(outbound_->queue.size());
    counters.queued_bytes.subtract(outbound_->queue.bytes());
    outbound_.reset();
}

ReceivedPublish* Session::find_received(std::uint16_t packet_id) {
    if (!inbound_) return nullptr;
    const auto at =
        std::lower_bound(inbound_->received.begin(), inbound_->received.end(), packet_id,
                         [](const ReceivedPublish& have, std::uint16_t id) { return have.packet_id < id; });
    return at != inbound_->received.end() && at->packet_id == packet_id ? &*at : nullptr;
}

ReceivedPublish& Session::add_received(std::uint16_t packet_id) {
    if (!inbound_) inbound_ = std::make_unique<Inbound>();
    auto& received = inbound_->received;
    const auto at =
        std::lower_bound(received.begin(), received.end(), packet_id,
                         [](const ReceivedPublish& have, std::uint16_t id) { return have.packet_id < id; });
    return *received.insert(at, {packet_id, ReceivedPublish::State::pending, inbound_->next_sequence++});
}

bool Session::remove_received(std::uint16_t packet_id) {
    ReceivedPublish* entry = find_received(packet_id);
    if (entry == nullptr) return false;
    inbound_->received.erase(inbound_->received.begin() + (entry - inbound_->received.data()));
    return true;
}

void Session::lose_pending() {
    if (!inbound_) return;
    for (ReceivedPublish& entry : inbound_->received) {
        if (entry.state == ReceivedPublish::State::pending) entry.state = ReceivedPublish::State::uncertain;
    }
}

}  // namespace millrace::mqtt
