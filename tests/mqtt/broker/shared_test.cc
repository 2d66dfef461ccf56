// Shared subscriptions, their members spread over shards (4.8.2).
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// The home of the group is on the first shard or the second, as its name has it; both are met.
class SharedTest : public testing::TestWithParam<std::string> {
  protected:
    static constexpr unsigned kWindow = 20;  ///< messages in flight to one client

    SharedTest() {
        publisher.connect("publisher");
        left.connect("left", false, 0);
        right.connect("right", false, 0);
        server.turn();
    }
    std::string filter(std::string_view rest) const {
        return "$share/" + GetParam() + "/" + std::string(rest);
    }
    void share(TestClient& client, std::string_view topic_filter, int qos = 1) {
        client.subscribe(filter(topic_filter), qos);
        server.turn();
    }
    /// Messages "1" to `count`.
    void publish(std::string_view topic, int count, int qos = 1) {
        for (int i = 1; i <= count; ++i) {
            publisher.publish(topic, std::to_string(i), qos, static_cast<std::uint16_t>(i));
            server.turn(2);
            publisher.read();
        }
        server.turn();
    }
    void read(std::initializer_list<TestClient*> clients) {
        for (int round = 0; round < 6; ++round) {
            server.turn();
            for (TestClient* client : clients) client->read();
        }
    }

    TestServer server{2, [](config::Config& config) { config.limits.inflight_messages = kWindow; }};
    TestClient publisher{server, 0};
    TestClient left{server, 0};
    TestClient right{server, 1};
};
INSTANTIATE_TEST_SUITE_P(Groups, SharedTest, testing::Values("g", "h", "i", "j"),
                         [](const auto& group) { return group.param; });

TEST_P(SharedTest, EachMessageReachesOneMemberInTurn) {
    share(left, "topic/+");
    share(right, "topic/+");
    publish("topic/a", 10);
    read({&left, &right});
    EXPECT_THAT(left.messages, SizeIs(5));
    EXPECT_THAT(right.messages, SizeIs(5));
    std::vector<std::string> all = left.payloads();
    for (const std::string& payload : right.payloads()) all.push_back(payload);
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 10U);
}

TEST_P(SharedTest, MessagesOfOneMemberComeInOrder) {
    share(left, "stored/a");
    share(right, "stored/a");
    for (int i = 10; i < 60; ++i)
        publisher.publish("stored/a", std::to_string(i), 1, static_cast<std::uint16_t>(i));
    const auto have_all = [&] {
        for (TestClient* client : {&publisher, &left, &right}) client->read();
        return left.messages.size() + right.messages.size() == 50;
    };
    EXPECT_TRUE(server.turn_until(have_all));
    for (TestClient* client : {&left, &right}) {
        const auto payloads = client->payloads();
        EXPECT_TRUE(std::is_sorted(payloads.begin(), payloads.end()));
        EXPECT_THAT(payloads, SizeIs(25));
    }
}

TEST_P(SharedTest, GroupsAndOrdinarySubscriptionsAreServedApart) {
    share(left, "topic");
    right.subscribe("$share/other/topic", 1);
    left.subscribe("topic", 1);
    server.turn();
    publish("topic", 3);
    read({&left, &right});
    EXPECT_THAT(left.messages, SizeIs(6));
    EXPECT_THAT(right.messages, SizeIs(3));
}

TEST_P(SharedTest, Mqtt_4_8_2_3_QosIsTheMembersOwn) {
    share(left, "topic", 0);
    share(right, "topic", 2);
    publish("topic", 4, 1);
    read({&left, &right});
    for (const auto& message : left.messages) EXPECT_EQ(message.qos, 0);
    for (const auto& message : right.messages) EXPECT_EQ(message.qos, 1);
    EXPECT_THAT(left.messages, SizeIs(2));
    EXPECT_THAT(right.messages, SizeIs(2));
}

TEST_P(SharedTest, SubscribingAgainChangesTheOptionsAndAddsNobody) {
    share(left, "topic", 0);
    share(left, "topic", 1);
    share(right, "topic", 1);
    publish("topic", 4, 1);
    read({&left, &right});
    EXPECT_THAT(left.messages, SizeIs(2));
    for (const auto& message : left.messages) EXPECT_EQ(message.qos, 1);
}

