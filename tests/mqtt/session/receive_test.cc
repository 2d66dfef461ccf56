// Messages from the client: QoS 0, 1 and 2, acknowledgements and their order, limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;

SessionLimits small_limits() {
    SessionLimits limits;
    limits.receive_maximum = 3;
    limits.topic_alias_maximum = 2;
    limits.topic_levels = 4;
    return limits;
}

class ReceiveTest : public testing::TestWithParam<Version> {
  protected:
    ReceiveTest() {
        exchange.connect();
        exchange.sent();
    }
    std::vector<std::uint16_t> acked_ids() {
        std::vector<std::uint16_t> ids;
        for (const SentPacket& packet : exchange.sent()) ids.push_back(packet.ack().packet_id);
        return ids;
    }
    void settle(std::size_t index, error_code error = {}) {
        exchange.machine().published(exchange.host.published[index].token, error);
    }
    Exchange exchange{GetParam(), small_limits()};
};
INSTANTIATE_TEST_SUITE_P(Versions, ReceiveTest, testing::Values(Version::v311, Version::v5), name_of_version);

TEST_P(ReceiveTest, Qos0IsPublishedWithoutAnswer) {
    exchange.publish("a/b", "payload", 0);
    ASSERT_EQ(exchange.host.published.size(), 1U);
    EXPECT_EQ(exchange.host.published[0].topic, "a/b");
    EXPECT_EQ(exchange.host.published[0].payload, "payload");
    EXPECT_EQ(exchange.sent_bytes(), "");
}

TEST_P(ReceiveTest, Mqtt_4_3_2_4_Qos1IsAcknowledged) {
    exchange.publish("a", "x", 1, 5);
    const SentPacket packet = exchange.only();
    EXPECT_EQ(packet.type(), PacketType::puback);
    EXPECT_EQ(packet.ack().packet_id, 5U);
    EXPECT_EQ(packet.bytes.size(), 4U);
}

TEST_P(ReceiveTest, PubackWaitsForTheStore) {
    exchange.host.answer = PublishAnswer::pending;
    exchange.publish("a", "x", 1, 5);
    EXPECT_EQ(exchange.sent_bytes(), "");
    settle(0);
    EXPECT_EQ(exchange.only().type(), PacketType::puback);
}

TEST_P(ReceiveTest, Mqtt_4_6_0_2_AcksLeaveInTheOrderOfTheirPublishes) {
    exchange.host.answer = PublishAnswer::pending;
    exchange.publish("a", "1", 1, 11);
    exchange.publish("a", "2", 2, 12);
    exchange.host.answer = PublishAnswer::done;
    exchange.publish("a", "3", 1, 13);
    settle(1);
    EXPECT_THAT(acked_ids(), ElementsAre());
    settle(0);
    EXPECT_THAT(acked_ids(), ElementsAre(11, 12, 13));
}

TEST_P(ReceiveTest, Mqtt_4_3_3_10_Qos2IsPublishedOnce) {
    exchange.publish("a", "x", 2, 9);
    exchange.publish("a", "x", 2, 9, true);
    EXPECT_EQ(exchange.host.published.size(), 1U);
    EXPECT_THAT(types_of(exchange.sent()), ElementsAre(PacketType::pubrec, PacketType::pubrec));
    exchange.ack(PacketType::pubrel, 9);
    exchange.ack(PacketType::pubrel, 9);
    const auto packets = exchange.sent();
    EXPECT_THAT(types_of(packets), ElementsAre(PacketType::pubcomp, PacketType::pubcomp));
    exchange.publish("a", "y", 2, 9);
    EXPECT_EQ(exchange.host.published.size(), 2U);
    EXPECT_NE(exchange.host.published[0].sequence, exchange.host.published[1].sequence);
}

TEST_P(ReceiveTest, Qos2IsPublishedOnceAcrossConnections) {
    exchange.publish("a", "x", 2, 9);
    exchange.reconnect();
    exchange.connect();
    exchange.publish("a", "x", 2, 9, true);
    EXPECT_EQ(exchange.host.published.size(), 1U);
    EXPECT_THAT(types_of(exchange.sent()), ElementsAre(PacketType::connack, PacketType::pubrec));
}

