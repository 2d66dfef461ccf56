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

std::span<const std::unique_ptr<Subscription>> Session::shared_subscriptions() const {
    // '0' follows '/'.
    return {lower_bound("$share/"), lower_bound("$share0")};
}

Outbound& Session::outbound() {
    if (!outbound_) outbound_ = std::make_unique<Outbound>();
    return *outbound_;
}

DropReason Session::queue(QueuedMessage item, SessionContext& context) {
    if (item.message->is_for_now_only()) return &Counters::dropped_expired;  // [MQTT-3.3.2-5]
    MessageQueue& queue = outbound().queue;
    const std::size_t bytes = item.message->footprint();
    if (queue.size() >= context.limits.queue_messages || queue.bytes() + bytes > context.limits.queue_bytes)
        return &Counters::dropped_queue_full;
    if (!context.queue_room.take(bytes, context.limits)) return &Counters::dropped_queues_full;
    context.counters.queued_messages.add();
    context.counters.queued_bytes.add(bytes);
    queue.push(std::move(item));
    return nullptr;
}

QueuedMessage Session::unqueue(Counters& counters) {
    QueuedMessage item = outbound_->queue.pop();
    counters.queued_messages.subtract();
    counters.queued_bytes.subtract(item.message->footprint());
    return item;
}

void Session::forget_queued(const std::function<bool(const QueuedMessage&)>& unwanted, Counters& counters) {
    if (!outbound_) return;
    for (std::size_t left = outbound_->queue.size(); left != 0; --left) {
        QueuedMessage item = outbound_->queue.pop();
        if (!unwanted(item)) {
            outbound_->queue.push(std::move(item));
            continue;
        }
        counters.queued_messages.subtract();
        counters.queued_bytes.subtract(item.message->footprint());
    }
}

void Session::forget_unacknowledged(const Unwanted& unwanted) {
    if (!outbound_) return;
    for (const std::uint16_t id : outbound_->window.in_order()) {
        Window::Slot* slot = outbound_->window.find(id);
        if (slot->message && unwanted(*slot->message)) outbound_->window.remove(*slot);
    }
}

void Session::forget_queue(Counters& counters) {
    if (!outbound_) return;
    counters.queued_messages.subtract(outbound_->queue.size());
    counters.queued_bytes.subtract(outbound_->queue.bytes());
    outbound_.reset();
}

std::vector<Session::GroupMessage> Session::take_queued_for_groups(std::string_view filter,
                                                                   Counters& counters) {
    std::vector<GroupMessage> taken;
    if (!outbound_) return taken;
    MessageQueue& queue = outbound_->queue;
    bool any = false;
    queue.for_each([&](const QueuedMessage& item) { any |= share_of(item.extras) != nullptr; });
    for (std::size_t left = any ? queue.size() : 0; left != 0; --left) {
        QueuedMessage item = queue.pop();
        SharePtr share = share_of(item.extras);
        if (!share || (!filter.empty() && share->filter != filter)) {
            queue.push(std::move(item));
            continue;
        }
        counters.queued_messages.subtract();
        counters.queued_bytes.subtract(item.message->footprint());
        taken.push_back({std::move(share), std::move(item.message)});
    }
    return taken;
}

std::vector<Session::GroupMessage> Session::in_flight_for_groups() {
    std::vector<GroupMessage> found;
    if (!outbound_) return found;
    for (const std::uint16_t packet_id : outbound_->window.in_order()) {
        const Window::Slot& slot = *outbound_->window.find(packet_id);
        if (slot.qos != 1) continue;
        if (SharePtr share = share_of(slot.extras)) found.push_back({std::move(share), slot.message});
    }
    return found;
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
