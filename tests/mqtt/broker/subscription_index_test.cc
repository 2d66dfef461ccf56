#include "mqtt/broker/subscription_index.h"

#include <algorithm>
#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mqtt/codec/topic.h"
#include "tests/mqtt/broker/random_topics.h"

namespace millrace::mqtt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::RandomTopics;

class Somebody final : public Subscriber {
  public:
    void deliver(const MessagePtr&, const Match&) override {}
    const void* origin() const override { return this; }
};

/// What a find says about one subscriber.
struct Reached {
    int qos = 0;
    bool retain_as_published = false;
    std::vector<std::uint32_t> identifiers;  ///< ascending
    bool operator==(const Reached&) const = default;
};
using ReachedBy = std::map<const Subscriber*, Reached>;

ReachedBy reached_by(SubscriptionIndex& index, std::string_view topic, const void* origin = nullptr) {
    ReachedBy result;
    for (const auto& [subscriber, match] : index.find(topic, origin)) {
        EXPECT_FALSE(match.retained);
        Reached reached{
            match.qos, match.retain_as_published, {match.identifiers.begin(), match.identifiers.end()}};
        std::sort(reached.identifiers.begin(), reached.identifiers.end());
        EXPECT_TRUE(result.emplace(subscriber, reached).second) << "found twice";
    }
    return result;
}

/// The same as SubscriptionIndex, by looking at every subscription each time.
class NaiveIndex {
  public:
    bool add(const std::string& filter, Subscriber& subscriber, const SubscriptionOptions& options) {
        return subscriptions_.insert_or_assign(std::pair{filter, &subscriber}, options).second;
    }
    bool remove(const std::string& filter, Subscriber& subscriber) {
        return subscriptions_.erase(std::pair{filter, &subscriber}) == 1;
    }
    std::size_t size() const { return subscriptions_.size(); }
    ReachedBy find(std::string_view topic, const void* origin) const {
        ReachedBy result;
        for (const auto& [key, options] : subscriptions_) {
            const auto& [filter, subscriber] = key;
            if (!topic_matches(filter, topic)) continue;
            if (options.no_local && subscriber->origin() == origin) continue;
            Reached& reached = result[subscriber];
            reached.qos = std::max<int>(reached.qos, options.qos);
            reached.retain_as_published |= options.retain_as_published;
            if (options.identifier != 0) reached.identifiers.push_back(options.identifier);
        }
        for (auto& [subscriber, reached] : result) {
            std::sort(reached.identifiers.begin(), reached.identifiers.end());
        }
        return result;
    }
    std::pair<std::string, Subscriber*> any(RandomTopics& random) const {
        return std::next(subscriptions_.begin(), static_cast<std::ptrdiff_t>(random.below(size())))->first;
    }

  private:
    std::map<std::pair<std::string, Subscriber*>, SubscriptionOptions> subscriptions_;
};

SubscriptionOptions random_options(RandomTopics& random) {
    return {static_cast<std::uint8_t>(random.below(3)), random.one_in(3), random.one_in(3),
            static_cast<std::uint32_t>(random.below(4))};
}

class SubscriptionIndexAgainstNaive : public ::testing::TestWithParam<unsigned> {
  protected:
    void add() {
        const std::string filter = random_.filter();
        Somebody& subscriber = subscribers_[random_.below(subscribers_.size())];
        const SubscriptionOptions options = random_options(random_);
        ASSERT_EQ(index_.add(filter, subscriber, options), naive_.add(filter, subscriber, options)) << filter;
    }
    void remove() {
        if (naive_.size() == 0) return;
        auto [filter, subscriber] = naive_.any(random_);
        if (random_.one_in(4)) filter = random_.filter();
        ASSERT_EQ(index_.remove(filter, *subscriber), naive_.remove(filter, *subscriber)) << filter;
    }
    void compare() {
        // Often the last one again: what the index remembers of it must not outlive a change.
        const std::string topic = random_.one_in(2) ? topic_ : random_.name();
        topic_ = topic;
        const void* origin = random_.one_in(3) ? nullptr : &subscribers_[random_.below(subscribers_.size())];
        ASSERT_EQ(reached_by(index_, topic, origin), naive_.find(topic, origin)) << topic;
        ASSERT_EQ(index_.size(), naive_.size());
    }

    RandomTopics random_{GetParam()};
    std::array<Somebody, 8> subscribers_;
    SubscriptionIndex index_;
    NaiveIndex naive_;
    std::string topic_ = random_.name();
};

/// Bug class 10: where depth cost stack, a topic of this many levels ended the server.
TEST(SubscriptionIndex, TheDeepestTopicNeedsNoDeepStack) {
    constexpr std::size_t kSlashes = 65'534;
    const std::string deep(kSlashes, '/');
    std::string plus = "+";
    for (std::size_t i = 0; i < kSlashes / 2; ++i) plus += "/+";
    SubscriptionIndex index;
    Somebody exactly;
    Somebody below;
    Somebody halfway;
    EXPECT_TRUE(index.add(deep, exactly, {}));
    EXPECT_TRUE(index.add(deep + "#", below, {}));
    EXPECT_TRUE(index.add(plus + "/#", halfway, {}));
    EXPECT_EQ(reached_by(index, deep).size(), 3U);
    EXPECT_TRUE(index.remove(deep + "#", below));
    EXPECT_TRUE(index.remove(plus + "/#", halfway));
    EXPECT_EQ(reached_by(index, deep).size(), 1U);
}