TEST_P(ReceiveTest, Qos2WhoseCommitIsNotKnownIsPublishedAgainUnderTheSameName) {
    exchange.host.answer = PublishAnswer::pending;
    exchange.publish("a", "x", 2, 9);
    exchange.reconnect();
    exchange.connect();
    exchange.publish("a", "x", 2, 9, true);
    ASSERT_EQ(exchange.host.published.size(), 2U);
    EXPECT_EQ(exchange.host.published[0].sequence, exchange.host.published[1].sequence);
    exchange.sent();
    settle(1);
    EXPECT_EQ(exchange.only().type(), PacketType::pubrec);
}

TEST_P(ReceiveTest, DuplicateOfAPendingQos2IsNotPublishedTwice) {
    exchange.host.answer = PublishAnswer::pending;
    exchange.publish("a", "x", 2, 9);
    exchange.publish("a", "x", 2, 9, true);
    EXPECT_EQ(exchange.host.published.size(), 1U);
    settle(0);
    EXPECT_EQ(exchange.only().type(), PacketType::pubrec);
}

TEST_P(ReceiveTest, StoreFailureDisconnectsInsteadOfAnErrorPuback) {
    exchange.host.answer = PublishAnswer::pending;
    exchange.publish("a", "x", 1, 5);
    settle(0, Errc::store_unavailable);
    EXPECT_TRUE(exchange.host.ended);
    const std::string bytes = exchange.sent_bytes();
    if (exchange.v5()) {
        EXPECT_EQ(bytes.substr(0, 1) + bytes.substr(2, 1), "\xE0\x89");
    } else {
        EXPECT_EQ(bytes, "");
    }
}

TEST_P(ReceiveTest, WhatTheStoreWillNeverTakeIsRefusedFor5AndNotAcknowledgedFor3) {
    exchange.host.answer = PublishAnswer::pending;
    exchange.publish("a", "x", 1, 5);
    settle(0, Errc::too_large);
    EXPECT_EQ(exchange.host.ended, !exchange.v5());
    if (exchange.v5()) {
        EXPECT_EQ(exchange.only().ack().code, ReasonCode::implementation_specific_error);
    }
}

TEST_P(ReceiveTest, Mqtt_3_3_5_2_RefusedMessageIsAcknowledged) {
    exchange.host.answer = PublishAnswer::not_authorised;
    exchange.publish("a", "x", 1, 5);
    exchange.publish("a", "x", 2, 6);
    const auto packets = exchange.sent();
    ASSERT_EQ(packets.size(), 2U);
    const ReasonCode expected = exchange.v5() ? ReasonCode::not_authorized : ReasonCode::success;
    EXPECT_EQ(packets[0].ack().code, expected);
    EXPECT_EQ(packets[1].ack().code, expected);
    EXPECT_FALSE(exchange.host.ended);
}

TEST_P(ReceiveTest, OverloadStopsTheReadingWhileSomethingIsPending) {
    exchange.host.answer = PublishAnswer::pending;
    exchange.publish("a", "1", 1, 1);
    exchange.host.answer = PublishAnswer::overloaded;
    exchange.publish("a", "2", 2, 2);
    EXPECT_TRUE(exchange.machine().waiting());
    EXPECT_NE(exchange.unread(), 0U);
    exchange.host.answer = PublishAnswer::done;
    settle(0);
    exchange.give("");
    EXPECT_FALSE(exchange.machine().waiting());
    EXPECT_EQ(exchange.unread(), 0U);
    EXPECT_THAT(acked_ids(), ElementsAre(1, 2));
    EXPECT_EQ(exchange.host.published.size(), 2U);
}

TEST_P(ReceiveTest, OverloadWithNothingPendingDisconnects) {
    exchange.host.answer = PublishAnswer::overloaded;
    exchange.publish("a", "1", 0);
    EXPECT_EQ(exchange.counters.dropped_overloaded.value(), 1U);
    EXPECT_FALSE(exchange.host.ended);
    exchange.publish("a", "1", 1, 1);
    EXPECT_TRUE(exchange.host.ended);
}

