#include "store/session_keeper.h"

#include <gmock/gmock.h>
#include <optional>

#include "core/shard.h"
#include "tests/store/session_changes.h"

namespace millrace::store::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

/// What a scripted SessionLog was asked and how it answers; shared by the keeper's thread and the test.
struct Script {
    struct Batch {
        std::vector<SessionChange> changes;
        bool durable = false;
    };
    std::vector<Batch> batches;  ///< that were taken
    int attempts = 0;
    bool away = false;
    bool hold = false;    ///< apply() waits until this is false
    std::string refused;  ///< the client id of what can never be stored
    std::vector<ChannelNews> news;
    std::map<std::int64_t, std::vector<std::int64_t>> stamps;  ///< of the messages, by channel id
};

class ScriptedSessions final : public SessionLog {
  public:
    explicit ScriptedSessions(Guarded<Script>& script) : script_(script) {}

    error_code apply(std::span<const SessionChange> changes, bool durable) override {
        auto script = script_.lock();
        ++script->attempts;
        script_.notify_all();
        script.wait([](const Script& now) { return !now.hold; });
        if (script->away) return Errc::store_unavailable;
        for (const SessionChange& change : changes) {
            if (!script->refused.empty() && change.session.client_id == script->refused)
                return Errc::malformed;
        }
        script->batches.push_back({{changes.begin(), changes.end()}, durable});
        script_.notify_all();
        return {};
    }
    Result<std::vector<RestoredSession>> load() override { return std::vector<RestoredSession>{}; }
    Result<std::vector<ChannelNews>> news(std::int64_t us) override {
        std::vector<ChannelNews> news = script_.lock()->news;
        std::erase_if(news, [us](const ChannelNews& channel) { return channel.newest_us <= us; });
        return news;
    }
    Result<std::uint64_t> position(std::int64_t channel_id, std::int64_t us) override {
        auto script = script_.lock();
        if (script->away) return make_error_code(Errc::store_unavailable);
        std::uint64_t seq = 0;
        for (const std::int64_t stamp : script->stamps[channel_id]) seq += stamp <= us ? 1 : 0;
        return seq;
    }

  private:
    Guarded<Script>& script_;
};

SessionChange change(std::int64_t id, const std::map<std::string, int>& subscribed = {},
                     const std::vector<std::string>& unsubscribed = {}) {
    KeptSession session;
    session.id = id;
    session.client_id = "client" + std::to_string(id);
    std::vector<KeptSubscription> subscriptions;
    for (const auto& [filter, qos] : subscribed) subscriptions.push_back(kept_subscription(filter, qos));
    return change_of(session, subscriptions, unsubscribed);
}

/// `filter=qos`, or `-filter`.
std::vector<std::string> words(const SessionChange& change) {
    std::vector<std::string> words;
    for (const auto& [filter, subscription] : change.subscriptions)
        words.push_back(subscription ? filter + '=' + std::to_string(subscription->qos) : '-' + filter);
    return words;
}

class SessionKeeperTest : public testing::Test {
  protected:
    void start(SessionKeeper::Limits limits = {}) {
        keeper_ = std::make_unique<SessionKeeper>(std::make_unique<ScriptedSessions>(script_), limits);
        ASSERT_FALSE(keeper_->learn_news(0));
        keeper_->start();
    }
    SessionKeeper& keeper() { return *keeper_; }
    /// Occupies the keeper so that what follows queues up.
    void hold() {
        script_.lock()->hold = true;
        ASSERT_TRUE(keeper().save(change(1000)));
        ASSERT_TRUE(script_.lock().wait_for(10s, [](const Script& now) { return now.attempts != 0; }));
    }
    void let_go() {
        script_.lock()->hold = false;
        script_.notify_all();
    }
    void come_back() { script_.lock()->away = false; }
    std::vector<Script::Batch> written(std::size_t batches) {
        EXPECT_TRUE(script_.lock().wait_for(
            10s, [batches](const Script& now) { return now.batches.size() >= batches; }));
        return script_.lock()->batches;
    }
    [[nodiscard]] bool save_and_wait(SessionChange change) {
        return keeper().save(std::move(change), shard_,
                             [this](error_code result) { results_.push_back(result); });
    }
    /// What those who wait were told.
    std::vector<error_code> results(std::size_t count) {
        for (int turns = 0; results_.size() < count && turns < 1000; ++turns) shard_.turn(Milliseconds(10));
        return results_;
    }

    Shard shard_{0};
    Guarded<Script> script_;
    std::vector<error_code> results_;
    std::unique_ptr<SessionKeeper> keeper_;
};

TEST_F(SessionKeeperTest, WritesWhatQueuedUpInOneTransactionAndTheSumOfEachSession) {
    start();
    hold();
    ASSERT_TRUE(keeper().save(change(1, {{"a", 1}, {"b", 1}})));
    ASSERT_TRUE(keeper().save(change(2, {{"x", 2}})));
    ASSERT_TRUE(keeper().save(change(1, {{"a", 2}, {"c", 0}}, {"b", "z"})));
    let_go();
    const auto batches = written(2);
    ASSERT_THAT(batches[1].changes, SizeIs(2));
    EXPECT_THAT(words(batches[1].changes[0]), ElementsAre("a=2", "-b", "c=0", "-z"));
    EXPECT_THAT(words(batches[1].changes[1]), ElementsAre("x=2"));
}

