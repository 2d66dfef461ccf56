#include "store/lane.h"

#include <gmock/gmock.h>
#include <map>
#include <set>
#include <string>

#include "store/message_id.h"
#include "tests/store/recording_sink.h"

namespace millrace::store::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using namespace std::chrono_literals;

/// What happens to a batch at the next append().
enum class Fate { commit, lose, commit_and_lose };

/// What a scripted log was asked and how it answers; shared by the lane's thread and the test.
struct Script {
    std::vector<Fate> fates;  ///< of the next appends; after them everything is committed
    int settles_that_fail = 0;
    bool hold = false;  ///< append() waits until this is false
    bool holding = false;
    bool settling_holds = false;  ///< settle() makes the next append() wait
    std::vector<std::size_t> batches;
    std::vector<std::string> stored;
    std::int64_t stamp_us = 1;
    std::int64_t stamp_floor_us = 0;
};

/// A Log whose database is a vector. A payload "poison" can never be stored.
class ScriptedLog final : public Log {
  public:
    explicit ScriptedLog(Guarded<Script>& script) : script_(script) {}

    Result<std::vector<Receipt>> append(std::span<const MessagePtr> batch) override {
        auto script = script_.lock();
        script->holding = true;
        script_.notify_all();
        script.wait([](const Script& now) { return !now.hold; });
        script->batches.push_back(batch.size());
        for (const MessagePtr& message : batch) {
            if (as_text(message->payload()) == "poison") return make_error_code(Errc::malformed);
        }
        const Fate fate = script->fates.empty() ? Fate::commit : script->fates.front();
        if (!script->fates.empty()) script->fates.erase(script->fates.begin());
        in_doubt_.clear();
        if (fate == Fate::lose) return make_error_code(Errc::store_unavailable);
        std::vector<Receipt> receipts;
        for (const MessagePtr& message : batch) {
            receipts.push_back({++last_[std::string(message->channel())], script->stamp_us, false});
            message->stamp(receipts.back().seq, script->stamp_us);
            script->stored.emplace_back(as_text(message->payload()));
        }
        if (fate == Fate::commit) return receipts;
        in_doubt_ = receipts;
        return make_error_code(Errc::store_unavailable);
    }
    Result<std::vector<Receipt>> settle() override {
        auto script = script_.lock();
        script->hold = script->hold || script->settling_holds;
        script->holding = false;
        if (script->settles_that_fail == 0) return in_doubt_;
        --script->settles_that_fail;
        return make_error_code(Errc::store_unavailable);
    }
    void stamp_after(std::int64_t us) override { script_.lock()->stamp_floor_us = us; }

  private:
    Guarded<Script>& script_;
    std::map<std::string, std::uint64_t> last_;
    std::vector<Receipt> in_doubt_;
};

class LaneTest : public testing::Test {
  protected:
    Lane& lane() {
        if (lane_ == nullptr)
            lane_ = std::make_unique<Lane>(0, std::make_unique<ScriptedLog>(script_), limits_, sink_);
        return *lane_;
    }
    bool push(const std::string& payload, std::uint64_t token = 0, std::string_view id = {}) {
        const MessagePtr message = Message::create({.channel = "a", .payload = as_bytes(payload), .id = id});
        return lane().push({message, {0, 0, 1}, token});
    }
    /// Occupies the lane with one message so that what follows queues up.
    void hold() {
        {
            auto script = script_.lock();
            script->hold = true;
            script->holding = false;
        }
        ASSERT_TRUE(push("held"));
        lane().wake();
        ASSERT_TRUE(script_.lock().wait_for(10s, [](const Script& now) { return now.holding; }));
    }
    void let_go() {
        script_.lock()->hold = false;
        script_.notify_all();
        lane().wake();
    }
    std::vector<std::string> payloads() {
        std::vector<std::string> result;
        for (const Committed& committed : sink_.taken())
            result.emplace_back(as_text(committed.append.message->payload()));
        return result;
    }
    std::vector<error_code> errors() {
        std::vector<error_code> result;
        for (const Committed& committed : sink_.taken()) result.push_back(committed.result.error);
        return result;
    }

