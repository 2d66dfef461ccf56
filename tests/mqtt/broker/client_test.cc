// MQTT clients over sockets: what machine, session and broker do together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;

class ClientTest : public testing::TestWithParam<Version> {
  protected:
    void turn() {
        server.turn();
        publisher.read();
        subscriber.read();
        server.turn();
    }
    TestServer server{2};
    TestClient publisher{server, 0, GetParam()};
    TestClient subscriber{server, 1, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Versions, ClientTest, testing::Values(Version::v311, Version::v5),
                         [](const auto& version) { return version.param == Version::v5 ? "v5" : "v311"; });

TEST_P(ClientTest, MessagesTravelAtEveryQosBetweenShards) {
    publisher.connect("publisher");
    subscriber.connect("subscriber");
    subscriber.subscribe("a/#", 2);
    turn();
    publisher.publish("a/0", "zero", 0);
    publisher.publish("a/1", "one", 1, 1);
    publisher.publish("a/2", "two", 2, 2);
    for (int i = 0; i < 4; ++i) turn();
    EXPECT_THAT(subscriber.payloads(), ElementsAre("zero", "one", "two"));
    EXPECT_EQ(subscriber.messages[2].qos, 2);
    EXPECT_EQ(publisher.count(PacketType::puback), 1);
    EXPECT_EQ(publisher.count(PacketType::pubrec), 1);
    EXPECT_EQ(publisher.count(PacketType::pubcomp), 1);
}

TEST(NoLocal, Mqtt_3_8_3_3_HoldsForRetainedMessages) {
    TestServer server(1);
    TestClient writer(server, 0);
    writer.connect("writer");
    writer.publish("kept", "mine", 0, 0, true);
    server.turn();
    writer.subscribe("kept", 0, true);
    TestClient other(server, 0);
    other.connect("other");
    other.subscribe("kept", 0, true);
    server.turn();
    writer.read();
    other.read();
    EXPECT_THAT(writer.payloads(), testing::IsEmpty());
    EXPECT_THAT(other.payloads(), ElementsAre("mine"));
    writer.subscribe("kept", 0, false);
    server.turn();
    writer.read();
    EXPECT_THAT(writer.payloads(), ElementsAre("mine"));
}

TEST_P(ClientTest, Mqtt_3_8_4_8_QosIsTheLowerOfBoth) {
    publisher.connect("publisher");
    subscriber.connect("subscriber");
    subscriber.subscribe("a", 1);
    turn();
    publisher.publish("a", "x", 2, 1);
    publisher.publish("a", "y", 0);
    turn();
    ASSERT_EQ(subscriber.messages.size(), 2U);
    EXPECT_EQ(subscriber.messages[0].qos, 1);
    EXPECT_EQ(subscriber.messages[1].qos, 0);
}

TEST_P(ClientTest, Mqtt_3_3_1_8_RetainedComesWithTheSubscription) {
    publisher.connect("publisher");
    publisher.publish("kept", "value", 1, 1, true);
    turn();
    subscriber.connect("subscriber");
    subscriber.subscribe("kept", 1);
    turn();
    publisher.publish("kept", "later", 1, 2, true);
    turn();
    ASSERT_THAT(subscriber.payloads(), ElementsAre("value", "later"));
    EXPECT_TRUE(subscriber.messages[0].retain);
    EXPECT_FALSE(subscriber.messages[1].retain);  // [MQTT-3.3.1-12]
}

TEST_P(ClientTest, WillIsPublishedWhenTheConnectionBreaks) {
    subscriber.connect("subscriber");
    subscriber.subscribe("wills", 1);
    Connect connect;
    connect.client_id = "publisher";
    connect.will.emplace();
    connect.will->topic = "wills";
    connect.will->payload = as_bytes("gone");
    publisher.connect_with(connect);
    turn();
    publisher.drop();
    turn();
    subscriber.read();
    EXPECT_THAT(subscriber.payloads(), ElementsAre("gone"));
}

TEST_P(ClientTest, Mqtt_3_14_4_3_WillIsNotPublishedAfterDisconnect) {
    subscriber.connect("subscriber");
    subscriber.subscribe("wills", 1);
    Connect connect;
    connect.client_id = "publisher";
    connect.will.emplace();
    connect.will->topic = "wills";
    connect.will->payload = as_bytes("gone");
    publisher.connect_with(connect);
    turn();
    publisher.disconnect();
    turn();
    EXPECT_TRUE(subscriber.messages.empty());
    EXPECT_EQ(server.directory().size(), 1U);
}

TEST_P(ClientTest, StoredMessagesAreAcknowledgedAndDeliveredAfterTheCommit) {
    publisher.connect("publisher");
    subscriber.connect("subscriber");
    subscriber.subscribe("stored/#", 2);
    turn();
    for (std::uint16_t i = 1; i <= 50; ++i) publisher.publish("stored/a", std::to_string(i), 1 + i % 2, i);
    EXPECT_TRUE(server.turn_until([&] {
        publisher.read();
        subscriber.read();
        return subscriber.messages.size() == 50 && publisher.count(PacketType::puback) == 25 &&
               publisher.count(PacketType::pubcomp) == 25;
    }));
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(subscriber.messages[static_cast<std::size_t>(i)].payload, std::to_string(i + 1));
}

// Bug class 1.
TEST_P(ClientTest, Mqtt_3_1_4_5_SilenceBeforeConnectIsEnded) {
    TestServer quick(
        1, [](config::Config& config) { config.limits.connect_timeout = std::chrono::milliseconds(50); });
    TestClient silent(quick, 0, GetParam());
    EXPECT_TRUE(quick.turn_until([&] {
        silent.read();
        return silent.closed;
    }));
    EXPECT_EQ(quick.sum(&Counters::closed_timed_out), 1U);
}

TEST_P(ClientTest, Mqtt_3_1_2_22_KeepAliveIsOneAndAHalf) {
    Connect connect;
    connect.client_id = "publisher";
    connect.keep_alive_s = 1;
    publisher.connect_with(connect);
    const TimePoint start = steady_now();
    EXPECT_TRUE(server.turn_until([&] {
        publisher.read();
        return publisher.closed;
    }));
    EXPECT_GE(steady_now() - start, Milliseconds{1400});
    EXPECT_EQ(publisher.count(PacketType::disconnect), GetParam() == Version::v5 ? 1 : 0);
}

TEST_P(ClientTest, AnonymousClientsNeedPermission) {
    TestServer closed_server(1, [](config::Config& config) {
        config.auth.anonymous = false;
        config.auth.api_keys = {"correct horse"};
    });
    TestClient nobody(closed_server, 0, GetParam());
    nobody.connect("nobody");
    TestClient wrong(closed_server, 0, GetParam());
    TestClient right(closed_server, 0, GetParam());
    Connect connect;
    connect.client_id = "backend";
    connect.user_name = "backend";
    connect.password = as_bytes("wrong");
    wrong.connect_with(connect);
    connect.password = as_bytes("correct horse");
    right.connect_with(connect);
    closed_server.turn();
    const auto code = [](TestClient& client) {
        client.read();
        return decode_connack(client.last(PacketType::connack)->frame(), GetParam())->code;
    };
    EXPECT_EQ(code(nobody), ReasonCode::not_authorized);
    EXPECT_EQ(code(wrong), ReasonCode::bad_user_name_or_password);
    EXPECT_EQ(code(right), ReasonCode::success);
    EXPECT_TRUE(nobody.closed);
    EXPECT_FALSE(right.closed);
}

TEST_P(ClientTest, CredentialsThatAreGivenHaveToBeRightWhereAnyAre) {
    const auto code = [](bool with_key) {
        TestServer open_server(1, [with_key](config::Config& config) {
            config.auth.anonymous = true;
            if (with_key) config.auth.api_keys = {"correct horse"};
        });
        TestClient client(open_server, 0, GetParam());
        Connect connect;
        connect.client_id = "somebody";
        connect.user_name = "somebody";
        connect.password = as_bytes("wrong");
        client.connect_with(connect);
        open_server.turn();
        client.read();
        return decode_connack(client.last(PacketType::connack)->frame(), GetParam())->code;
    };
    EXPECT_EQ(code(true), ReasonCode::bad_user_name_or_password);
    EXPECT_EQ(code(false), ReasonCode::success) << "nobody could be anybody there";
}

TEST_P(ClientTest, ShutdownSaysGoodbye) {
    publisher.connect("publisher");
    turn();
    server.shard(0).connections().shut_down();
    turn();
    publisher.read();
    EXPECT_EQ(publisher.count(PacketType::disconnect), GetParam() == Version::v5 ? 1 : 0);
    EXPECT_TRUE(publisher.closed);
}

TEST(ClientTest5, SessionEndsWhenItsExpiryHasPassed) {
    TestServer server(1);
    TestClient client(server, 0);
    client.connect("id", false, 1);
    client.subscribe("topic", 1);
    server.turn();
    client.drop();
    server.turn();
    EXPECT_EQ(server.sum(&Counters::sessions), 1U);
    EXPECT_TRUE(server.turn_until([&] { return server.sum(&Counters::sessions) == 0; }));
    EXPECT_EQ(server.seats(), 0U);
    EXPECT_EQ(server.directory().size(), 0U);
}

TEST(ClientTest5, OverlappingSubscriptionsGiveOneMessageWithAllIdentifiers) {
    TestServer server(1);
    TestClient client(server, 0);
    client.connect("id");
    const auto subscribe = [&](std::string_view filter, std::uint32_t identifier) {
        SubscriptionRequest request;
        request.filter = filter;
        request.qos = Qos::at_least_once;
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.integer(PropertyId::subscription_identifier, identifier);
        ByteBuffer bytes;
        encode_subscribe(bytes, 1, {&request, 1}, Version::v5, writer.properties());
        client.write(bytes.text());
    };
    subscribe("a/#", 3);
    subscribe("a/+", 4);
    server.turn();
    client.publish("a/b", "x", 1);
    server.turn();
    client.read();
    ASSERT_EQ(client.messages.size(), 1U);
    std::vector<std::uint32_t> identifiers;
    decode_publish(client.last(PacketType::publish)->frame(), Version::v5, Sender::server)
        ->properties.for_each_subscription_identifier([&](std::uint32_t id) { identifiers.push_back(id); });
    EXPECT_THAT(identifiers, testing::UnorderedElementsAre(3, 4));
}

TEST(ClientTest5, PublisherOfAFullPacketPipelineIsServedWhole) {
    TestServer server(1);
    TestClient client(server, 0);
    client.connect("id");
    for (std::uint16_t i = 1; i <= 100; ++i) client.publish("stored/a", std::string(500, 'x'), 1, i);
    EXPECT_TRUE(server.turn_until([&] {
        client.read();
        return client.count(PacketType::puback) == 100;
    }));
    EXPECT_FALSE(client.closed);
}

}  // namespace
}  // namespace millrace::mqtt
