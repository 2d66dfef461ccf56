// Normative statements that no other test of the machine shows (docs/conformance.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ConformanceTest : public testing::TestWithParam<Version> {
  protected:
    Exchange exchange{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Versions, ConformanceTest, testing::Values(Version::v31, Version::v311, Version::v5),
                         [](const auto& version) {
                             return std::string(version.param == Version::v31    ? "v31"
                                                : version.param == Version::v311 ? "v311"
                                                                                 : "v5");
                         });

TEST_P(ConformanceTest, AClientOfEveryVersionIsServed) {
    exchange.connect();
    EXPECT_EQ(exchange.only().connack().code, ReasonCode::success);
    exchange.subscribe("a", 2);
    EXPECT_EQ(exchange.only().suback().code(0), ReasonCode::granted_qos2);
    exchange.publish("b", "x", 1, 5);
    EXPECT_EQ(exchange.only().ack().packet_id, 5U);
    exchange.deliver("a", "1", 2);
    EXPECT_EQ(exchange.only().publish().topic, "a");
    exchange.ack(PacketType::pubrec, 1);
    EXPECT_EQ(exchange.only().type(), PacketType::pubrel);
    exchange.ack(PacketType::pubcomp, 1);
    exchange.give(std::string_view("\xC0\x00", 2));
    EXPECT_EQ(exchange.only().type(), PacketType::pingresp);
    exchange.give(std::string_view("\xE0\x00", 2));
    EXPECT_TRUE(exchange.host.ended);
}

TEST_P(ConformanceTest, Mqtt_3_1_3_5_IdOf23LettersAndDigitsIsTaken) {
    Connect connect;
    connect.client_id = "abcXYZ01234567890123456";
    ASSERT_EQ(connect.client_id.size(), 23U);
    exchange.connect_with(connect);
    EXPECT_EQ(exchange.only().connack().code, ReasonCode::success);
    EXPECT_EQ(exchange.host.client_id, connect.client_id);
}

TEST_P(ConformanceTest, Mqtt_3_1_4_6_NothingBehindARefusedConnectIsServed) {
    exchange.host.answers_connect = false;
    exchange.connect();
    exchange.publish("a", "x", 1, 1);
    exchange.machine().refuse(ReasonCode::not_authorized);
    exchange.give("");
    EXPECT_THAT(types_of(exchange.sent()), ElementsAre(PacketType::connack));
    EXPECT_THAT(exchange.host.published, IsEmpty());
}

TEST_P(ConformanceTest, Mqtt_3_2_2_1_ReservedConnackFlagsAreZero) {
    exchange.connect();
    EXPECT_EQ(exchange.sent_bytes().at(2), '\0');
    exchange.reconnect();
    exchange.connect();
    EXPECT_EQ(exchange.sent_bytes().at(2), GetParam() == Version::v31 ? '\0' : '\1');
}

TEST_P(ConformanceTest, Mqtt_3_3_1_3_DupOfThePublisherIsNotHandedOn) {
    exchange.connect();
    exchange.sent();
    exchange.publish("a", "x", 1, 1, true);
    ASSERT_EQ(exchange.host.published.size(), 1U);
    EXPECT_EQ(exchange.only().type(), PacketType::puback);
    exchange.deliver("a", "x", 1);
    EXPECT_FALSE(exchange.only().publish().dup);
}

TEST_P(ConformanceTest, Mqtt_3_3_4_10_OtherPacketsGoOnWhileTheWindowIsFull) {
    exchange.context.limits.inflight_messages = 1;
    exchange.connect();
    exchange.sent();
    exchange.deliver("a", "1", 1);
    exchange.deliver("a", "2", 1);
    EXPECT_EQ(exchange.only().publish().topic, "a");
    exchange.subscribe("b");
    EXPECT_EQ(exchange.only().type(), PacketType::suback);
    exchange.publish("c", "x", 1, 9);
    EXPECT_EQ(exchange.only().type(), PacketType::puback);
    exchange.give(std::string_view("\xC0\x00", 2));
    EXPECT_EQ(exchange.only().type(), PacketType::pingresp);
    exchange.deliver("d", "at most once", 0);
    EXPECT_EQ(exchange.only().publish().topic, "d");
}