    Limits limits_;
    RecordingSink sink_;
    Guarded<Script> script_;
    std::unique_ptr<Lane> lane_;
};

TEST_F(LaneTest, TellsWhoAskedWhereItWent) {
    ASSERT_TRUE(push("x", 7));
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(1));
    const Committed committed = sink_.taken()[0];
    EXPECT_EQ(committed.append.token, 7u);
    EXPECT_EQ(committed.append.origin, (ConnectionId{0, 0, 1}));
    EXPECT_EQ(committed.result.seq, 1u);
    EXPECT_FALSE(committed.result.error);
}

TEST_F(LaneTest, WhatQueuesUpIsTheNextBatch) {
    hold();
    for (const char* payload : {"1", "2", "3"}) ASSERT_TRUE(push(payload));
    let_go();
    ASSERT_TRUE(sink_.wait_for(4));
    EXPECT_THAT(payloads(), ElementsAre("held", "1", "2", "3"));
    EXPECT_THAT(script_.lock()->batches, ElementsAre(1, 3));
}

TEST_F(LaneTest, BatchesAreLimitedByMessages) {
    limits_.lane_batch_messages = 2;
    hold();
    for (const char* payload : {"1", "2", "3"}) ASSERT_TRUE(push(payload));
    let_go();
    ASSERT_TRUE(sink_.wait_for(4));
    EXPECT_THAT(script_.lock()->batches, ElementsAre(1, 2, 1));
}

TEST_F(LaneTest, BatchesAreLimitedByBytesButTakeOneOfAnySize) {
    limits_.lane_batch_bytes = 2000;
    hold();
    for (const std::size_t size : {5000U, 700U, 700U, 700U}) ASSERT_TRUE(push(std::string(size, 'x')));
    let_go();
    ASSERT_TRUE(sink_.wait_for(5));
    EXPECT_THAT(script_.lock()->batches, ElementsAre(1, 1, 2, 1));
}

TEST_F(LaneTest, KeepsTheOrderOfEachProducer) {
    constexpr int kProducers = 4;
    constexpr int kEach = 5000;
    Lane& lane_under_load = lane();
    std::vector<std::thread> producers;
    for (int p = 0; p < kProducers; ++p) {
        producers.emplace_back([&lane_under_load, p] {
            const std::string channel = "c" + std::to_string(p);
            for (std::uint64_t i = 0; i < kEach; ++i) {
                const MessagePtr message = Message::create({.channel = channel});
                ASSERT_TRUE(lane_under_load.push({message, {}, i}));
                if (i % 3 == 0) lane_under_load.wake();
            }
            lane_under_load.wake();
        });
    }
    for (std::thread& producer : producers) producer.join();
    ASSERT_TRUE(sink_.wait_for(kProducers * kEach));
    std::map<std::string, std::uint64_t> next;
    for (const Committed& committed : sink_.taken()) {
        std::uint64_t& expected = next[std::string(committed.append.message->channel())];
        ASSERT_EQ(committed.append.token, expected++);
        ASSERT_EQ(committed.result.seq, expected);
    }
}

TEST_F(LaneTest, RefusesWhenItsQueueIsFullOfMessages) {
    limits_.lane_queue_messages = 3;
    hold();
    EXPECT_TRUE(push("1"));
    EXPECT_TRUE(push("2"));
    EXPECT_FALSE(push("3"));
    let_go();
    ASSERT_TRUE(sink_.wait_for(3));
    EXPECT_TRUE(push("4"));
}