TEST_P(ReceiveTest, Mqtt_3_3_4_7_ReceiveMaximumIsKept) {
    exchange.host.answer = PublishAnswer::pending;
    for (std::uint16_t id = 1; id <= 4; ++id) exchange.publish("a", "x", 1, id);
    EXPECT_EQ(exchange.host.published.size(), 3U);
    if (exchange.v5()) {
        EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::receive_maximum_exceeded);
        return;
    }
    EXPECT_TRUE(exchange.machine().waiting());
    settle(0);
    exchange.give("");
    EXPECT_EQ(exchange.host.published.size(), 4U);
}

// Bug class 12.
TEST_P(ReceiveTest, ReceiveMaximumCountsUnreleasedQos2) {
    for (std::uint16_t round = 0; round < 20; ++round) {
        exchange.publish("a", "x", 2, 1);
        exchange.publish("a", "x", 1, 2);
        exchange.ack(PacketType::pubrel, 1);
    }
    EXPECT_FALSE(exchange.host.ended);
    for (std::uint16_t id = 1; id <= 4; ++id) exchange.publish("a", "x", 2, id);
    EXPECT_EQ(exchange.host.ended, exchange.v5());
}

// Bug class 10.
TEST_P(ReceiveTest, TopicWithTooManyLevelsIsRefused) {
    exchange.publish("a/b/c/d", "x", 0);
    EXPECT_EQ(exchange.host.published.size(), 1U);
    exchange.publish("a/b/c/d/e", "x", 0);
    EXPECT_EQ(exchange.host.published.size(), 1U);
    EXPECT_TRUE(exchange.host.ended);
}

TEST_P(ReceiveTest, EmptyLevelsCountToo) {
    exchange.publish("///", "x", 0);
    EXPECT_EQ(exchange.host.published.size(), 1U);
    exchange.publish("////", "x", 0);
    EXPECT_EQ(exchange.host.published.size(), 1U);
    EXPECT_TRUE(exchange.host.ended);
}

// Bug class 24.
TEST_P(ReceiveTest, WhoReadsNoAnswersIsNotReadEither) {
    exchange.context.limits.outbox_bytes = 10;
    std::string pings;
    for (int i = 0; i < 100; ++i) pings += std::string("\xC0\x00", 2);
    exchange.give(pings);
    EXPECT_TRUE(exchange.machine().waiting());
    EXPECT_GT(exchange.unread(), 0U);
    std::size_t answers = 0;
    for (int i = 0; i < 100; ++i) {
        answers += exchange.sent().size();
        exchange.machine().drained();
        exchange.give("");
    }
    EXPECT_EQ(answers, 100U);
}

class AliasTest : public testing::Test {
  protected:
    AliasTest() {
        exchange.connect();
        exchange.sent();
    }
    void publish(std::string_view topic, std::uint16_t alias) {
        OutgoingPublish publish;
        publish.topic = topic;
        publish.topic_alias = alias;
        ByteBuffer bytes;
        encode_publish(bytes, publish, Version::v5);
        exchange.give(bytes.text());
    }
    Exchange exchange{Version::v5, small_limits()};
};

TEST_F(AliasTest, AliasStandsForTheTopicItWasGivenLast) {
    publish("first", 1);
    publish("", 1);
    publish("second", 1);
    publish("", 1);
    std::vector<std::string> topics;
    for (const auto& published : exchange.host.published) topics.push_back(published.topic);
    EXPECT_THAT(topics, ElementsAre("first", "first", "second", "second"));
}

TEST_F(AliasTest, Mqtt_3_3_2_9_AliasOverTheMaximumIsInvalid) {
    publish("topic", 3);
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::topic_alias_invalid);
}

TEST_F(AliasTest, UnknownAliasIsAProtocolError) {
    publish("", 2);
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::protocol_error);
}

TEST_F(AliasTest, Mqtt_3_3_2_7_AliasesEndWithTheConnection) {
    publish("topic", 1);
    exchange.reconnect();
    exchange.connect();
    exchange.sent();
    publish("", 1);
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::protocol_error);
}

}  // namespace
}  // namespace millrace::mqtt