TEST_P(SubscriptionIndexAgainstNaive, FindsTheSameWhileSubscriptionsComeAndGo) {
    for (int step = 0; step < 4000; ++step) {
        // Grows to some hundred subscriptions, then shrinks, then grows again.
        const bool growing = step / 1000 % 2 == 0;
        if (random_.one_in(4) == growing) {
            remove();
        } else {
            add();
        }
        compare();
        if (HasFatalFailure()) return;
    }
    while (naive_.size() != 0) {
        remove();
        if (HasFatalFailure()) return;
    }
    for (int topic = 0; topic < 100; ++topic) compare();
}

INSTANTIATE_TEST_SUITE_P(Seeds, SubscriptionIndexAgainstNaive, ::testing::Range(1U, 9U));

TEST(SubscriptionIndex, OverlappingSubscriptionsReachTheirSubscriberOnce) {
    SubscriptionIndex index;
    Somebody somebody;
    index.add("a/b", somebody, {.qos = 0, .identifier = 7});
    index.add("a/+", somebody, {.qos = 2, .identifier = 8});
    index.add("a/#", somebody, {.qos = 1, .retain_as_published = true, .identifier = 9});
    index.add("#", somebody, {.qos = 1});
    const ReachedBy reached = reached_by(index, "a/b");
    ASSERT_EQ(reached.size(), 1U);
    EXPECT_EQ(reached.at(&somebody).qos, 2);  // [MQTT-3.3.4-2]
    EXPECT_TRUE(reached.at(&somebody).retain_as_published);
    EXPECT_THAT(reached.at(&somebody).identifiers, ElementsAre(7, 8, 9));  // [MQTT-3.3.4-5]
}

TEST(SubscriptionIndex, KeepsTheIdentifiersOfSubscribersApart) {
    SubscriptionIndex index;
    std::array<Somebody, 3> people;
    index.add("a/b", people[0], {.identifier = 1});
    index.add("a/+", people[1], {.identifier = 2});
    index.add("a/#", people[0], {.identifier = 3});
    index.add("+/b", people[2], {});
    const ReachedBy reached = reached_by(index, "a/b");
    EXPECT_THAT(reached.at(&people[0]).identifiers, ElementsAre(1, 3));
    EXPECT_THAT(reached.at(&people[1]).identifiers, ElementsAre(2));
    EXPECT_THAT(reached.at(&people[2]).identifiers, IsEmpty());
}

// [MQTT-3.8.4-3]
TEST(SubscriptionIndex, SubscribingAgainReplacesTheOptions) {
    for (const std::string filter : {"a/b", "a/+", "a/#"}) {
        SubscriptionIndex index;
        Somebody somebody;
        EXPECT_TRUE(index.add(filter, somebody, {.qos = 2, .identifier = 5}));
        EXPECT_FALSE(index.add(filter, somebody, {.qos = 1}));
        EXPECT_EQ(index.size(), 1U);
        const ReachedBy reached = reached_by(index, "a/b");
        EXPECT_EQ(reached.at(&somebody), (Reached{1, false, {}})) << filter;
    }
}

// [MQTT-4.7.2-1]
// Bug class 11.
TEST(SubscriptionIndex, WildcardsInTheFirstLevelMissReservedTopics) {
    SubscriptionIndex index;
    Somebody everything;
    Somebody system;
    index.add("#", everything, {});
    index.add("+/broker/uptime", everything, {});
    index.add("$SYS/#", system, {});
    EXPECT_EQ(reached_by(index, "$SYS/broker/uptime"), (ReachedBy{{&system, {}}}));
    EXPECT_EQ(reached_by(index, "SYS/broker/uptime"), (ReachedBy{{&everything, {}}}));
    EXPECT_EQ(reached_by(index, "$SYS"), (ReachedBy{{&system, {}}}));
}

// 4.7.1.2
TEST(SubscriptionIndex, TheMultiLevelWildcardIncludesItsParent) {
    SubscriptionIndex index;
    Somebody somebody;
    index.add("a/b/#", somebody, {});
    EXPECT_EQ(reached_by(index, "a/b").size(), 1U);
    EXPECT_EQ(reached_by(index, "a/b/").size(), 1U);
    EXPECT_EQ(reached_by(index, "a/b/c/d").size(), 1U);
    EXPECT_EQ(reached_by(index, "a").size(), 0U);
    EXPECT_EQ(reached_by(index, "a/bc").size(), 0U);
}