TEST_F(SessionKeeperTest, AnEndReplacesWhatCameBefore) {
    start();
    hold();
    ASSERT_TRUE(keeper().save(change(1, {{"a", 1}})));
    ASSERT_TRUE(keeper().save(end_of(1)));
    let_go();
    const auto batches = written(2);
    ASSERT_THAT(batches[1].changes, SizeIs(1));
    EXPECT_TRUE(batches[1].changes[0].ended);
    EXPECT_THAT(batches[1].changes[0].subscriptions, IsEmpty());
}

TEST_F(SessionKeeperTest, TellsWhenItIsDurableAndOnlyThenAsksForThat) {
    start();
    ASSERT_TRUE(keeper().save(change(1)));
    EXPECT_FALSE(written(1)[0].durable);
    ASSERT_TRUE(save_and_wait(change(1)));
    EXPECT_THAT(results(1), ElementsAre(error_code{}));
    EXPECT_TRUE(written(2)[1].durable);
}

TEST_F(SessionKeeperTest, ChangesOutliveAStoreThatIsAwayAndNewerOnesJoinThem) {
    script_.lock()->away = true;
    start();
    ASSERT_TRUE(save_and_wait(change(1, {{"a", 1}})));
    ASSERT_TRUE(script_.lock().wait_for(10s, [](const Script& now) { return now.attempts > 1; }));
    ASSERT_TRUE(save_and_wait(change(1, {{"b", 1}}, {"a"})));
    come_back();
    EXPECT_THAT(results(2), ElementsAre(error_code{}, error_code{}));
    EXPECT_THAT(words(written(1)[0].changes[0]), ElementsAre("-a", "b=1"));
}

TEST_F(SessionKeeperTest, WhoWaitsTooLongIsToldAndTheChangeStays) {
    script_.lock()->away = true;
    start({.changes = 10, .wait = 1ms});
    ASSERT_TRUE(save_and_wait(change(1)));
    EXPECT_THAT(results(1), ElementsAre(make_error_code(Errc::store_unavailable)));
    come_back();
    EXPECT_THAT(written(1)[0].changes, SizeIs(1));
}

TEST_F(SessionKeeperTest, TheQueueIsLimitedButNotForEnds) {
    start({.changes = 2, .wait = 10s});
    hold();
    EXPECT_TRUE(keeper().save(change(1)));
    EXPECT_TRUE(keeper().save(change(2)));
    EXPECT_FALSE(keeper().save(change(3)));
    EXPECT_FALSE(save_and_wait(change(3)));
    EXPECT_TRUE(keeper().save(change(2, {{"a", 1}})));
    EXPECT_TRUE(keeper().save(end_of(4)));
    let_go();
    EXPECT_THAT(written(2)[1].changes, SizeIs(3));
}

TEST_F(SessionKeeperTest, WhatCanNeverBeStoredDoesNotHoldUpTheOthers) {
    script_.lock()->refused = "client1";
    start();
    hold();
    ASSERT_TRUE(save_and_wait(change(1)));
    ASSERT_TRUE(save_and_wait(change(2)));
    let_go();
    EXPECT_THAT(results(2), ElementsAre(make_error_code(Errc::malformed), error_code{}));
    EXPECT_EQ(written(2)[1].changes.at(0).session.id, 2);
}

TEST_F(SessionKeeperTest, StoppingWritesWhatIsQueued) {
    start();
    hold();
    ASSERT_TRUE(keeper().save(change(1)));
    let_go();
    keeper().stop();
    EXPECT_THAT(written(2), SizeIs(2));
}

TEST_F(SessionKeeperTest, StoppingDoesNotWaitForAStoreThatIsAway) {
    script_.lock()->away = true;
    start();
    ASSERT_TRUE(keeper().save(change(1)));
    keeper().stop();
    EXPECT_THAT(script_.lock()->batches, IsEmpty());
}

TEST_F(SessionKeeperTest, FindsWhatASessionIsOwed) {
    {
        auto script = script_.lock();
        script->news = {{1, "room/1", 30}, {2, "room/2", 50}, {3, "other", 50}, {4, "$SYS/x", 50}};
        script->stamps = {{1, {10, 20, 30}}, {2, {10, 40, 50}}, {3, {50}}};
        script->away = true;
    }
    start();
    std::optional<std::vector<Owed>> owed;
    keeper().ask({{"room/+", 30}, {"#", 45}, {"room/2", 15}}, shard_,
                 [&owed](std::vector<Owed> answer) { owed = std::move(answer); });
    come_back();
    for (int turns = 0; !owed && turns < 1000; ++turns) shard_.turn(Milliseconds(10));
    ASSERT_TRUE(owed);
    std::map<std::string, std::uint64_t> found;
    for (const Owed& channel : *owed) found[channel.channel] = channel.after;
    EXPECT_THAT(found, ElementsAre(testing::Pair("other", 0), testing::Pair("room/2", 1)));
}

}  // namespace
}  // namespace millrace::store::test
