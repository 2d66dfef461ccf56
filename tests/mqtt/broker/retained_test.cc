#include "mqtt/broker/retained.h"

#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "mqtt/codec/topic.h"
#include "tests/mqtt/broker/random_topics.h"

namespace millrace::mqtt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::RandomTopics;
using ::testing::UnorderedElementsAre;

constexpr std::size_t kPlenty = SIZE_MAX / 2;

MessagePtr retained(std::string_view channel, std::string_view payload) {
    return Message::create({.channel = channel, .payload = as_bytes(payload), .retain = true});
}

std::vector<std::string> topics(const RetainedMap& map, std::string_view filter) {
    std::vector<std::string> result;
    map.match(filter, false, [&](const MessagePtr& message) { result.emplace_back(message->channel()); });
    return result;
}

std::vector<std::string> payloads(const RetainedMap& map, std::string_view filter) {
    std::vector<std::string> result;
    map.match(filter, false,
              [&](const MessagePtr& message) { result.emplace_back(as_text(message->payload())); });
    return result;
}

/// The same as RetainedMap, by looking at every message each time.
class NaiveMap {
  public:
    NaiveMap(std::size_t messages_max, std::size_t bytes_max)
        : messages_max_(messages_max), bytes_max_(bytes_max) {}

    bool update(const MessagePtr& message) {
        messages_.erase(std::string(message->channel()));
        if (message->payload().empty()) return true;
        if (messages_.size() == messages_max_ || bytes() + message->footprint() > bytes_max_) return false;
        messages_.emplace(message->channel(), message);
        return true;
    }
    std::multiset<MessagePtr> match(std::string_view filter) const {
        std::multiset<MessagePtr> result;
        for (const auto& [topic, message] : messages_) {
            if (topic_matches(filter, topic)) result.insert(message);
        }
        return result;
    }
    std::size_t size() const { return messages_.size(); }
    std::size_t bytes() const {
        std::size_t sum = 0;
        for (const auto& [topic, message] : messages_) sum += message->footprint();
        return sum;
    }

  private:
    std::map<std::string, MessagePtr> messages_;
    std::size_t messages_max_;
    std::size_t bytes_max_;
};

struct Limits {
    unsigned seed;
    std::size_t messages;
    std::size_t bytes;
};

class RetainedMapAgainstNaive : public ::testing::TestWithParam<Limits> {};

// Bug class 19.
TEST_P(RetainedMapAgainstNaive, KeepsAndFindsTheSame) {
    const Limits limits = GetParam();
    RandomTopics random(limits.seed);
    RetainedMap map(limits.messages, limits.bytes);
    NaiveMap naive(limits.messages, limits.bytes);
    for (int step = 0; step < 2000; ++step) {
        const std::string payload(random.one_in(3) ? 0 : random.below(200), 'x');
        const MessagePtr message = retained(random.name(), payload);
        ASSERT_EQ(map.update(message), naive.update(message)) << message->channel();
        ASSERT_EQ(map.size(), naive.size());
        ASSERT_EQ(map.bytes(), naive.bytes());
        const std::string filter = random.one_in(4) ? random.name() : random.filter();
        std::multiset<MessagePtr> found;
        map.match(filter, false, [&](const MessagePtr& match) { found.insert(match); });
        ASSERT_EQ(found, naive.match(filter)) << filter;
    }
}

INSTANTIATE_TEST_SUITE_P(Limits, RetainedMapAgainstNaive,
                         ::testing::Values(Limits{1, kPlenty, kPlenty}, Limits{2, kPlenty, kPlenty},
                                           Limits{3, 20, kPlenty}, Limits{4, kPlenty, 4000},
                                           Limits{5, 30, 6000}, Limits{6, 0, kPlenty}));

// 4.7.1.2
TEST(RetainedMap, TheMultiLevelWildcardIncludesItsParent) {
    RetainedMap map(kPlenty, kPlenty);
    for (const char* topic : {"a", "a/b", "a/b/c", "a/b/c/d", "a/b!", "a/bc", "a/b-c/d"}) {
        map.update(retained(topic, "x"));
    }
    EXPECT_THAT(topics(map, "a/b/#"), UnorderedElementsAre("a/b", "a/b/c", "a/b/c/d"));
    EXPECT_THAT(topics(map, "a/b/+"), UnorderedElementsAre("a/b/c"));
    EXPECT_THAT(topics(map, "a/b"), UnorderedElementsAre("a/b"));
    EXPECT_EQ(topics(map, "#").size(), 7U);
    EXPECT_EQ(topics(map, "a/#").size(), 7U);
}

MessagePtr for_some(std::string_view payload, const Audience& audience) {
    return Message::create(
        {.channel = "t", .payload = as_bytes(payload), .retain = true, .audience = audience});
}