TEST_P(ConformanceTest, Mqtt_4_3_2_5_PacketIdIsFreeAfterItsPuback) {
    exchange.connect();
    exchange.publish("a", "1", 1, 1);
    exchange.publish("a", "2", 1, 1, true);
    EXPECT_EQ(exchange.host.published.size(), 2U);
}

TEST_P(ConformanceTest, Mqtt_4_3_3_12_PacketIdIsFreeAfterItsPubcomp) {
    exchange.connect();
    exchange.publish("a", "1", 2, 1);
    exchange.ack(PacketType::pubrel, 1);
    exchange.publish("a", "2", 2, 1);
    EXPECT_EQ(exchange.host.published.size(), 2U);
}

TEST_P(ConformanceTest, Mqtt_4_3_3_6_PublishIsNotSentAgainBehindItsPubrel) {
    exchange.connect();
    exchange.deliver("a", "1", 2);
    exchange.ack(PacketType::pubrec, 1);
    exchange.reconnect();
    exchange.connect();
    EXPECT_THAT(types_of(exchange.sent()), ElementsAre(PacketType::connack, PacketType::pubrel));
}

TEST_P(ConformanceTest, Mqtt_4_6_0_4_PubrelsFollowTheOrderOfThePubrecs) {
    exchange.connect();
    for (const char* text : {"1", "2", "3"}) exchange.deliver("a", text, 2);
    exchange.sent();
    for (const auto id : std::vector<std::uint16_t>{2, 1, 3}) exchange.ack(PacketType::pubrec, id);
    std::vector<std::uint16_t> ids;
    for (const SentPacket& packet : exchange.sent()) ids.push_back(packet.ack().packet_id);
    EXPECT_THAT(ids, ElementsAre(2, 1, 3));
}

TEST_P(ConformanceTest, Mqtt_4_3_3_7_WhatWasSentDoesNotExpireAnyMore) {
    exchange.connect();
    exchange.deliver(make_message("a", "1", 2, 0, 10), 2);
    exchange.deliver(make_message("a", "2", 1, 0, 10), 1);
    exchange.sent();
    exchange.lose();
    exchange.deliver(make_message("a", "3", 1, 0, 10), 1);
    exchange.host.now_us += 60'000'000;
    exchange.reconnect();
    exchange.connect();
    const auto packets = exchange.sent();
    ASSERT_THAT(types_of(packets),
                ElementsAre(PacketType::connack, PacketType::publish, PacketType::publish));
    EXPECT_EQ(as_text(packets[1].publish().payload), "1");
    EXPECT_EQ(as_text(packets[2].publish().payload), "2");
    EXPECT_EQ(exchange.counters.dropped_expired.value(), 1U);
    exchange.ack(PacketType::pubrec, 1);
    EXPECT_EQ(exchange.only().type(), PacketType::pubrel);  // [MQTT-4.3.3-13]
}

TEST_P(ConformanceTest, Mqtt_3_14_4_1_NothingFollowsADisconnect) {
    exchange.connect();
    exchange.sent();
    exchange.give(std::string_view("\xE0\x00\xC0\x00", 4));
    EXPECT_TRUE(exchange.host.ended);
    EXPECT_EQ(exchange.sent_bytes(), "");
}

TEST(ConformanceTest5, Mqtt_3_1_2_29_NoReasonStringsInAcknowledgements) {
    Exchange exchange(Version::v5);
    ByteBuffer raw;
    PropertyWriter writer(raw);
    writer.integer(PropertyId::request_problem_information, 0);
    Connect connect;
    connect.client_id = "client";
    connect.properties = writer.properties();
    exchange.connect_with(connect);
    exchange.sent();
    exchange.subscribe("secret");
    EXPECT_TRUE(exchange.only().suback().properties.empty());
    exchange.host.answer = PublishAnswer::not_authorised;
    exchange.publish("a", "x", 1, 1);
    const SentPacket puback = exchange.only();
    EXPECT_EQ(puback.ack().code, ReasonCode::not_authorized);
    EXPECT_TRUE(puback.ack().properties.empty());
}

TEST(ConformanceTest5, Mqtt_3_1_2_28_ResponseInformationIsNeverVolunteered) {
    for (const std::uint32_t asked : {0U, 1U}) {
        Exchange exchange(Version::v5);
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.integer(PropertyId::request_response_information, asked);
        Connect connect;
        connect.client_id = "client";
        connect.properties = writer.properties();
        exchange.connect_with(connect);
        const SentPacket packet = exchange.only();
        EXPECT_EQ(packet.connack().code, ReasonCode::success);
        EXPECT_FALSE(packet.connack().properties.has(PropertyId::response_information));
    }
}

