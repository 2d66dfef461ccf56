#include "store/housekeeper.h"

#include <gtest/gtest.h>
#include <optional>

#include "core/shard.h"
#include "tests/store/messages.h"
#include "tests/support/memory_log.h"

namespace millrace::store::test {
namespace {

class HousekeeperTest : public ::testing::Test {
  protected:
    void fill(const std::string& channel, int count) {
        millrace::testing::MemoryLog log(memory_);
        for (int n = 0; n < count; ++n)
            ASSERT_TRUE(log.append(std::vector<MessagePtr>{text_message(channel, "x")}));
    }
    std::size_t rows(const std::string& channel) { return (*memory_.channels.lock())[channel].size(); }
    Housekeeper& keeper() {
        if (!keeper_) {
            keeper_.emplace(std::make_unique<millrace::testing::MemoryMaintenance>(memory_), 3U);
        }
        return *keeper_;
    }
    template <class Done>
    bool turn_until(Done done) {
        for (int turns = 0; !done() && turns < 1000; ++turns) shard_.turn(Milliseconds(5));
        return done();
    }
    Result<Purged> purge(Trim what) {
        std::optional<Result<Purged>> answer;
        keeper().purge(std::move(what), shard_, [&](Result<Purged> result) { answer = std::move(result); });
        EXPECT_TRUE(turn_until([&] { return answer.has_value(); }));
        return std::move(answer).value_or(make_error_code(Errc::timed_out));
    }
    Result<std::vector<ChannelInfo>> list(const std::string& after, std::uint32_t limit) {
        std::optional<Result<std::vector<ChannelInfo>>> answer;
        keeper().list(after, limit, shard_, [&](auto result) { answer = std::move(result); });
        EXPECT_TRUE(turn_until([&] { return answer.has_value(); }));
        return std::move(answer).value_or(make_error_code(Errc::timed_out));
    }

    millrace::testing::MemoryStore memory_;
    Shard shard_{0};
    std::optional<Housekeeper> keeper_;
};

TEST_F(HousekeeperTest, APurgeTakesAsManyStepsAsItNeeds) {
    fill("a", 10);
    Result<Purged> some = purge({.channel = "a", .before_seq = 6});
    ASSERT_TRUE(some);
    EXPECT_EQ(some->deleted, 5U);
    EXPECT_EQ(some->channel.first, 6U);
    EXPECT_EQ(some->channel.last, 10U);
    const Result<Purged> all = purge({.channel = "a"});
    ASSERT_TRUE(all);
    EXPECT_EQ(all->deleted, 5U);
    EXPECT_EQ(all->channel.first, 0U);
    EXPECT_EQ(all->channel.last, 10U);
    EXPECT_EQ(purge({.channel = "nowhere"})->deleted, 0U);
}

TEST_F(HousekeeperTest, ListsChannels) {
    fill("a", 1);
    fill("b", 2);
    const auto all = list("", 10);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 2U);
    EXPECT_EQ(all->at(1).name, "b");
    EXPECT_EQ(all->at(1).rows(), 2U);
    EXPECT_EQ(list("a", 10)->size(), 1U);
}

TEST_F(HousekeeperTest, KeepsAsManyAsTheRuleSays) {
    fill("few", 20);
    fill("all", 20);
    keeper().start_retention(
        [](std::string_view channel) {
            return channel == "few" ? config::Retention{.messages = 4} : config::Retention{};
        },
        std::chrono::milliseconds(5));
    EXPECT_TRUE(turn_until([&] { return rows("few") == 4; }));
    EXPECT_EQ((*memory_.channels.lock())["few"].front()->seq(), 17U);
    fill("few", 5);
    EXPECT_TRUE(turn_until([&] { return rows("few") == 4; }));
    EXPECT_EQ((*memory_.channels.lock())["few"].front()->seq(), 22U);
    EXPECT_EQ(rows("all"), 20U);
}

TEST_F(HousekeeperTest, KeepsWhatIsYoungEnough) {
    memory_.at_us = wall_clock_us() - 10'000'000;
    fill("a", 5);
    memory_.at_us = wall_clock_us();
    fill("a", 2);
    keeper().start_retention(
        [](std::string_view) { return config::Retention{.age = std::chrono::seconds(5)}; },
        std::chrono::milliseconds(5));
    EXPECT_TRUE(turn_until([&] { return rows("a") == 2; }));
    EXPECT_EQ((*memory_.channels.lock())["a"].front()->seq(), 6U);
}

TEST_F(HousekeeperTest, AStoreThatIsAwayFailsTasksAndNotRetention) {
    fill("a", 5);
    memory_.away = true;
    EXPECT_EQ(purge({.channel = "a"}).error(), Errc::store_unavailable);
    EXPECT_EQ(list("", 10).error(), Errc::store_unavailable);
    memory_.away = false;
    keeper().start_retention([](std::string_view) { return config::Retention{.messages = 1}; },
                             std::chrono::milliseconds(5));
    EXPECT_TRUE(turn_until([&] { return rows("a") == 1; }));
}

TEST_F(HousekeeperTest, AfterItsEndTasksAreRefused) {
    keeper().stop();
    EXPECT_EQ(purge({.channel = "a"}).error(), Errc::overloaded);
}

}  // namespace
}  // namespace millrace::store::test
