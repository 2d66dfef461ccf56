// Normative statements that need a broker, and that no other test shows (docs/conformance.md).
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

/// The subscriber is on the publisher's shard, and on another one.
class BrokerConformanceTest : public testing::TestWithParam<unsigned> {
  protected:
    BrokerConformanceTest() {
        publisher.connect("publisher");
        subscriber.connect("subscriber");
        server.turn();
    }
    void unsubscribe(TestClient& client, std::string_view filter) {
        ByteBuffer bytes;
        encode_unsubscribe(bytes, 2, {&filter, 1}, Version::v5);
        client.write(bytes.text());
        server.turn();
    }
    void subscribe(TestClient& client, const SubscriptionRequest& request) {
        ByteBuffer bytes;
        encode_subscribe(bytes, 1, {&request, 1}, Version::v5);
        client.write(bytes.text());
        server.turn();
    }
    void publish(std::string_view topic, std::string_view payload, int qos, bool retain = false) {
        publisher.publish(topic, payload, qos, 1, retain);
        server.turn();
        publisher.read();
        server.turn();
        publisher.read();
    }
    void read() {
        server.turn();
        subscriber.read();
    }

    TestServer server{2};
    TestClient publisher{server, 0};
    TestClient subscriber{server, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, BrokerConformanceTest, testing::Values(0U, 1U));

TEST_P(BrokerConformanceTest, Mqtt_3_3_2_15_To_20_PropertiesTravelUnaltered) {
    subscriber.subscribe("a", 1);
    server.turn();
    ByteBuffer raw;
    PropertyWriter writer(raw);
    writer.integer(PropertyId::payload_format_indicator, 1);
    writer.text(PropertyId::content_type, "text/plain");
    writer.text(PropertyId::response_topic, "answers/1");
    writer.binary(PropertyId::correlation_data, as_bytes("\x01\xFF"));
    writer.user_property("z", "1");
    writer.user_property("a", "2");
    writer.user_property("z", "3");
    OutgoingPublish packet;
    packet.topic = "a";
    packet.payload = as_bytes("x");
    packet.forwarded_properties = writer.properties().raw();
    ByteBuffer bytes;
    encode_publish(bytes, packet, Version::v5);
    publisher.write(bytes.text());
    read();
    ASSERT_NE(subscriber.last(PacketType::publish), nullptr);
    const auto got =
        decode_publish(subscriber.last(PacketType::publish)->frame(), Version::v5, Sender::server);
    EXPECT_EQ(got->properties.integer(PropertyId::payload_format_indicator), 1U);
    EXPECT_EQ(got->properties.text(PropertyId::content_type), "text/plain");
    EXPECT_EQ(got->properties.text(PropertyId::response_topic), "answers/1");
    EXPECT_EQ(as_text(*got->properties.binary(PropertyId::correlation_data)), "\x01\xFF");
    std::vector<std::pair<std::string, std::string>> user;
    got->properties.for_each_user_property(
        [&](std::string_view name, std::string_view value) { user.emplace_back(name, value); });
    EXPECT_THAT(user, ElementsAre(Pair("z", "1"), Pair("a", "2"), Pair("z", "3")));
}

TEST_P(BrokerConformanceTest, Mqtt_3_10_4_2_UnsubscribedGetsNothingNew) {
    subscriber.subscribe("a", 1);
    subscriber.subscribe("a/#", 1);
    server.turn();
    unsubscribe(subscriber, "a");
    publish("a", "by the other", 1);
    unsubscribe(subscriber, "a/#");
    publish("a", "lost", 1);
    read();
    EXPECT_THAT(subscriber.payloads(), ElementsAre("by the other"));
}

TEST_P(BrokerConformanceTest, Mqtt_3_10_4_3_DeliveryThatHasBegunIsCompleted) {
    subscriber.acknowledges = false;
    subscriber.subscribe("a", 2);
    server.turn();
    publish("a", "begun", 2);
    unsubscribe(subscriber, "a");
    read();
    ASSERT_THAT(subscriber.payloads(), ElementsAre("begun"));
    subscriber.ack(PacketType::pubrec, subscriber.messages[0].packet_id);
    read();
    EXPECT_EQ(subscriber.count(PacketType::pubrel), 1);
}

TEST_P(BrokerConformanceTest, Mqtt_3_3_1_12_And_13_RetainIsAsPublishedWhereAsked) {
    SubscriptionRequest request;
    request.filter = "as/+";
    request.retain_as_published = true;
    subscribe(subscriber, request);
    request.filter = "not/+";
    request.retain_as_published = false;
    subscribe(subscriber, request);
    publish("as/1", "", 0, true);
    publish("as/2", "", 0, false);
    publish("not/1", "", 0, true);
    read();
    ASSERT_THAT(subscriber.messages, SizeIs(3));
    EXPECT_TRUE(subscriber.messages[0].retain);
    EXPECT_FALSE(subscriber.messages[1].retain);
    EXPECT_FALSE(subscriber.messages[2].retain);
}

TEST_P(BrokerConformanceTest, Mqtt_3_3_1_9_To_11_RetainHandling) {
    publish("a", "kept", 1, true);
    SubscriptionRequest request;
    request.filter = "a";
    request.retain_handling = RetainHandling::do_not_send;
    subscribe(subscriber, request);
    request.retain_handling = RetainHandling::send_if_new;
    subscribe(subscriber, request);
    read();
    EXPECT_THAT(subscriber.messages, IsEmpty());
    request.retain_handling = RetainHandling::send;
    subscribe(subscriber, request);
    read();
    EXPECT_THAT(subscriber.payloads(), ElementsAre("kept"));
    unsubscribe(subscriber, "a");
    request.retain_handling = RetainHandling::send_if_new;
    subscribe(subscriber, request);
    read();
    EXPECT_THAT(subscriber.payloads(), ElementsAre("kept", "kept"));
}

TEST_P(BrokerConformanceTest, Mqtt_3_3_1_8_UnretainedLeavesTheRetainedAlone) {
    publish("a", "kept", 1, true);
    publish("a", "passing", 1);
    subscriber.subscribe("a", 1);
    read();
    EXPECT_THAT(subscriber.payloads(), ElementsAre("kept"));
    publish("a", "", 1, true);
    TestClient late(server, GetParam());
    late.connect("late");
    late.subscribe("a", 1);
    server.turn();
    late.read();
    EXPECT_THAT(late.messages, IsEmpty());
}

TEST_P(BrokerConformanceTest, Mqtt311_3_1_2_7_RetainedOutliveTheirPublishersSession) {
    TestClient brief(server, 0);
    brief.connect("brief", true, 0);
    brief.publish("a", "kept", 1, 1, true);
    server.turn();
    brief.disconnect();
    server.turn();
    subscriber.subscribe("a", 1);
    read();
    EXPECT_THAT(subscriber.payloads(), ElementsAre("kept"));
}

TEST_P(BrokerConformanceTest, Mqtt_3_1_2_14_And_15_WillIsRetainedAsAsked) {
    for (const bool retain : {false, true}) {
        TestClient mortal(server, 0);
        Connect connect;
        connect.client_id = "mortal";
        connect.will.emplace();
        connect.will->topic = retain ? "wills/kept" : "wills/passing";
        connect.will->payload = as_bytes("gone");
        connect.will->qos = Qos::at_least_once;
        connect.will->retain = retain;
        mortal.connect_with(connect);
        server.turn();
        mortal.drop();
        server.turn();
    }
    subscriber.subscribe("wills/#", 2);
    read();
    ASSERT_THAT(subscriber.messages, SizeIs(1));
    EXPECT_EQ(subscriber.messages[0].topic, "wills/kept");
    EXPECT_EQ(subscriber.messages[0].qos, 1);
}

TEST_P(BrokerConformanceTest, Mqtt_3_2_2_16_AssignedIdsAreUnique) {
    std::vector<std::string> ids;
    for (int i = 0; i < 20; ++i) {
        TestClient client(server, static_cast<unsigned>(i % 2));
        client.connect("");
        server.turn();
        client.read();
        const auto connack = decode_connack(client.last(PacketType::connack)->frame(), Version::v5);
        ids.emplace_back(*connack->properties.text(PropertyId::assigned_client_identifier));
    }
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
}

TEST_P(BrokerConformanceTest, Mqtt_4_1_0_2_SessionIsDiscardedWhenItsTimeHasPassed) {
    TestClient brief(server, 0);
    brief.connect("brief", false, 50);
    server.turn();
    brief.drop();
    server.turn();
    server.pass(49);
    EXPECT_EQ(server.sum(&Counters::sessions), 3U);
    server.pass(2);
    EXPECT_EQ(server.sum(&Counters::sessions), 2U);
    TestClient again(server, GetParam());
    again.connect("brief", false, 50);
    server.turn();
    again.read();
    EXPECT_FALSE(again.session_present());
}

TEST_P(BrokerConformanceTest, Mqtt_4_6_0_5_MessagesComeInTheOrderOfTheirPublishes) {
    subscriber.subscribe("a/#", 2);
    server.turn();
    std::vector<std::string> expected;
    for (int i = 0; i < 20; ++i) expected.push_back(std::to_string(i));
    for (const int qos : {0, 1, 2}) {
        subscriber.messages.clear();
        for (std::uint16_t i = 0; i < 20; ++i) {
            publisher.publish(i % 2 == 0 ? "a/even" : "a/odd", expected[i], qos,
                              static_cast<std::uint16_t>(i + 1));
        }
        for (int round = 0; round < 6; ++round) {
            server.turn();
            publisher.read();
            subscriber.read();
        }
        EXPECT_EQ(subscriber.payloads(), expected) << "QoS " << qos;
    }
}

TEST_P(BrokerConformanceTest, Mqtt_3_1_3_10_UserPropertiesOfAWillKeepTheirOrder) {
    subscriber.subscribe("wills", 1);
    ByteBuffer raw;
    PropertyWriter writer(raw);
    writer.user_property("z", "1");
    writer.user_property("a", "2");
    writer.user_property("z", "3");
    TestClient mortal(server, 0);
    Connect connect;
    connect.client_id = "mortal";
    connect.will.emplace();
    connect.will->topic = "wills";
    connect.will->properties = writer.properties();
    mortal.connect_with(connect);
    server.turn();
    mortal.drop();
    read();
    ASSERT_NE(subscriber.last(PacketType::publish), nullptr);
    const auto got =
        decode_publish(subscriber.last(PacketType::publish)->frame(), Version::v5, Sender::server);
    std::vector<std::pair<std::string, std::string>> user;
    got->properties.for_each_user_property(
        [&](std::string_view name, std::string_view value) { user.emplace_back(name, value); });
    EXPECT_THAT(user, ElementsAre(Pair("z", "1"), Pair("a", "2"), Pair("z", "3")));
}

TEST_P(BrokerConformanceTest, Mqtt_4_1_0_1_SessionStaysWhileItsConnectionDoes) {
    TestClient brief(server, GetParam());
    brief.connect("brief", false, 1);
    brief.subscribe("a", 1);
    server.turn();
    server.pass(30);
    publish("a", "still there", 1);
    server.turn();
    brief.read();
    EXPECT_THAT(brief.payloads(), ElementsAre("still there"));
}

TEST_P(BrokerConformanceTest, Mqtt_3_1_2_24_WhoCannotTakeTheConnackIsRefused) {
    for (const std::uint32_t maximum : {4U, 8U, 200U}) {
        TestClient tiny(server, GetParam());
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.integer(PropertyId::maximum_packet_size, maximum);
        Connect connect;
        connect.properties = writer.properties();
        tiny.connect_with(connect);
        server.turn();
        tiny.read();
        EXPECT_EQ(tiny.closed, maximum < 200) << maximum;
        for (const TestClient::Packet& packet : tiny.packets) EXPECT_LE(packet.bytes.size(), maximum);
        ASSERT_THAT(tiny.packets, SizeIs(maximum == 4 ? 0 : 1));
        if (maximum == 4) continue;
        const auto connack = decode_connack(tiny.packets[0].frame(), Version::v5);
        EXPECT_EQ(connack->code, maximum < 200 ? ReasonCode::packet_too_large : ReasonCode::success);
    }
}

}  // namespace
}  // namespace millrace::mqtt