TEST(ConformanceTest5, Mqtt_3_14_2_3_ReasonStringIsLeftOutWhereItDoesNotFit) {
    Exchange exchange(Version::v5);
    ByteBuffer raw;
    PropertyWriter writer(raw);
    writer.integer(PropertyId::maximum_packet_size, 40);
    Connect connect;
    connect.client_id = "client";
    connect.properties = writer.properties();
    exchange.connect_with(connect);
    exchange.sent();
    exchange.machine().end(ReasonCode::server_busy, "a reason of more than thirty letters, surely");
    const SentPacket packet = exchange.only();
    EXPECT_EQ(packet.disconnect().code, ReasonCode::server_busy);
    EXPECT_LE(packet.bytes.size(), 40U);
    EXPECT_TRUE(packet.disconnect().properties.empty());
}

TEST(ConformanceTest5, Mqtt_4_12_0_7_AuthWithoutAMethodEndsTheConnection) {
    Exchange exchange(Version::v5);
    exchange.connect();
    exchange.sent();
    exchange.give(std::string_view("\xF0\x06\x18\x04\x15\x00\x01m", 8));
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::protocol_error);
    EXPECT_TRUE(exchange.host.ended);
}

/// CONNECT with one property.
void connect_with_property(Exchange& exchange, PropertyId id, std::uint32_t value) {
    ByteBuffer raw;
    PropertyWriter writer(raw);
    writer.integer(id, value);
    Connect connect;
    connect.client_id = "client";
    connect.properties = writer.properties();
    exchange.connect_with(connect);
}

TEST_P(ConformanceTest, Mqtt_3_2_0_2_SecondConnectGetsNoConnack) {
    exchange.connect();
    exchange.sent();
    exchange.connect();
    EXPECT_EQ(exchange.host.ended, true);
    if (exchange.v5()) {
        EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::protocol_error);
    } else {
        EXPECT_EQ(exchange.sent_bytes(), "");
    }
}

TEST_P(ConformanceTest, Mqtt_3_14_0_1_NoDisconnectBeforeTheConnack) {
    exchange.give(std::string_view("\xC0\x00", 2));
    EXPECT_TRUE(exchange.host.ended);
    EXPECT_EQ(exchange.sent_bytes(), "");
}

TEST_P(ConformanceTest, Mqtt_3_14_4_1_And_2_NothingFollowsOurOwnDisconnect) {
    exchange.connect();
    exchange.sent();
    exchange.machine().end(ReasonCode::server_shutting_down);
    EXPECT_TRUE(exchange.host.ended);
    EXPECT_EQ(exchange.sent().size(), exchange.v5() ? 1U : 0U);
    exchange.give(std::string_view("\xC0\x00", 2));
    exchange.publish("a", "x", 1, 1);
    EXPECT_EQ(exchange.sent_bytes(), "");
    EXPECT_THAT(exchange.host.published, IsEmpty());
}

TEST_P(ConformanceTest, Mqtt_3_8_4_2_And_3_8_4_7_SubackIsByteForByte) {
    exchange.connect();
    exchange.sent();
    exchange.subscribe("a", 2, 0x1234);
    const std::string v3("\x90\x03\x12\x34\x02", 5);
    const std::string v5("\x90\x04\x12\x34\x00\x02", 6);
    EXPECT_EQ(exchange.sent_bytes(), exchange.v5() ? v5 : v3);
}

TEST_P(ConformanceTest, Mqtt_3_10_4_6_And_3_11_3_1_OneUnsubackInTheOrderOfTheFilters) {
    exchange.connect();
    exchange.subscribe("a");
    exchange.subscribe("b");
    exchange.sent();
    const std::vector<std::string_view> filters = {"a", "never", "b"};
    ByteBuffer bytes;
    encode_unsubscribe(bytes, 0x1234, filters, GetParam());
    exchange.give(bytes.text());
    const SentPacket packet = exchange.only();
    const Unsuback unsuback = valid(decode_unsuback(packet.frame(), GetParam()));
    EXPECT_EQ(unsuback.packet_id, 0x1234);
    EXPECT_EQ(as_text(unsuback.codes), exchange.v5() ? std::string_view("\x00\x11\x00", 3) : "");
    EXPECT_THAT(exchange.host.unsubscribed, ElementsAre("a", "b"));
}

