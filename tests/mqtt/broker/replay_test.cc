// Sessions that are behind on a stored channel and read what they have missed from the log.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <utility>

#include "tests/mqtt/broker/replay_support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReplayTest : public ReplayFixture {};
INSTANTIATE_TEST_SUITE_P(Versions, ReplayTest, testing::Values(Version::v311, Version::v5),
                         [](const auto& version) { return version.param == Version::v5 ? "v5" : "v311"; });

TEST_P(ReplayTest, WhatIsMissedIsReadFromTheLogAndNotQueued) {
    for (const unsigned shard : {0U, 1U}) {
        leave_session();
        pour(300);
        EXPECT_EQ(server.sum(&Counters::queued_messages), 0U);
        TestClient reader(server, shard, GetParam());
        reader.connect("reader");
        ASSERT_TRUE(receives(reader, 300));
        EXPECT_TRUE(reader.session_present());
        pour(3);
        ASSERT_TRUE(receives(reader, 303));
        expect_silence(reader);
        const int first = shard == 0 ? 1 : 304;
        EXPECT_EQ(reader.payloads(), numbers(first, first + 302));
        EXPECT_EQ(reader.messages.back().qos, 1);
        reader.drop();
        server.turn();
    }
}

TEST_P(ReplayTest, WhatWaitedWhenTheClientLeftIsReadToo) {
    TestClient first(server, 0, GetParam());
    first.acknowledges = false;
    first.connect("reader");
    subscribe(server, first, "stored/a");
    pour(150);
    EXPECT_EQ(server.sum(&Counters::queued_messages), 50U);
    first.read();
    first.drop();
    ASSERT_TRUE(server.turn_until([&] { return server.sum(&Counters::queued_messages) == 0; }));
    TestClient second(server, 1, GetParam());
    second.connect("reader");
    ASSERT_TRUE(receives(second, 150));
    expect_silence(second);
    EXPECT_EQ(second.payloads(), numbers(1, 150));
    EXPECT_TRUE(second.messages[99].dup);
    EXPECT_FALSE(second.messages[100].dup);
}

TEST_P(ReplayTest, MessagesThatComeMeanwhileFollowInOrder) {
    leave_session();
    pour(100);
    TestClient reader(server, 1, GetParam());
    reader.connect("reader");
    for (int i = 0; i < 200; ++i) {
        pour(1);
        if (i % 3 == 0) reader.read();
    }
    ASSERT_TRUE(receives(reader, 300));
    expect_silence(reader);
    EXPECT_EQ(reader.payloads(), numbers(1, 300));
}

TEST_P(ReplayTest, ASessionThatMovesAgainAndAgainReadsOn) {
    leave_session();
    pour(600);
    std::vector<std::string> seen;
    const auto take = [&seen](TestClient& reader) {
        reader.read();
        for (const TestClient::Message& message : std::exchange(reader.messages, {})) {
            const bool again = std::find(seen.begin(), seen.end(), message.payload) != seen.end();
            if (!again) seen.push_back(message.payload);
            EXPECT_TRUE(!again || message.dup) << message.payload;
        }
    };
    for (unsigned i = 0; i < 40; ++i) {
        TestClient reader(server, i % 2, GetParam());
        reader.connect("reader");
        for (unsigned turn = 0; turn < i; ++turn) {
            server.turn(1);
            take(reader);
        }
        pour(1);
        take(reader);
        reader.drop();
        server.turn();
    }
    TestClient reader(server, 0, GetParam());
    reader.connect("reader");
    EXPECT_TRUE(server.turn_until([&] {
        take(reader);
        return seen.size() == 640;
    }));
    EXPECT_EQ(seen, numbers(1, 640));
}

TEST_P(ReplayTest, ManyChannelsTakeTurns) {
    leave_session();
    pour(400, "stored/a");
    pour(400, "stored/b");
    TestClient reader(server, 0, GetParam());
    reader.connect("reader");
    ASSERT_TRUE(receives(reader, 800));
    std::map<std::string, std::vector<std::string>> by_topic;
    for (const TestClient::Message& message : reader.messages)
        by_topic[message.topic].push_back(message.payload);
    EXPECT_EQ(by_topic["stored/a"], numbers(1, 400));
    EXPECT_EQ(by_topic["stored/b"], numbers(1, 400));
    EXPECT_EQ(reader.messages[300].topic, "stored/b") << "a page of the one, then a page of the other";
}

