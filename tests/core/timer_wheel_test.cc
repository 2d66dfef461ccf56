#include "core/timer_wheel.h"

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <vector>

namespace millrace {
namespace {

constexpr Milliseconds kTwoTicks{16};

class Probe final : public Timer {
  public:
    std::function<void(TimePoint)> fired;

  private:
    void on_timer(TimePoint now) override { fired(now); }
};

TimePoint at(std::int64_t ms) {
    return TimePoint{Milliseconds{ms}};
}

TEST(TimerWheel, FiresNeverEarlyAndAtMostTwoTicksLate) {
    std::mt19937 random(7);
    TimerWheel wheel(at(12'345));
    std::uniform_int_distribution<std::int64_t> delay(0, 3'000'000);
    std::vector<std::unique_ptr<Probe>> probes;
    std::size_t fired = 0;
    for (int i = 0; i < 20'000; ++i) {
        auto probe = std::make_unique<Probe>();
        const TimePoint deadline = at(12'345 + delay(random));
        probe->fired = [&fired, deadline](TimePoint now) {
            ++fired;
            EXPECT_GE(now, deadline);
            EXPECT_LE(now, deadline + kTwoTicks);
        };
        wheel.arm(*probe, deadline);
        probes.push_back(std::move(probe));
    }
    for (std::int64_t now = 12'345; now <= 12'345 + 3'000'100; now += 4) wheel.advance(at(now));
    EXPECT_EQ(fired, probes.size());
}

TEST(TimerWheel, ReachesDaysAhead) {
    TimerWheel wheel(at(0));
    Probe probe;
    TimePoint fired_at{};
    probe.fired = [&](TimePoint now) { fired_at = now; };
    const Milliseconds thirty_days{std::int64_t{30} * 24 * 3600 * 1000};
    wheel.arm_in(probe, thirty_days);
    for (std::int64_t hour = 0; hour < 30 * 24; ++hour) wheel.advance(at(hour * 3'600'000));
    EXPECT_TRUE(probe.armed());
    wheel.advance(at(0) + thirty_days + kTwoTicks);
    EXPECT_FALSE(probe.armed());
    EXPECT_EQ(fired_at, at(0) + thirty_days + kTwoTicks);
}

TEST(TimerWheel, CancelledAndDestroyedTimersDoNotFire) {
    TimerWheel wheel(at(0));
    Probe cancelled;
    cancelled.fired = [](TimePoint) { FAIL(); };
    wheel.arm_in(cancelled, Milliseconds{100});
    wheel.cancel(cancelled);
    EXPECT_FALSE(cancelled.armed());
    {
        Probe destroyed;
        destroyed.fired = [](TimePoint) { FAIL(); };
        wheel.arm_in(destroyed, Milliseconds{100});
    }
    wheel.advance(at(1000));
}

TEST(TimerWheel, HandlersMayRearmCancelAndDestroy) {
    TimerWheel wheel(at(0));
    Probe again;
    int fired = 0;
    again.fired = [&](TimePoint) {
        if (++fired < 3) wheel.arm_in(again, Milliseconds{50});
    };
    auto victim = std::make_unique<Probe>();
    victim->fired = [](TimePoint) { FAIL(); };
    Probe killer;
    killer.fired = [&](TimePoint) { victim.reset(); };
    auto suicidal = std::make_unique<Probe>();
    suicidal->fired = [&](TimePoint) { suicidal.reset(); };
    wheel.arm_in(again, Milliseconds{10});
    // Within one slot the timer armed last fires first.
    wheel.arm_in(*victim, Milliseconds{20});
    wheel.arm_in(killer, Milliseconds{20});
    wheel.arm_in(*suicidal, Milliseconds{30});
    for (std::int64_t now = 0; now < 1000; now += 8) wheel.advance(at(now));
    EXPECT_EQ(fired, 3);
    EXPECT_EQ(suicidal, nullptr);
}

TEST(TimerWheel, TellsHowLongNothingIsDue) {
    TimerWheel wheel(at(0));
    Probe probe;
    probe.fired = [](TimePoint) {};
    wheel.arm_in(probe, Milliseconds{100});
    const Milliseconds wait = wheel.until_next(Milliseconds{10'000});
    EXPECT_GT(wait, Milliseconds{90});
    EXPECT_LE(wait, Milliseconds{100} + kTwoTicks);
    EXPECT_EQ(wheel.until_next(Milliseconds{5}), Milliseconds{5});
    wheel.advance(at(0) + wait);
    EXPECT_FALSE(probe.armed());
}

TEST(TimerWheel, TellsTheNextOfManyWhateverWasCancelled) {
    TimerWheel wheel(at(0));
    Probe cancelled;
    Probe first;
    Probe second;
    cancelled.fired = first.fired = second.fired = [](TimePoint) {};
    for (std::int64_t now = 0; now < 3000; now += 104) {
        wheel.advance(at(now));
        wheel.arm_in(cancelled, Milliseconds{20});
        wheel.arm_in(first, Milliseconds{60});
        wheel.arm_in(second, Milliseconds{90});
        wheel.cancel(cancelled);
        // Where the wheel cascades before, it may be asked again earlier; never later.
        const Milliseconds wait = wheel.until_next(Milliseconds{10'000});
        EXPECT_LE(wait, Milliseconds{60} + kTwoTicks) << now;
        wheel.advance(at(now) + wait);
        EXPECT_TRUE(second.armed()) << now;
        wheel.cancel(first);
        wheel.cancel(second);
        EXPECT_GT(wheel.until_next(Milliseconds{10'000}), Milliseconds{0}) << now;
    }
}

}  // namespace
}  // namespace millrace
