// Every thing that waits has its deadline here.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/clock.h"

namespace millrace {

class TimerWheel;

/// Something with at most one deadline. Derive from it; on_timer runs on the wheel's shard. Destroying it
/// cancels it.
class Timer {
  public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    virtual ~Timer() { unlink(); }

    bool armed() const { return previous_ != nullptr; }

  protected:
    virtual void on_timer(TimePoint now) = 0;

  private:
    friend class TimerWheel;
    void unlink() {
        if (previous_ == nullptr) return;
        *previous_ = next_;
        if (next_ != nullptr) next_->previous_ = previous_;
        previous_ = nullptr;
        next_ = nullptr;
    }

    Timer** previous_ = nullptr;
    Timer* next_ = nullptr;
    std::int64_t due_tick_ = 0;
};

/// A hierarchical wheel of five levels of 64 slots, 8 ms a tick: arming, cancelling and expiring cost O(1),
/// and deadlines reach 99 days. Belongs to one shard; takes its time from the caller, so tests run it on a
/// clock of their own. A timer never fires early; it may fire up to two ticks late.
class TimerWheel {
  public:
    explicit TimerWheel(TimePoint now);
    ~TimerWheel();

    /// Arms or re-arms; a deadline in the past fires at the next advance().
    void arm(Timer& timer, TimePoint deadline);
    void arm_in(Timer& timer, Milliseconds delay) { arm(timer, now_ + delay); }
    void cancel(Timer& timer) { timer.unlink(); }

    /// From now on deadlines count from here; nothing fires.
    void set_now(TimePoint now) { now_ = std::max(now_, now); }
    /// Fires everything due. Handlers may arm, cancel and destroy timers, their own included.
    void advance();
    /// Both.
    void advance(TimePoint now) {
        set_now(now);
        advance();
    }
    /// How long the shard may sleep before something can be due; `longest` when nothing is.
    Milliseconds until_next(Milliseconds longest);
    /// What set_now() was told last: cheap, and good enough for deadlines.
    TimePoint now() const { return now_; }

  private:
    static constexpr unsigned kBits = 6;
    static constexpr std::size_t kSlots = std::size_t{1} << kBits;
    static constexpr std::size_t kLevels = 5;

    void insert(Timer& timer);
    void cascade(std::size_t level);
    static std::int64_t tick_of(TimePoint time);

    TimePoint now_;
    std::int64_t tick_;
    std::array<std::array<Timer*, kSlots>, kLevels> slots_{};
    /// By slot of the lowest level: whether a timer was put there; it may be gone. So that a shard that asks
    /// once a turn need not look at all of them.
    std::uint64_t taken_ = 0;
};

}  // namespace millrace