TEST_F(LaneTest, RefusesWhenItsQueueIsFullOfBytes) {
    limits_.lane_queue_bytes = 10'000;
    hold();
    EXPECT_TRUE(push(std::string(9'000, 'x')));
    EXPECT_FALSE(push(std::string(9'000, 'x')));
    let_go();
    ASSERT_TRUE(sink_.wait_for(2));
    EXPECT_TRUE(push(std::string(9'000, 'x')));
}

TEST_F(LaneTest, TriesAgainUntilTheStoreIsBack) {
    script_.lock()->fates = {Fate::lose, Fate::lose};
    script_.lock()->settles_that_fail = 1;
    ASSERT_TRUE(push("1"));
    ASSERT_TRUE(push("2"));
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(2));
    EXPECT_THAT(script_.lock()->stored, ElementsAre("1", "2"));
    EXPECT_THAT(errors(), Each(error_code{}));
    EXPECT_TRUE(lane().reachable());
}

TEST_F(LaneTest, AStoreIsBackWhenItHasTakenSomething) {
    script_.lock()->fates = {Fate::lose};
    script_.lock()->settling_holds = true;
    ASSERT_TRUE(push("1"));
    lane().wake();
    ASSERT_TRUE(script_.lock().wait_for(10s, [](const Script& now) { return now.hold && now.holding; }));
    EXPECT_FALSE(lane().reachable());
    let_go();
    ASSERT_TRUE(sink_.wait_for(1));
    EXPECT_TRUE(lane().reachable());
}

TEST_F(LaneTest, ACommitFoundOutLaterIsNotDoneTwice) {
    script_.lock()->fates = {Fate::commit_and_lose};
    ASSERT_TRUE(push("1"));
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(1));
    ASSERT_TRUE(push("2"));
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(2));
    EXPECT_THAT(script_.lock()->stored, ElementsAre("1", "2"));
    EXPECT_EQ(sink_.taken()[0].result.seq, 1u);
    EXPECT_EQ(sink_.taken()[1].result.seq, 2u);
}

TEST_F(LaneTest, FailsWhatHasWaitedTooLong) {
    limits_.wait = 50ms;
    script_.lock()->fates = {Fate::lose};
    script_.lock()->settles_that_fail = 1;
    ASSERT_TRUE(push("1", 5));
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(1));
    EXPECT_EQ(sink_.taken()[0].result.error, Errc::store_unavailable);
    EXPECT_EQ(sink_.taken()[0].append.token, 5u);
    EXPECT_EQ(sink_.taken()[0].append.origin.generation, 1u);
    ASSERT_TRUE(push("2"));
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(2));
    EXPECT_THAT(script_.lock()->stored, ElementsAre("2"));
}

TEST_F(LaneTest, WhatWasCommittedAfterAllIsStillDelivered) {
    limits_.wait = 50ms;
    script_.lock()->fates = {Fate::commit_and_lose};
    script_.lock()->settles_that_fail = 1;
    ASSERT_TRUE(push("1"));
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(2));
    const std::vector<Committed> taken = sink_.taken();
    EXPECT_EQ(taken[0].result.error, Errc::store_unavailable);
    EXPECT_EQ(taken[0].append.origin.generation, 1u);
    EXPECT_FALSE(taken[1].result.error);
    EXPECT_EQ(taken[1].result.seq, 1u);
    EXPECT_EQ(taken[1].append.origin.generation, 0u);
}

TEST_F(LaneTest, WhatSqlPublishedWaitsAsLongAsItTakes) {
    limits_.wait = 50ms;
    script_.lock()->fates = {Fate::lose};
    script_.lock()->settles_that_fail = 1;
    for (const std::int64_t row : {0, 8, 0, 9}) {
        const std::string payload = std::to_string(row);
        const MessagePtr message = Message::create({.channel = "a", .payload = as_bytes(payload)});
        ASSERT_TRUE(lane().push({message, {}, 0, row}));
    }
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(4));
    EXPECT_THAT(script_.lock()->stored, ElementsAre("8", "9"));
    EXPECT_THAT(errors(), testing::UnorderedElementsAre(Errc::store_unavailable, Errc::store_unavailable,
                                                        error_code{}, error_code{}));
}

TEST_F(LaneTest, APoisonedMessageFailsAlone) {
    hold();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(push("good"));
    ASSERT_TRUE(push("poison", 66));
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(push("good"));
    let_go();
    ASSERT_TRUE(sink_.wait_for(12));
    std::uint64_t seq = 0;
    int failed = 0;
    for (const Committed& committed : sink_.taken()) {
        if (committed.append.token == 66) {
            EXPECT_EQ(committed.result.error, Errc::malformed);
            ++failed;
        } else {
            EXPECT_EQ(committed.result.seq, ++seq);
        }
    }
    EXPECT_EQ(seq, 11u);
    EXPECT_EQ(failed, 1);
}

TEST_F(LaneTest, RefusesWhatNoDatabaseCanHold) {
    ASSERT_TRUE(push("x", 0, std::string(1025, 'k')));
    ASSERT_TRUE(push("x", 0, std::string_view("a\0b", 3)));
    ASSERT_TRUE(push("x", 0, "\xff"));
    ASSERT_TRUE(push("x", 0, std::string(1024, 'k')));
    ASSERT_TRUE(lane().push({Message::create({.channel = "\xc0\x80"}), {}, 0}));
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(5));
    EXPECT_THAT(errors(), testing::UnorderedElementsAre(Errc::too_large, Errc::malformed, Errc::malformed,
                                                        error_code{}, Errc::invalid_channel));
}

TEST_F(LaneTest, StoppingCommitsWhatIsQueued) {
    hold();
    ASSERT_TRUE(push("1"));
    script_.lock()->hold = false;
    script_.notify_all();
    lane().stop();
    EXPECT_THAT(payloads(), ElementsAre("held", "1"));
    EXPECT_FALSE(push("2"));
}

TEST_F(LaneTest, StoppingWhileTheStoreIsAwayFailsWhatIsQueued) {
    script_.lock()->fates = {Fate::lose};
    script_.lock()->settles_that_fail = 1'000'000;
    ASSERT_TRUE(push("1"));
    lane().wake();
    ASSERT_TRUE(script_.lock().wait_for(10s, [](const Script& now) { return !now.batches.empty(); }));
    ASSERT_TRUE(push("2"));
    lane().stop();
    EXPECT_FALSE(lane().reachable());
    EXPECT_THAT(payloads(), ElementsAre("1", "2"));
    EXPECT_THAT(errors(), Each(make_error_code(Errc::store_unavailable)));
}

TEST_F(LaneTest, AnIdleLaneIsSettledUpToNowAndKeepsToIt) {
    EXPECT_EQ(lane().settled_through(500), 500);
    ASSERT_TRUE(push("1"));
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(1));
    EXPECT_EQ(script_.lock()->stamp_floor_us, 500);
}

