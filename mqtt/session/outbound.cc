#include "mqtt/session/outbound.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace millrace::mqtt {
namespace {

constexpr std::size_t kFirstCapacity = 4;
constexpr std::size_t kKeptCapacity = 64;

}  // namespace

QueuedMessage to_queued(const MessagePtr& message, const Terms& terms) {
    QueuedMessage item{message, nullptr, terms.qos, terms.retain, terms.kept};
    if (terms.identifiers.empty() && terms.share == nullptr && terms.reset_to == 0) return item;
    item.extras = std::make_unique<const Extras>(
        Extras{std::vector<std::uint32_t>(terms.identifiers.begin(), terms.identifiers.end()), terms.share,
               terms.reset_to});
    return item;
}

void MessageQueue::push(QueuedMessage item) {
    if (size_ == ring_.size()) resize(std::max(kFirstCapacity, size_ * 2));
    bytes_ += item.message->footprint();
    ring_[(first_ + size_) & (ring_.size() - 1)] = std::move(item);
    ++size_;
}

QueuedMessage MessageQueue::pop() {
    QueuedMessage item = std::move(ring_[first_]);
    first_ = (first_ + 1) & (ring_.size() - 1);
    --size_;
    bytes_ -= item.message->footprint();
    if (size_ == 0 && ring_.size() > kKeptCapacity) {
        ring_ = std::vector<QueuedMessage>();
        first_ = 0;
    }
    return item;
}

void MessageQueue::resize(std::size_t capacity) {
    std::vector<QueuedMessage> larger(capacity);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(ring_[(first_ + i) & (ring_.size() - 1)]);
    ring_ = std::move(larger);
    first_ = 0;
}

Window::Slot& Window::add(QueuedMessage item) {
    assert(size_ < kMost);
    // A quarter stays free: on their way round, the ids then pass over three in use for each one they find.
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    do {
        ++last_id_;
    } while (last_id_ == 0 || at(last_id_).state != State::free);  // [MQTT-2.2.1-3] [MQTT-2.2.1-4]
    Slot& slot = at(last_id_);
    slot.message = std::move(item.message);
    slot.extras = std::move(item.extras);
    slot.order = next_order_++;
    slot.packet_id = last_id_;
    slot.state = State::published;
    slot.qos = item.qos & 3U;
    slot.retain = item.retain ? 1 : 0;
    slot.sent = 0;
    ++size_;
    return slot;
}

Window::Slot* Window::find(std::uint16_t packet_id) {
    if (slots_.empty()) return nullptr;
    Slot& slot = at(packet_id);
    return slot.state != State::free && slot.packet_id == packet_id ? &slot : nullptr;
}

void Window::remove(Slot& slot) {
    slot.message.reset();
    slot.extras.reset();
    slot.state = State::free;
    --size_;
}

std::vector<std::uint16_t> Window::in_order() const {
    std::vector<std::pair<std::uint32_t, std::uint16_t>> found;
    // Distance from the next number, so that wrapping round does not matter.
    for_each([&](const Slot& slot) { found.emplace_back(next_order_ - slot.order, slot.packet_id); });
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<std::uint16_t> ids;
    ids.reserve(found.size());
    for (const auto& [distance, id] : found) ids.push_back(id);
    return ids;
}

void Window::grow() {
    std::vector<Slot> old =
        std::exchange(slots_, std::vector<Slot>(std::max(kFirstCapacity, slots_.size() * 2)));
    for (Slot& slot : old) {
        if (slot.state != State::free) at(slot.packet_id) = std::move(slot);
    }
}

}  // namespace millrace::mqtt
