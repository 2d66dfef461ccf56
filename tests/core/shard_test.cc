#include "core/shard.h"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
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

TEST(Shard, RunsWhatIsPostedToItsIoContext) {
    RunningShard running;
    std::promise<std::thread::id> where;
    boost::asio::post(running.shard.context(), [&] { where.set_value(std::this_thread::get_id()); });
    std::promise<std::thread::id> expected;
    running.shard.post([&] { expected.set_value(std::this_thread::get_id()); });
    EXPECT_EQ(where.get_future().get(), expected.get_future().get());
}

class Deadline final : public Timer {
  public:
    std::promise<void> fired;

  private:
    void on_timer(TimePoint) override { fired.set_value(); }
};

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