TEST_P(SharedTest, UnacknowledgedMessagesGoToAnotherMemberWhenTheSessionEnds) {
    left.acknowledges = false;
    share(left, "topic");
    share(right, "topic");
    publish("topic", 100);
    read({&left, &right});
    EXPECT_THAT(left.messages, SizeIs(kWindow));
    EXPECT_THAT(right.messages, SizeIs(50));
    left.drop();
    read({&right});
    std::set<std::string> distinct;
    for (const std::string& payload : right.payloads()) distinct.insert(payload);
    EXPECT_EQ(distinct.size(), 100U);
    EXPECT_THAT(right.messages, SizeIs(100));
    EXPECT_EQ(server.sum(&Counters::dropped_no_member), 0U);
}

TEST_P(SharedTest, Mqtt_4_8_2_5_ExactlyOnceInFlightGoesToNobodyElse) {
    left.acknowledges = false;
    share(left, "topic", 2);
    share(right, "topic", 2);
    publish("topic", 2, 2);
    read({&left, &right});
    ASSERT_THAT(left.messages, SizeIs(1));
    left.drop();
    read({&right});
    EXPECT_THAT(right.messages, SizeIs(1));
}

TEST_P(SharedTest, Mqtt_4_8_2_4_ExactlyOnceIsCompletedAfterReconnecting) {
    TestClient lasting(server, 0);
    lasting.acknowledges = false;
    lasting.connect("lasting");
    share(lasting, "topic", 2);
    publish("topic", 1, 2);
    read({&lasting});
    ASSERT_THAT(lasting.messages, SizeIs(1));
    share(right, "topic", 2);
    lasting.drop();
    server.turn();
    TestClient again(server, 1);
    again.connect("lasting");
    read({&again, &right});
    EXPECT_THAT(again.payloads(), ElementsAre("1"));
    EXPECT_TRUE(again.messages.at(0).dup);
    EXPECT_THAT(right.messages, IsEmpty());
}

TEST_P(SharedTest, Mqtt_4_8_2_6_RefusedMessageGoesToNobodyElse) {
    left.acknowledges = false;
    share(left, "topic");
    publish("topic", 1);
    read({&left});
    ASSERT_THAT(left.messages, SizeIs(1));
    share(right, "topic");
    ByteBuffer bytes;
    encode_publish_ack(bytes, PacketType::puback, left.messages[0].packet_id, ReasonCode::unspecified_error,
                       Version::v5);
    left.write(bytes.text());
    server.turn();
    left.drop();
    read({&right});
    EXPECT_THAT(right.messages, IsEmpty());
}

TEST_P(SharedTest, ConnectedMembersArePreferredAndQueuedMessagesMoveToThem) {
    TestClient lasting(server, 0);
    lasting.acknowledges = false;
    lasting.connect("lasting");
    share(lasting, "topic");
    publish("topic", 30);
    read({&lasting});
    EXPECT_THAT(lasting.messages, SizeIs(kWindow));
    share(right, "topic");
    lasting.drop();
    read({&right});
    EXPECT_THAT(right.messages, SizeIs(10));  // what had not been sent yet
    publish("topic", 5);
    read({&right});
    EXPECT_THAT(right.messages, SizeIs(15));
    TestClient again(server, 1);
    again.connect("lasting");
    read({&again});
    EXPECT_THAT(again.messages, SizeIs(kWindow));
}

TEST_P(SharedTest, MembersThatAreAwayKeepMessagesWhenNobodyIsConnected) {
    TestClient lasting(server, 0);
    lasting.connect("lasting");
    share(lasting, "topic");
    lasting.drop();
    server.turn();
    publish("topic", 5);
    TestClient again(server, 1);
    again.connect("lasting");
    read({&again});
    EXPECT_THAT(again.payloads(), ElementsAre("1", "2", "3", "4", "5"));
}

TEST_P(SharedTest, UnsubscribingHandsOverWhatWasNotSent) {
    left.acknowledges = false;
    share(left, "topic");
    publish("topic", 30);
    share(right, "topic");
    const std::string name = filter("topic");
    const std::vector<std::string_view> filters{name};
    ByteBuffer bytes;
    encode_unsubscribe(bytes, 1, filters, Version::v5);
    left.write(bytes.text());
    read({&left, &right});
    EXPECT_THAT(left.messages, SizeIs(kWindow));
    EXPECT_THAT(right.messages, SizeIs(10));
    left.drop();
    read({&right});
    EXPECT_THAT(right.messages, SizeIs(30));
}