// [MQTT-3.8.3-3]
TEST(SubscriptionIndex, NoLocalHidesOnesOwnMessagesFromThatSubscriptionOnly) {
    SubscriptionIndex index;
    Somebody writer;
    Somebody reader;
    index.add("chat", writer, {.qos = 2, .no_local = true, .identifier = 1});
    index.add("chat", reader, {.no_local = true});
    EXPECT_EQ(reached_by(index, "chat", &writer), (ReachedBy{{&reader, {}}}));
    EXPECT_EQ(reached_by(index, "chat").size(), 2U);
    index.add("#", writer, {.qos = 1});
    EXPECT_EQ(reached_by(index, "chat", &writer).at(&writer), (Reached{1, false, {}}));
}

TEST(SubscriptionIndex, AskedTheSameAgainItKnowsWhatHasChanged) {
    SubscriptionIndex index;
    Somebody first;
    Somebody second;
    index.add("a/+", first, {});
    EXPECT_EQ(reached_by(index, "a/b").size(), 1U);
    index.add("a/b", second, {});
    EXPECT_EQ(reached_by(index, "a/b").size(), 2U);
    index.add("a/b", second, {.qos = 1});
    EXPECT_EQ(reached_by(index, "a/b").at(&second).qos, 1);
    index.remove("a/+", first);
    EXPECT_EQ(reached_by(index, "a/b"), (ReachedBy{{&second, {1, false, {}}}}));
    EXPECT_THAT(reached_by(index, "a/c"), IsEmpty());
}

TEST(SubscriptionIndex, RemovesOnlyWhatWasAdded) {
    SubscriptionIndex index;
    Somebody somebody;
    Somebody stranger;
    index.add("a/+/c", somebody, {});
    index.add("a/b/c", somebody, {});
    for (const std::string filter : {"a/+", "a/+/c/#", "a/#", "a/+/c/d", "a/b", "+/+/c"}) {
        EXPECT_FALSE(index.remove(filter, somebody)) << filter;
    }
    EXPECT_FALSE(index.remove("a/+/c", stranger));
    EXPECT_FALSE(index.remove("a/b/c", stranger));
    EXPECT_EQ(index.size(), 2U);
    EXPECT_TRUE(index.remove("a/+/c", somebody));
    EXPECT_TRUE(index.remove("a/b/c", somebody));
    EXPECT_FALSE(index.remove("a/b/c", somebody));
    EXPECT_EQ(index.size(), 0U);
    EXPECT_THAT(index.find("a/b/c", nullptr), IsEmpty());
}

TEST(SubscriptionIndex, AHundredThousandFilters) {
    constexpr std::size_t kDevices = 100'000;
    const auto filter_of = [](std::size_t device) {
        constexpr std::array<std::string_view, 4> kEnds{"/temperature", "/+", "/#", "/+/unit"};
        return "devices/" + std::to_string(device) + std::string(kEnds[device % kEnds.size()]);
    };
    SubscriptionIndex index;
    std::vector<Somebody> people(kDevices);
    for (std::size_t i = 0; i < kDevices; ++i) ASSERT_TRUE(index.add(filter_of(i), people[i], {}));
    EXPECT_EQ(index.size(), kDevices);
    for (std::size_t i = 0; i < kDevices; ++i) {
        const std::string topic =
            "devices/" + std::to_string(i) + (i % 4 == 3 ? "/temperature/unit" : "/temperature");
        const auto& found = index.find(topic, nullptr);
        ASSERT_EQ(found.size(), 1U) << topic;
        ASSERT_EQ(found.front().subscriber, &people[i]) << topic;
    }
    for (std::size_t i = 0; i < kDevices; ++i) ASSERT_TRUE(index.remove(filter_of(i), people[i]));
    EXPECT_EQ(index.size(), 0U);
    EXPECT_THAT(index.find("devices/1/temperature", nullptr), IsEmpty());
}

std::size_t heap_in_use() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

// Bug class 25.
TEST(SubscriptionIndex, WhatIsRemovedLeavesNoMemoryBehind) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers have a heap of their own";
#endif
    SubscriptionIndex index;
    Somebody somebody;
    const auto come_and_go = [&](int round) {
        std::vector<std::string> filters;
        for (int i = 0; i < 500; ++i) {
            const std::string name = std::to_string(round) + "-a-long-name-" + std::to_string(i);
            filters.push_back("x/" + name + "/+/" + name + (i % 2 == 0 ? "" : "/#"));
            filters.push_back("x/" + name);
        }
        for (const std::string& filter : filters) index.add(filter, somebody, {});
        for (const std::string& filter : filters) index.remove(filter, somebody);
    };
    const std::size_t before = heap_in_use();
    for (int round = 0; round < 2; ++round) come_and_go(round);
    const std::size_t early = heap_in_use() - before;
    for (int round = 2; round < 50; ++round) come_and_go(round);
    const std::size_t late = heap_in_use() - before;
    EXPECT_LE(late, 2 * early);
}

}  // namespace
}  // namespace millrace::mqtt