TEST_P(ReplayTest, UnsubscribingEndsIt) {
    leave_session("stored/a");
    pour(10);
    server.hold_store();
    TestClient reader(server, 0, GetParam());
    reader.connect("reader");
    server.turn();
    unsubscribe(reader, "stored/a");
    server.release_store();
    expect_silence(reader);
    EXPECT_THAT(reader.payloads(), IsEmpty());
}

TEST_P(ReplayTest, AStoreThatIsAwayIsAskedAgain) {
    leave_session();
    pour(10);
    server.set_store_away(true);
    TestClient reader(server, 0, GetParam());
    reader.connect("reader");
    expect_silence(reader);
    server.set_store_away(false);
    ASSERT_TRUE(server.turn_until([&] {
        server.pass(1);
        reader.read();
        return reader.messages.size() >= 10;
    }));
    EXPECT_EQ(reader.payloads(), numbers(1, 10));
}

TEST_P(ReplayTest, RetentionThatWasFasterIsSaid) {
    leave_session();
    pour(20);
    server.trim("stored/a", 8);
    TestClient reader(server, 0, GetParam());
    reader.connect("reader");
    ASSERT_TRUE(receives(reader, 8));
    EXPECT_EQ(reader.payloads(), numbers(13, 20));
    EXPECT_EQ(server.sum(&Counters::positions_lost), 1U);
    if (GetParam() != Version::v5) return;
    std::vector<std::map<std::string, std::string>> properties;
    for (const TestClient::Packet& packet : reader.packets) {
        if (packet.type() == PacketType::publish) properties.push_back(user_properties(packet));
    }
    EXPECT_EQ(properties[0]["reset"], "true");
    EXPECT_EQ(properties[0]["first"], "13");
    EXPECT_EQ(properties[0]["seq"], "13");
    EXPECT_FALSE(properties[1].contains("reset"));
}

TEST_P(ReplayTest, ARetainedMessageThatIsStillToComeDoesNotComeTwice) {
    leave_session("stored/a");
    pour(3, "stored/a", true);
    server.hold_store();
    TestClient reader(server, 0, GetParam());
    reader.connect("reader");
    server.turn();
    subscribe(server, reader, "stored/a");
    server.release_store();
    ASSERT_TRUE(receives(reader, 3));
    expect_silence(reader);
    EXPECT_EQ(reader.payloads(), numbers(1, 3));
}

TEST_P(ReplayTest, ARetainedMessageThatWaitsIsNoPosition) {
    pour(1, "stored/a", true);
    pour(1, "stored/b", true);
    pour(100, "stored/a");
    TestClient first(server, 0, GetParam());
    first.acknowledges = false;
    first.connect("reader");
    subscribe(server, first, "stored/b");
    pour(150, "stored/b");
    subscribe(server, first, "stored/a");
    first.read();
    first.drop();
    ASSERT_TRUE(server.turn_until([&] { return server.sum(&Counters::queued_messages) == 1; }));
    TestClient second(server, 0, GetParam());
    second.connect("reader");
    ASSERT_TRUE(receives(second, 152));
    expect_silence(second);
    int of_a = 0;
    for (const TestClient::Message& message : second.messages) of_a += message.topic == "stored/a" ? 1 : 0;
    EXPECT_EQ(of_a, 1);
}

TEST_P(ReplayTest, WithoutASessionThereIsNothingToRead) {
    leave_session();
    pour(5);
    TestClient reader(server, 0, GetParam());
    reader.connect("reader", true);
    subscribe(server, reader, "stored/#");
    expect_silence(reader);
    EXPECT_THAT(reader.payloads(), IsEmpty());
}

TEST_P(ReplayTest, QosZeroIsNotKeptForAClientThatIsAway) {
    leave_session("stored/#", 0);
    pour(5);
    EXPECT_EQ(server.sum(&Counters::dropped_offline), 5U);
}

class SmallQueueTest : public ReplayFixture {
  protected:
    SmallQueueTest()
        : ReplayFixture([](config::Config& config) {
              config.limits.session_queue_messages = 3;
              config.limits.inflight_messages = 2;
              config.limits.session_positions = 1;
          }) {}
};
INSTANTIATE_TEST_SUITE_P(Versions, SmallQueueTest, testing::Values(Version::v311, Version::v5));