TEST_P(ConformanceTest, Mqtt_4_3_FirstSendingHasItsQosAFreshIdAndNoDup) {
    exchange.connect();
    exchange.sent();
    std::vector<std::uint16_t> ids;
    for (const int qos : {0, 1, 2, 1}) {
        exchange.deliver("a", "x", qos);
        const SentPacket packet = exchange.only();
        EXPECT_EQ(packet.publish().qos, static_cast<Qos>(qos));
        EXPECT_FALSE(packet.publish().dup);
        ids.push_back(packet.publish().packet_id);
    }
    EXPECT_THAT(ids, ElementsAre(0, 1, 2, 3));
}

TEST_P(ConformanceTest, Mqtt_2_2_1_5_AcknowledgementsHaveTheIdOfTheirPublish) {
    exchange.connect();
    exchange.sent();
    exchange.publish("a", "x", 1, 0x1234);
    EXPECT_EQ(exchange.sent_bytes(), "\x40\x02\x12\x34");
    exchange.publish("a", "x", 2, 0x2345);
    EXPECT_EQ(exchange.sent_bytes(), "\x50\x02\x23\x45");
    exchange.ack(PacketType::pubrel, 0x2345);
    EXPECT_EQ(exchange.sent_bytes(), "\x70\x02\x23\x45");
}

// Bug class 10.
TEST_P(ConformanceTest, WillTopicKeepsToTheLimitsOfTopics) {
    exchange.context.limits.topic_levels = 3;
    Connect connect;
    connect.client_id = "client";
    connect.will.emplace();
    connect.will->topic = "a/b/c/d";
    exchange.connect_with(connect);
    EXPECT_TRUE(exchange.host.ended);
    if (exchange.v5()) {
        EXPECT_EQ(exchange.only().connack().code, ReasonCode::topic_name_invalid);
    } else {
        EXPECT_EQ(exchange.sent_bytes(), "");
    }
}

TEST(ConformanceTest5, Mqtt_3_1_2_24_SubackOrUnsubackThatDoesNotFitEndsTheConnection) {
    const std::vector<std::string_view> filters(60, "a");
    for (const bool subscribes : {true, false}) {
        Exchange exchange(Version::v5);
        connect_with_property(exchange, PropertyId::maximum_packet_size, 40);
        exchange.sent();
        ByteBuffer bytes;
        if (subscribes) {
            SubscriptionRequest request;
            request.filter = "a";
            encode_subscribe(bytes, 1, std::vector<SubscriptionRequest>(60, request), Version::v5);
        } else {
            encode_unsubscribe(bytes, 1, filters, Version::v5);
        }
        exchange.give(bytes.text());
        EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::packet_too_large);
        EXPECT_THAT(exchange.host.subscribed, IsEmpty());
    }
}

TEST(ConformanceTest5, Mqtt_4_3_3_9_RefusedPacketIdIsNewAgain) {
    Exchange exchange(Version::v5);
    exchange.connect();
    exchange.sent();
    exchange.host.answer = PublishAnswer::not_authorised;
    exchange.publish("a", "1", 2, 1);
    EXPECT_EQ(exchange.only().ack().code, ReasonCode::not_authorized);
    exchange.host.answer = PublishAnswer::done;
    exchange.publish("a", "2", 2, 1, true);
    EXPECT_EQ(exchange.only().ack().code, ReasonCode::success);
    ASSERT_EQ(exchange.host.published.size(), 1U);
    EXPECT_EQ(exchange.host.published[0].payload, "2");
}

TEST(ConformanceTest5, Mqtt_4_4_0_2_WhatTheClientRefusedIsNotSentAgain) {
    Exchange exchange(Version::v5);
    exchange.connect();
    exchange.deliver("a", "1", 1);
    exchange.deliver("a", "2", 2);
    exchange.ack(PacketType::puback, 1, ReasonCode::not_authorized);
    exchange.ack(PacketType::pubrec, 2, ReasonCode::not_authorized);
    exchange.reconnect();
    exchange.connect();
    EXPECT_THAT(types_of(exchange.sent()), ElementsAre(PacketType::connack));
}

}  // namespace
}  // namespace millrace::mqtt
