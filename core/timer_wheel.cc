#include "core/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace millrace {
namespace {

constexpr std::int64_t kTickMs = 8;

}  // namespace

TimerWheel::TimerWheel(TimePoint now) : now_(now), tick_(tick_of(now)) {}

TimerWheel::~TimerWheel() {
    for (auto& level : slots_) {
        for (Timer* slot : level) {
            while (slot != nullptr) {
                Timer* next = slot->next_;
                slot->unlink();
                slot = next;
            }
        }
    }
}

std::int64_t TimerWheel::tick_of(TimePoint time) {
    return time.time_since_epoch().count() / kTickMs;
}

void TimerWheel::arm(Timer& timer, TimePoint deadline) {
    timer.unlink();
    // Rounded up, so that nothing fires early; the current tick has been served already.
    timer.due_tick_ = std::max(tick_of(deadline) + 1, tick_ + 1);
    insert(timer);
}

void TimerWheel::insert(Timer& timer) {
    const std::int64_t distance = timer.due_tick_ - tick_;
    std::size_t level = 0;
    while (level + 1 < kLevels && distance >= (std::int64_t{1} << (kBits * (level + 1)))) ++level;
    const std::int64_t reach = (std::int64_t{1} << (kBits * kLevels)) - 1;
    const std::int64_t tick = std::min(timer.due_tick_, tick_ + reach);
    const std::size_t index = static_cast<std::size_t>(tick >> (kBits * level)) & (kSlots - 1);
    if (level == 0) taken_ |= std::uint64_t{1} << index;
    Timer*& slot = slots_[level][index];
    timer.next_ = slot;
    if (slot != nullptr) slot->previous_ = &timer.next_;
    timer.previous_ = &slot;
    slot = &timer;
}

void TimerWheel::cascade(std::size_t level) {
    if (level >= kLevels) return;
    const std::size_t index = static_cast<std::size_t>(tick_ >> (kBits * level)) & (kSlots - 1);
    if (index == 0) cascade(level + 1);
    Timer*& slot = slots_[level][index];
    while (slot != nullptr) {
        Timer& timer = *slot;
        timer.unlink();
        insert(timer);
    }
}

void TimerWheel::advance() {
    const std::int64_t target = tick_of(now_);
    while (tick_ < target) {
        ++tick_;
        const std::size_t index = static_cast<std::size_t>(tick_) & (kSlots - 1);
        if (index == 0) cascade(1);
        Timer*& slot = slots_[0][index];
        while (slot != nullptr) {
            Timer& timer = *slot;
            timer.unlink();
            timer.on_timer(now_);
        }
    }
}

Milliseconds TimerWheel::until_next(Milliseconds longest) {
    // Beyond the lowest level nothing is looked at: the shard wakes at the next cascade, twice a second.
    std::int64_t ahead = static_cast<std::int64_t>(kSlots) - (tick_ & static_cast<std::int64_t>(kSlots - 1));
    while (taken_ != 0) {
        const auto first = static_cast<int>((tick_ + 1) & static_cast<std::int64_t>(kSlots - 1));
        const std::int64_t next = std::countr_zero(std::rotr(taken_, first)) + 1;
        if (next >= ahead) break;
        const std::size_t index = static_cast<std::size_t>(tick_ + next) & (kSlots - 1);
        if (slots_[0][index] != nullptr) {
            ahead = next;
            break;
        }
        taken_ &= ~(std::uint64_t{1} << index);
    }
    const Milliseconds wait{(tick_ + ahead) * kTickMs - now_.time_since_epoch().count()};
    return std::clamp(wait, Milliseconds{0}, longest);
}

}  // namespace millrace