TEST_P(SmallQueueTest, TheLogIsTheOverflow) {
    TestClient reader(server, 1, GetParam());
    reader.acknowledges = false;
    reader.connect("reader", true);
    subscribe(server, reader, "stored/a");
    pour(400);
    reader.read();
    EXPECT_EQ(server.sum(&Counters::queued_messages), 3U);
    EXPECT_EQ(reader.messages.size(), 2U);
    reader.acknowledges = true;
    for (std::size_t i = 0; i < 2; ++i) reader.ack(PacketType::puback, reader.messages[i].packet_id);
    ASSERT_TRUE(receives(reader, 400));
    pour(10);
    ASSERT_TRUE(receives(reader, 410));
    expect_silence(reader);
    EXPECT_EQ(reader.payloads(), numbers(1, 410));
    EXPECT_EQ(server.sum(&Counters::dropped_queue_full), 0U);
}

TEST_P(SmallQueueTest, BeyondTheLimitOfPositionsMessagesAreQueued) {
    leave_session();
    pour(5, "stored/a");
    pour(5, "stored/b");
    EXPECT_EQ(server.sum(&Counters::queued_messages), 3U);
    EXPECT_EQ(server.sum(&Counters::dropped_queue_full), 2U);
    TestClient reader(server, 0, GetParam());
    reader.connect("reader");
    ASSERT_TRUE(receives(reader, 8));
    EXPECT_THAT(reader.payloads(), ElementsAre("1", "2", "3", "1", "2", "3", "4", "5"));
}

TEST_P(SmallQueueTest, ALiveChannelStillDropsWhatDoesNotFit) {
    leave_session("#");
    for (std::uint16_t i = 1; i <= 5; ++i) publisher.publish("live", "x", 1, i);
    server.turn();
    EXPECT_EQ(server.sum(&Counters::dropped_queue_full), 2U);
}

/// limits.queued_messages leaves no room, which is less than the session's own limit would.
class FullQueuesTest : public ReplayFixture {
  protected:
    static constexpr unsigned kQueued = 5;
    FullQueuesTest()
        : ReplayFixture([](config::Config& config) {
              config.limits.queued_messages = kQueued;
              config.limits.inflight_messages = 2;
          }) {}
};
INSTANTIATE_TEST_SUITE_P(Versions, FullQueuesTest, testing::Values(Version::v311, Version::v5));

TEST_P(FullQueuesTest, TheLogHasWhatNoQueueTakes) {
    std::vector<std::unique_ptr<TestClient>> readers;
    for (const unsigned shard : {0U, 1U}) {
        TestClient& reader = *readers.emplace_back(std::make_unique<TestClient>(server, shard, GetParam()));
        reader.acknowledges = false;
        reader.connect("reader-" + std::to_string(shard), shard == 0);
        subscribe(server, reader, "stored/a");
    }
    pour(300);
    EXPECT_GE(server.sum(&Counters::queued_messages), kQueued);
    EXPECT_LE(server.sum(&Counters::queued_messages), kQueued + 2 * 32);
    for (const auto& reader : readers) {
        reader->read();
        ASSERT_EQ(reader->messages.size(), 2U);
        reader->acknowledges = true;
        for (std::size_t i = 0; i < 2; ++i) reader->ack(PacketType::puback, reader->messages[i].packet_id);
        ASSERT_TRUE(receives(*reader, 300));
        expect_silence(*reader);
        EXPECT_EQ(reader->payloads(), numbers(1, 300));
    }
    EXPECT_EQ(server.sum(&Counters::queued_messages), 0U);
    EXPECT_EQ(server.sum(&Counters::dropped_queues_full), 0U);
}

TEST_P(FullQueuesTest, ALiveChannelDropsAndCountsIt) {
    leave_session("#");
    for (std::uint16_t i = 1; i <= 200; ++i) publisher.publish("live", "x", 1, i);
    server.turn();
    const std::uint64_t queued = server.sum(&Counters::queued_messages);
    EXPECT_GE(queued, kQueued);
    EXPECT_EQ(queued + server.sum(&Counters::dropped_queues_full), 200U);
}

}  // namespace
}  // namespace millrace::mqtt