TEST_P(SharedTest, NobodyLeftIsCounted) {
    left.acknowledges = false;
    share(left, "topic");
    publish("topic", 3);
    left.drop();
    server.turn();
    EXPECT_EQ(server.sum(&Counters::dropped_no_member), 3U);
    publish("topic", 3);
    EXPECT_EQ(server.sum(&Counters::dropped_no_member), 3U);
}

TEST_P(SharedTest, SharedSubscriptionHasItsIdentifierAndNoRetainedMessages) {
    publisher.publish("topic", "kept", 1, 1, true);
    server.turn();
    SubscriptionRequest request;
    const std::string name = filter("topic");
    request.filter = name;
    request.qos = Qos::at_least_once;
    ByteBuffer raw;
    PropertyWriter writer(raw);
    writer.integer(PropertyId::subscription_identifier, 77);
    ByteBuffer bytes;
    encode_subscribe(bytes, 1, {&request, 1}, Version::v5, writer.properties());
    right.write(bytes.text());
    server.turn();
    publish("topic", 1);
    read({&right});
    EXPECT_THAT(right.payloads(), ElementsAre("1"));
    const auto publish =
        decode_publish(right.last(PacketType::publish)->frame(), Version::v5, Sender::server);
    EXPECT_EQ(publish->properties.integer(PropertyId::subscription_identifier), 77U);
}

/// Members come, go, break off and jump between shards while messages pour in; each message is acknowledged
/// by somebody.
void churn(const std::string& topic, std::uint32_t seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TestServer server(3);
    std::mt19937 random(seed);
    TestClient publisher(server, 0);
    publisher.connect("publisher");
    TestClient steady(server, 1);
    steady.connect("steady");
    steady.subscribe("$share/g/" + topic, 1);
    server.turn();
    std::vector<std::unique_ptr<TestClient>> others;
    std::set<std::string> acknowledged;
    const auto read = [&] {
        publisher.read();
        steady.read();
        for (auto& other : others) other->read();
        for (const auto& message : steady.messages) acknowledged.insert(message.payload);
        for (auto& other : others) {
            if (!other->acknowledges) continue;
            for (const auto& message : other->messages) acknowledged.insert(message.payload);
        }
    };
    constexpr int kMessages = 400;
    for (int i = 0; i < kMessages; ++i) {
        publisher.publish(topic, std::to_string(i), 1, static_cast<std::uint16_t>(i + 1));
        EXPECT_TRUE(server.turn_until([&] {  // within its Receive Maximum
            publisher.read();
            return i - publisher.count(PacketType::puback) < 100;
        }));
        if (random() % 6 == 0) {
            others.push_back(std::make_unique<TestClient>(server, static_cast<unsigned>(random() % 3)));
            others.back()->acknowledges = random() % 2 == 0;
            others.back()->connect("other" + std::to_string(random() % 3), random() % 3 == 0,
                                   random() % 2 == 0 ? 0 : 100);
            others.back()->subscribe("$share/g/" + topic, 1);
        }
        if (!others.empty() && random() % 8 == 0) others[random() % others.size()]->drop();
        if (random() % 2 == 0) server.shard(static_cast<unsigned>(random() % 3)).turn(Milliseconds{0});
        if (random() % 3 == 0) server.turn(1);
        if (random() % 4 == 0) read();
    }
    server.turn();
    read();
    for (auto& other : others) other->drop();
    // A session that is still on its way to another shard expires there, after its arrival.
    EXPECT_TRUE(server.turn_until([&] {
        server.pass(101);
        read();
        return acknowledged.size() == kMessages && server.seats() == 2;
    })) << acknowledged.size()
        << " of the messages, " << server.seats() << " sessions";
    EXPECT_EQ(server.sum(&Counters::dropped_no_member), 0U);
    EXPECT_EQ(server.sum(&Counters::queued_messages), 0U);
}

TEST(SharedUnderChurn, NothingIsLostOnLiveChannels) {
    for (std::uint32_t seed = 1; seed <= 30; ++seed) churn("live/a", seed);
}

TEST(SharedUnderChurn, NothingIsLostOnStoredChannels) {
    for (std::uint32_t seed = 1; seed <= 30; ++seed) churn("stored/a", seed);
}

}  // namespace
}  // namespace millrace::mqtt
