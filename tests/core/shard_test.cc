#include "core/shard.h"

#include <atomic>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <thread>

namespace millrace {
namespace {

class RunningShard {
  public:
    RunningShard() : thread_([this] { shard.run(); }) {}
    ~RunningShard() {
        shard.stop();
        thread_.join();
    }
    Shard shard{3};

  private:
    std::thread thread_;
};

TEST(Shard, OpensLettersOnItsThreadInOrder) {
    RunningShard running;
    std::promise<std::vector<int>> done;
    std::vector<int> opened;
    for (int i = 0; i < 1000; ++i) running.shard.post([&opened, i] { opened.push_back(i); });
    running.shard.post([&] { done.set_value(opened); });
    const std::vector<int> result = done.get_future().get();
    ASSERT_EQ(result.size(), 1000U);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(result[static_cast<std::size_t>(i)], i);
}

TEST(Shard, WakesFromSleepForEachLetter) {
    RunningShard running;
    for (int i = 0; i < 2000; ++i) {
        std::promise<void> opened;
        running.shard.post([&] { opened.set_value(); });
        ASSERT_EQ(opened.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
    }
}

class Deadline final : public Timer {
  public:
    std::promise<void> fired;

  private:
    void on_timer(TimePoint) override { fired.set_value(); }
};

/// Turns `teller` until `done`, at most five seconds.
bool turn_until(Shard& teller, const std::function<bool()>& done) {
    const TimePoint end = steady_now() + Milliseconds{5000};
    while (!done()) {
        if (steady_now() > end) return false;
        teller.turn(Milliseconds{1});
    }
    return true;
}

/// Tells `sleeper` until what it was told was done by this thread, or by another one.
bool told_until_done_by(Shard& teller, Shard& sleeper, std::size_t messages, bool by_this_thread) {
    std::thread::id by;
    const TimePoint end = steady_now() + Milliseconds{5000};
    while (steady_now() < end) {
        std::atomic<bool> done{false};
        teller.tell(sleeper, messages, [&] {
            by = std::this_thread::get_id();
            done = true;
        });
        if (!turn_until(teller, [&] { return done.load(); })) return false;
        if ((by == std::this_thread::get_id()) == by_this_thread) return true;
    }
    return false;
}

TEST(Shard, DoesTheLittleThatASleepingShardHasToDo) {
    RunningShard sleeper;
    Shard teller(0);
    EXPECT_TRUE(told_until_done_by(teller, sleeper.shard, 1, true));
}

TEST(Shard, WakesAShardThatHasMuchToDo) {
    RunningShard sleeper;
    Shard teller(0);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(told_until_done_by(teller, sleeper.shard, 1000, false));
}

TEST(Shard, IsWokenWhenAVisitorArmsAnEarlierTimer) {
    Deadline deadline;
    RunningShard sleeper;
    Shard teller(0);
    teller.tell(sleeper.shard, 1, [&] { sleeper.shard.timers().arm_in(deadline, Milliseconds{20}); });
    teller.turn(Milliseconds{0});
    EXPECT_EQ(deadline.fired.get_future().wait_for(std::chrono::milliseconds(5000)),
              std::future_status::ready);
}

/// A shard that counts what it is told, the numbers from 0 on. The counts are not atomic on purpose.
struct Tally {
    RunningShard running;
    int expected = 0;
    int disorder = 0;

    void take(int number) {
        if (number != expected++) ++disorder;
    }
};

TEST(Shard, NeverWorksOnTwoThreadsAtOnce) {
    constexpr int kNumbers = 5000;
    Tally here;
    Tally there;
    std::promise<void> done;
    const auto come_back = [&](int number) {
        here.take(number);
        if (number + 1 == kNumbers) done.set_value();
    };
    const auto go = [&](int number) {
        there.take(number);
        there.running.shard.tell(here.running.shard, 1, [&, number] { come_back(number); });
    };
    for (int i = 0; i < kNumbers; ++i) {
        // What this thread posts wakes; what the shards tell each other makes visitors of them.
        here.running.shard.post(
            [&, i] { here.running.shard.tell(there.running.shard, 1, [&, i] { go(i); }); });
    }
    ASSERT_EQ(done.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
    EXPECT_EQ(here.disorder, 0);
    std::promise<int> disorder;
    there.running.shard.post([&] { disorder.set_value(there.disorder); });
    EXPECT_EQ(disorder.get_future().get(), 0);
}

TEST(Shard, ServesItsTimersWhileNothingElseHappens) {
    Deadline deadline;
    RunningShard running;
    running.shard.post([&] { running.shard.timers().arm_in(deadline, Milliseconds{60}); });
    EXPECT_EQ(deadline.fired.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

TEST(Shard, ATurnEndsWithItsListeners) {
    class Counting final : public TurnEnd {
      public:
        int turns = 0;
        void on_turn_end() override { ++turns; }
    };
    Shard shard(0);
    Counting first;
    shard.at_turn_end(first);
    shard.turn(Milliseconds{0});
    shard.turn(Milliseconds{0});
    EXPECT_EQ(first.turns, 2);
    EXPECT_EQ(shard.index(), 0U);
}

}  // namespace
}  // namespace millrace
