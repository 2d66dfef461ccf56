// limits.queued_messages and limits.queued_bytes: what all sessions together may queue.
#include <gtest/gtest.h>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

/// What waits on all shards, some of it elsewhere.
class Census final : public QueueCensus {
  public:
    explicit Census(const Counters& here) : here_(here) {}
    QueueTotals queued() const override {
        return {elsewhere.messages + here_.queued_messages.value(),
                elsewhere.bytes + here_.queued_bytes.value()};
    }
    QueueTotals elsewhere;

  private:
    const Counters& here_;
};

class QueueRoomTest : public testing::Test {
  protected:
    QueueRoomTest() {
        context.limits.queued_messages = 100;
        context.limits.queued_bytes = 1 << 20;
        context.queue_room.watch(census);
    }
    ~QueueRoomTest() override {
        for (Session* session : {&one, &other}) session->forget_queue(counters);
    }
    void queue(Session& session, int times, std::string_view payload = "x") {
        const MessagePtr message = make_message("a", payload, 1);
        for (int i = 0; i < times; ++i) {
            const DropReason reason = session.queue({message, {}, 1, false}, context);
            if (reason != nullptr) (counters.*reason).add();
        }
    }
    Counters counters;
    SessionContext context{{}, "epoch", counters};
    Census census{counters};
    Session one{"one", 0};
    Session other{"other", 0};
};

TEST_F(QueueRoomTest, SessionsTogetherQueueNoMoreMessages) {
    queue(one, 60);
    queue(other, 60);
    EXPECT_EQ(counters.queued_messages.value(), 100U);
    EXPECT_EQ(counters.dropped_queues_full.value(), 20U);
    EXPECT_EQ(counters.dropped_queue_full.value(), 0U);
}

TEST_F(QueueRoomTest, NorMoreBytes) {
    const std::string payload(100'000, 'x');
    queue(one, 6, payload);
    queue(other, 6, payload);
    EXPECT_EQ(counters.queued_messages.value(), 10U);
    EXPECT_LE(counters.queued_bytes.value(), 1U << 20);
    EXPECT_EQ(counters.dropped_queues_full.value(), 2U);
    queue(other, 1, "small");
    EXPECT_EQ(counters.dropped_queues_full.value(), 2U) << "a smaller one still fits";
}

TEST_F(QueueRoomTest, RoomComesBackWhenMessagesLeave) {
    queue(one, 101);
    EXPECT_EQ(counters.dropped_queues_full.value(), 1U);
    one.unqueue(counters);
    queue(other, 1);
    EXPECT_EQ(counters.dropped_queues_full.value(), 1U);
}

TEST_F(QueueRoomTest, OtherShardsAreLookedAtNowAndThen) {
    queue(one, 1);
    census.elsewhere.messages = 1000;
    queue(one, 50);
    EXPECT_LE(counters.queued_messages.value(), 33U);
    EXPECT_GE(counters.dropped_queues_full.value(), 18U);
}

TEST_F(QueueRoomTest, SumThatIsShortOfNothingForAMomentIsNothing) {
    census.elsewhere.messages = static_cast<std::uint64_t>(-5);
    queue(one, 1);
    EXPECT_EQ(counters.queued_messages.value(), 1U);
}

}  // namespace
}  // namespace millrace::mqtt