/// What an anonymous reader and an authenticated one get of the topic.
std::pair<std::string, std::string> views(const RetainedMap& map) {
    std::pair<std::string, std::string> seen;
    map.match("t", false, [&](const MessagePtr& message) { seen.first += as_text(message->payload()); });
    map.match("+", true, [&](const MessagePtr& message) { seen.second += as_text(message->payload()); });
    return seen;
}

TEST(RetainedMap, EveryReaderHasTheLastMessageThatIsMeantForIt) {
    using Views = std::pair<std::string, std::string>;
    const Audience authenticated{.authenticated_only = true};
    RetainedMap map(kPlenty, kPlenty);
    map.update(for_some("inner", authenticated));
    EXPECT_EQ(views(map), Views("", "inner"));
    map.update(for_some("open", {}));
    EXPECT_EQ(views(map), Views("open", "open"));
    map.update(for_some("later", authenticated));
    EXPECT_EQ(views(map), Views("open", "later"));
    map.update(for_some("", authenticated));
    EXPECT_EQ(views(map), Views("open", ""));
    map.update(for_some("again", authenticated));
    EXPECT_EQ(views(map), Views("open", "again"));
    map.update(for_some("", {}));
    EXPECT_EQ(views(map), Views("", ""));
    EXPECT_EQ(map.size(), 0U);
    EXPECT_EQ(map.bytes(), 0U);
}

TEST(RetainedMap, WhatIsForOneUserIsNotRetained) {
    RetainedMap map(kPlenty, kPlenty);
    map.update(for_some("open", {}));
    EXPECT_TRUE(map.update(for_some("psst", {.dbo_id = 1, .row_id = 7})));
    EXPECT_TRUE(map.update(for_some("", {.dbo_id = 1})));
    EXPECT_EQ(views(map), std::pair(std::string("open"), std::string("open")));
}

// [MQTT-4.7.2-1]
TEST(RetainedMap, WildcardsInTheFirstLevelMissReservedTopics) {
    RetainedMap map(kPlenty, kPlenty);
    map.update(retained("$SYS/broker/version", "1"));
    map.update(retained("room/broker/version", "2"));
    EXPECT_THAT(topics(map, "#"), ElementsAre("room/broker/version"));
    EXPECT_THAT(topics(map, "+/broker/version"), ElementsAre("room/broker/version"));
    EXPECT_THAT(topics(map, "$SYS/#"), ElementsAre("$SYS/broker/version"));
}

// [MQTT-3.3.1-5], [MQTT-3.3.1-6], [MQTT-3.3.1-7]
TEST(RetainedMap, KeepsTheLastMessageAndForgetsOnAnEmptyOne) {
    RetainedMap map(kPlenty, kPlenty);
    EXPECT_TRUE(map.update(retained("t", "one")));
    EXPECT_TRUE(map.update(retained("t", "two")));
    EXPECT_THAT(payloads(map, "t"), ElementsAre("two"));
    EXPECT_EQ(map.size(), 1U);
    EXPECT_TRUE(map.update(retained("t", "")));
    EXPECT_THAT(payloads(map, "#"), IsEmpty());
    EXPECT_EQ(map.size(), 0U);
    EXPECT_EQ(map.bytes(), 0U);
    EXPECT_TRUE(map.update(retained("never there", "")));
    EXPECT_EQ(map.size(), 0U);
}

// Bug class 19.
TEST(RetainedMap, AFullMapTakesReplacementsButNoNewTopic) {
    RetainedMap map(2, kPlenty);
    EXPECT_TRUE(map.update(retained("a", "1")));
    EXPECT_TRUE(map.update(retained("b", "1")));
    EXPECT_FALSE(map.update(retained("c", "1")));
    EXPECT_TRUE(map.update(retained("a", "2")));
    EXPECT_THAT(payloads(map, "#"), ElementsAre("2", "1"));
    EXPECT_TRUE(map.update(retained("b", "")));
    EXPECT_TRUE(map.update(retained("c", "1")));
    EXPECT_THAT(topics(map, "#"), ElementsAre("a", "c"));
}

// The one before is no longer the last message of its topic, so it may not be given to anybody.
TEST(RetainedMap, AReplacementThatDoesNotFitEndsTheOneBefore) {
    const std::size_t room = retained("a", std::string(100, 'x'))->footprint();
    RetainedMap map(kPlenty, room);
    EXPECT_TRUE(map.update(retained("a", std::string(100, 'x'))));
    EXPECT_EQ(map.bytes(), room);
    EXPECT_FALSE(map.update(retained("a", std::string(101, 'y'))));
    EXPECT_THAT(topics(map, "#"), IsEmpty());
    EXPECT_EQ(map.bytes(), 0U);
}

}  // namespace
}  // namespace millrace::mqtt