TEST_F(LaneTest, ALaneThatCommitsIsSettledUpToWhatTheSinkHas) {
    script_.lock()->stamp_us = 70;
    ASSERT_TRUE(push("1"));
    lane().wake();
    ASSERT_TRUE(sink_.wait_for(1));
    hold();
    EXPECT_EQ(lane().settled_through(500), 70);
    let_go();
    ASSERT_TRUE(sink_.wait_for(2));
}

TEST_F(LaneTest, ABatchInDoubtHoldsTheHorizon) {
    script_.lock()->fates = {Fate::commit_and_lose};
    script_.lock()->settles_that_fail = 1'000'000;
    ASSERT_TRUE(push("1"));
    lane().wake();
    ASSERT_TRUE(script_.lock().wait_for(10s, [](const Script& now) { return !now.batches.empty(); }));
    EXPECT_EQ(lane().settled_through(500), 0);
    script_.lock()->settles_that_fail = 0;
    ASSERT_TRUE(sink_.wait_for(1));
}

TEST(MessageId, IsTheWritersOrMadeOfEpochAndSeq) {
    const MessagePtr named = Message::create({.channel = "a", .id = "k"});
    const MessagePtr plain = Message::create({.channel = "a"});
    EXPECT_EQ(message_id(*named, "e1"), "k");
    EXPECT_EQ(message_id(*plain, "e1"), "");
    EXPECT_EQ(message_id(*plain, "e1", 4), "e1-4");
    plain->stamp(9, 1);
    EXPECT_EQ(message_id(*plain, "e1"), "e1-9");
}

}  // namespace
}  // namespace millrace::store::test
