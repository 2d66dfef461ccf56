// Messages to the client: windows, queues, redelivery, limits and layouts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;

SessionLimits small_limits() {
    SessionLimits limits;
    limits.inflight_messages = 2;
    limits.queue_messages = 5;
    return limits;
}

class SendTest : public testing::TestWithParam<Version> {
  protected:
    SendTest() {
        exchange.connect();
        exchange.sent();
    }
    std::vector<std::string> payloads() {
        std::vector<std::string> found;
        last_id = 0;
        for (const SentPacket& packet : exchange.sent()) {
            if (packet.type() != PacketType::publish) continue;
            found.emplace_back(as_text(packet.publish().payload));
            last_id = packet.publish().packet_id;
        }
        return found;
    }
    std::uint16_t last_id = 0;
    Exchange exchange{GetParam(), small_limits()};
};
INSTANTIATE_TEST_SUITE_P(Versions, SendTest, testing::Values(Version::v311, Version::v5), name_of_version);

TEST_P(SendTest, Qos0GoesOutAtOnce) {
    exchange.deliver("a/b", "x", 0);
    const SentPacket packet = exchange.only();
    EXPECT_EQ(packet.publish().topic, "a/b");
    EXPECT_EQ(packet.publish().qos, Qos::at_most_once);
    EXPECT_FALSE(packet.publish().retain);
    EXPECT_EQ(exchange.counters.messages_out.value(), 1U);
}

TEST_P(SendTest, Mqtt_3_3_4_9_WindowHoldsTheRestBack) {
    for (const char* text : {"1", "2", "3", "4"}) exchange.deliver("a", text, 1);
    EXPECT_THAT(payloads(), ElementsAre("1", "2"));
    EXPECT_EQ(exchange.counters.queued_messages.value(), 2U);
    exchange.ack(PacketType::puback, 1);
    EXPECT_THAT(payloads(), ElementsAre("3"));
    exchange.ack(PacketType::puback, 2);
    EXPECT_THAT(payloads(), ElementsAre("4"));
    EXPECT_EQ(exchange.counters.queued_messages.value(), 0U);
    EXPECT_EQ(exchange.counters.queued_bytes.value(), 0U);
}

TEST_P(SendTest, UnknownAndRepeatedAcksAreIgnored) {
    exchange.deliver("a", "1", 1);
    exchange.deliver("a", "2", 1);
    exchange.ack(PacketType::puback, 77);
    exchange.ack(PacketType::puback, 1);
    exchange.ack(PacketType::puback, 1);
    payloads();
    exchange.deliver("a", "3", 1);
    exchange.deliver("a", "4", 1);
    EXPECT_THAT(payloads(), ElementsAre("3"));
    EXPECT_FALSE(exchange.host.ended);
}

TEST_P(SendTest, Qos2Handshake) {
    exchange.deliver("a", "1", 2);
    EXPECT_EQ(exchange.only().publish().qos, Qos::exactly_once);
    exchange.ack(PacketType::pubrec, 1);
    EXPECT_EQ(exchange.only().type(), PacketType::pubrel);
    exchange.ack(PacketType::pubrec, 1);
    EXPECT_EQ(exchange.only().type(), PacketType::pubrel);
    exchange.ack(PacketType::pubcomp, 1);
    EXPECT_EQ(exchange.host.session->outbound().window.size(), 0U);
}

TEST_P(SendTest, Mqtt_4_4_0_1_UnacknowledgedIsSentAgainInOrderWithDup) {
    exchange.deliver("a", "1", 1);
    exchange.deliver("a", "2", 2);
    exchange.deliver("a", "3", 1);
    exchange.ack(PacketType::pubrec, 2);
    exchange.sent();
    exchange.reconnect();
    exchange.deliver("a", "4", 1);
    exchange.connect();
    const auto packets = exchange.sent();
    ASSERT_THAT(types_of(packets), ElementsAre(PacketType::connack, PacketType::publish, PacketType::pubrel));
    EXPECT_TRUE(packets[1].publish().dup);
    EXPECT_EQ(packets[1].publish().packet_id, 1U);
    EXPECT_EQ(packets[2].ack().packet_id, 2U);
    exchange.ack(PacketType::pubcomp, 2);
    const SentPacket next = exchange.only();
    EXPECT_FALSE(next.publish().dup);
    EXPECT_EQ(as_text(next.publish().payload), "3");
    exchange.ack(PacketType::puback, 1);
    EXPECT_THAT(payloads(), ElementsAre("4"));
}

TEST_P(SendTest, WhatIsReleasedAndNeverCompletedFillsTheWindowOverReconnects) {
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < 3; ++i) exchange.deliver("a", "x", 2);
        for (const SentPacket& packet : exchange.sent()) {
            if (packet.type() == PacketType::publish)
                exchange.ack(PacketType::pubrec, packet.publish().packet_id);
        }
        ASSERT_LE(exchange.host.session->outbound().window.size(), 2U) << "round " << round;
        exchange.lose();
        exchange.reconnect();
        exchange.connect();
    }
    EXPECT_THAT(types_of(exchange.sent()),
                ElementsAre(PacketType::connack, PacketType::pubrel, PacketType::pubrel));
    exchange.ack(PacketType::pubcomp, 1);
    EXPECT_THAT(payloads(), ElementsAre("x"));
    EXPECT_EQ(last_id, 3U);
}

TEST_P(SendTest, Mqtt_2_2_1_4_AnIdInUseIsPassedOverWhenTheIdsGoRound) {
    exchange.deliver("a", "held", 2);
    ASSERT_THAT(payloads(), ElementsAre("held"));
    ASSERT_EQ(last_id, 1U);
    for (int i = 0; i < 70'000; ++i) {
        exchange.deliver("a", "x", 1);
        payloads();
        ASSERT_GT(last_id, 1U) << "0 is no id, and 1 is in use";
        exchange.ack(PacketType::puback, last_id);
    }
    EXPECT_EQ(as_text(exchange.host.session->outbound().window.find(1)->message->payload()), "held");
}

TEST(Window, TakesAFreeIdSoonHoweverFullItIs) {
    Window window;
    const MessagePtr message = make_message("a", "x", 2);
    const auto add = [&] { return window.add(to_queued(message, {.qos = 2})).packet_id; };
    while (window.size() + 1 < Window::kMost) add();
    // A client that answers only what came last.
    for (int i = 0; i < 200'000; ++i) window.remove(*window.find(add()));
    EXPECT_EQ(window.size() + 1, Window::kMost);
}

TEST_P(SendTest, PacketIdsGoRoundTheWholeRange) {
    for (unsigned i = 1; i <= 70'000; ++i) {
        exchange.deliver("a", "x", 1);
        payloads();
        ASSERT_EQ(last_id, i <= 65'535 ? i : i - 65'535);
        exchange.ack(PacketType::puback, last_id);
    }
}

TEST_P(SendTest, QueueOverItsLimitDropsTheNewestAndCounts) {
    for (int i = 0; i < 10; ++i) exchange.deliver("a", std::to_string(i), 1);
    EXPECT_EQ(exchange.counters.dropped_queue_full.value(), 3U);
    exchange.ack(PacketType::puback, 1);
    EXPECT_THAT(payloads(), ElementsAre("0", "1", "2"));
}

// Bug class 24.
TEST_P(SendTest, QueueIsLimitedInBytesToo) {
    exchange.context.limits.queue_bytes = make_message("a", std::string(100, 'x'), 1)->footprint() * 2;
    for (int i = 0; i < 5; ++i) exchange.deliver("a", std::string(100, 'x'), 1);
    EXPECT_EQ(exchange.counters.dropped_queue_full.value(), 1U);
}

// Bug class 24.
TEST_P(SendTest, SlowReaderLosesQos0AndKeepsQos1) {
    exchange.context.limits.outbox_bytes = 50;
    exchange.deliver("a", std::string(60, 'x'), 0);
    exchange.deliver("a", "lost", 0);
    exchange.deliver("a", "kept", 1);
    EXPECT_EQ(exchange.counters.dropped_outbox_full.value(), 1U);
    EXPECT_EQ(exchange.sent().size(), 1U);
    exchange.machine().drained();
    EXPECT_THAT(payloads(), ElementsAre("kept"));
}

TEST_P(SendTest, StoredChannelKeepsItsOrderAcrossQos) {
    exchange.deliver("a", "1", 1, 1);
    exchange.deliver("a", "2", 1, 2);
    exchange.deliver("a", "3", 1, 3);
    exchange.deliver("a", "4", 0, 4);
    exchange.deliver("b", "live", 0);
    EXPECT_THAT(payloads(), ElementsAre("1", "2", "live"));
    exchange.ack(PacketType::puback, 1);
    EXPECT_THAT(payloads(), ElementsAre("3", "4"));
}

TEST_P(SendTest, Mqtt_3_3_2_5_ExpiredMessagesAreDropped) {
    const MessagePtr message = make_message("a", "old", 1, 0, 10, exchange.host.now_us);
    exchange.lose();
    exchange.deliver(message, 1);
    exchange.host.now_us += 10'000'000;
    exchange.reconnect();
    exchange.connect();
    EXPECT_EQ(exchange.only().type(), PacketType::connack);
    EXPECT_EQ(exchange.counters.dropped_expired.value(), 1U);
}

TEST_P(SendTest, Mqtt_3_3_2_5_AnIntervalOf0IsForThoseWhoAreSentTheMessageAtOnce) {
    const auto brief = [this](const char* payload) {
        return make_message("a", payload, 1, 0, 0, exchange.host.now_us);
    };
    exchange.deliver(brief("now"), 1);
    exchange.deliver(brief("now too"), 0);
    const auto packets = exchange.sent();
    ASSERT_EQ(packets.size(), 2U);
    if (exchange.v5()) {
        EXPECT_EQ(packets[0].publish().properties.integer(PropertyId::message_expiry_interval), 0U);
    }
    exchange.deliver("a", "fills the window", 1);
    exchange.machine().deliver(brief("would wait"), {.qos = 1});
    EXPECT_EQ(exchange.counters.dropped_expired.value(), 1U);
    exchange.lose();
    EXPECT_EQ(exchange.host.session->queue(to_queued(brief("for the absent"), {.qos = 1}), exchange.context),
              &Counters::dropped_expired);
    exchange.host.now_us += 2'000'000;
    exchange.reconnect();
    exchange.connect();
    EXPECT_THAT(payloads(), ElementsAre("now", "fills the window")) << "[MQTT-4.4.0-1]";
}

TEST_P(SendTest, LongPayloadIsSharedAndArrivesWhole) {
    const std::string payload(20'000, 'p');
    exchange.deliver("a", payload, 1);
    exchange.deliver("a", "short", 0);
    EXPECT_THAT(payloads(), ElementsAre(payload, "short"));
}

TEST_P(SendTest, CachedFrameServesQos1And2AndRetain) {
    const MessagePtr message = make_message("a", "x", 2);
    exchange.machine().deliver(message, {1, true});
    exchange.machine().deliver(message, {2, false});
    const auto packets = exchange.sent();
    ASSERT_EQ(packets.size(), 2U);
    EXPECT_EQ(packets[0].publish().qos, Qos::at_least_once);
    EXPECT_TRUE(packets[0].publish().retain);
    EXPECT_EQ(packets[0].publish().packet_id, 1U);
    EXPECT_EQ(packets[1].publish().qos, Qos::exactly_once);
    EXPECT_FALSE(packets[1].publish().retain);
    EXPECT_EQ(packets[1].publish().packet_id, 2U);
}

TEST_P(SendTest, AHundredThousandQueuedMessagesDrain) {
    exchange.context.limits.queue_messages = 100'000;
    exchange.lose();
    for (int i = 0; i < 100'000; ++i) exchange.deliver("a", std::to_string(i), 1);
    exchange.reconnect();
    exchange.connect();
    int next = 0;
    while (next < 100'000) {
        std::vector<std::uint16_t> ids;
        for (const SentPacket& packet : exchange.sent()) {
            if (packet.type() != PacketType::publish) continue;
            ASSERT_EQ(as_text(packet.publish().payload), std::to_string(next));
            ids.push_back(packet.publish().packet_id);
            ++next;
        }
        ASSERT_FALSE(ids.empty());
        for (const std::uint16_t id : ids) exchange.ack(PacketType::puback, id);
    }
    EXPECT_EQ(exchange.counters.queued_messages.value(), 0U);
}

class SendTest5 : public testing::Test {
  protected:
    void connect(PropertyId id, std::uint32_t value) {
        ByteBuffer bytes;
        PropertyWriter writer(bytes);
        writer.integer(id, value);
        Connect connect;
        connect.client_id = "client";
        connect.properties = writer.properties();
        exchange.connect_with(connect);
        exchange.sent();
    }
    Exchange exchange{Version::v5};
};

TEST_F(SendTest5, Mqtt_3_3_4_9_ReceiveMaximumOfTheClientIsKept) {
    connect(PropertyId::receive_maximum, 3);
    for (int i = 0; i < 10; ++i) exchange.deliver("a", "x", 1 + i % 2);
    EXPECT_EQ(exchange.sent().size(), 3U);
    exchange.ack(PacketType::pubrec, 2);
    EXPECT_EQ(exchange.only().type(), PacketType::pubrel);
    exchange.ack(PacketType::pubcomp, 2);
    EXPECT_EQ(exchange.only().type(), PacketType::publish);
}

TEST_F(SendTest5, RedeliveryKeepsASmallerReceiveMaximum) {
    exchange.connect();
    for (int i = 0; i < 6; ++i) exchange.deliver("a", std::to_string(i), 1);
    exchange.sent();
    exchange.reconnect();
    connect(PropertyId::receive_maximum, 0xFFFF);
    exchange.reconnect();
    ByteBuffer bytes;
    PropertyWriter writer(bytes);
    writer.integer(PropertyId::receive_maximum, 2);
    Connect again;
    again.client_id = "client";
    again.clean_start = false;
    again.properties = writer.properties();
    exchange.connect_with(again);
    exchange.sent();
    for (int i = 0; i < 6; ++i) exchange.deliver("a", std::to_string(i), 1);
    exchange.sent();
    exchange.reconnect();
    exchange.connect_with(again);
    EXPECT_EQ(exchange.sent().size(), 3U);
    exchange.ack(PacketType::puback, 1);
    EXPECT_EQ(as_text(exchange.only().publish().payload), "2");
}

TEST_F(SendTest5, PubrecWithAnErrorEndsTheHandshake) {
    exchange.connect();
    exchange.deliver("a", "x", 2);
    exchange.sent();
    exchange.ack(PacketType::pubrec, 1, ReasonCode::quota_exceeded);
    EXPECT_EQ(exchange.sent_bytes(), "");
    EXPECT_EQ(exchange.host.session->outbound().window.size(), 0U);
}

TEST_F(SendTest5, Mqtt_3_1_2_24_TooLargeForTheClientIsNotSent) {
    connect(PropertyId::maximum_packet_size, 50);
    exchange.deliver("a", std::string(100, 'x'), 1);
    exchange.deliver("a", "fits", 1);
    EXPECT_EQ(as_text(exchange.only().publish().payload), "fits");
    EXPECT_EQ(exchange.counters.dropped_too_large.value(), 1U);
    EXPECT_EQ(exchange.host.session->outbound().window.size(), 1U);
}

TEST_F(SendTest5, Mqtt_3_3_2_6_ExpiryIntervalIsWhatRemains) {
    exchange.connect();
    exchange.sent();
    exchange.deliver(make_message("a", "x", 0, 0, 100, exchange.host.now_us - 30'500'000), 0);
    const SentPacket packet = exchange.only();
    EXPECT_EQ(packet.publish().properties.integer(PropertyId::message_expiry_interval), 70U);
}

TEST_F(SendTest5, Mqtt_3_3_4_3_SubscriptionIdentifiersTravelAndAreQueued) {
    exchange.connect();
    exchange.sent();
    const std::vector<std::uint32_t> identifiers{7, 300};
    exchange.machine().deliver(make_message("a", "x", 1), {.qos = 1, .identifiers = identifiers});
    exchange.reconnect();
    exchange.connect();
    const auto packets = exchange.sent();
    ASSERT_EQ(packets.size(), 2U);
    std::vector<std::uint32_t> found;
    packets[1].publish().properties.for_each_subscription_identifier(
        [&](std::uint32_t identifier) { found.push_back(identifier); });
    EXPECT_THAT(found, ElementsAre(7, 300));
}

TEST_F(SendTest5, WhatIsGoneIsSaidWithTheMessageThatFollowsItAndAgainWhenThatIsSentAgain) {
    exchange.connect();
    exchange.sent();
    exchange.machine().deliver(make_message("a", "x", 1, 42), {.qos = 1, .reset_to = 40});
    exchange.machine().deliver(make_message("a", "y", 1, 43), {.qos = 1});
    exchange.reconnect();
    exchange.connect();
    const auto packets = exchange.sent();
    ASSERT_EQ(packets.size(), 3U);
    std::map<std::string, std::string> user;
    packets[1].publish().properties.for_each_user_property(
        [&](auto name, auto value) { user.emplace(name, value); });
    EXPECT_EQ(user["reset"], "true");
    EXPECT_EQ(user["first"], "40");
    EXPECT_EQ(user["seq"], "42");
    packets[2].publish().properties.for_each_user_property(
        [&](auto name, auto) { EXPECT_NE(name, "reset"); });
}

TEST_F(SendTest5, ThereIsRoomWhileTheClientTakesWhatItIsSent) {
    SessionLimits limits;
    limits.inflight_messages = 2;
    limits.queue_messages = 1;
    Exchange small(Version::v5, limits);
    small.connect();
    small.sent();
    EXPECT_TRUE(small.machine().has_room(1000));
    small.deliver("a", "1", 1);
    EXPECT_TRUE(small.machine().has_room(1000));
    EXPECT_FALSE(small.machine().has_room(3)) << "so much is unread already";
    small.deliver("a", "2", 1);
    EXPECT_FALSE(small.machine().has_room(1000)) << "the window is full";
    small.deliver("a", "3", 1);
    const MessagePtr late = make_message("a", "4", 1);
    EXPECT_EQ(small.machine().offer(late, {.qos = 1}), &Counters::dropped_queue_full);
    EXPECT_EQ(small.counters.dropped_queue_full.value(), 0U) << "whoever drops it counts it";
    small.ack(PacketType::puback, 1);
    EXPECT_FALSE(small.machine().has_room(1000)) << "what had waited took the place";
    small.ack(PacketType::puback, 2);
    EXPECT_TRUE(small.machine().has_room(1000));
}

TEST_F(SendTest5, StoredMessageSaysWhereItStands) {
    exchange.connect();
    exchange.sent();
    exchange.deliver("a", "{\"x\":1}", 0, 42);
    const SentPacket packet = exchange.only();
    std::map<std::string, std::string> user;
    packet.publish().properties.for_each_user_property(
        [&](std::string_view name, std::string_view value) { user[std::string(name)] = value; });
    EXPECT_EQ(user["seq"], "42");
    EXPECT_EQ(user["epoch"], "epoch");
    EXPECT_EQ(user["id"], "epoch-42");
    EXPECT_EQ(user["type"], "message");
    EXPECT_EQ(packet.publish().properties.text(PropertyId::content_type), "application/json");
}

TEST_F(SendTest5, OurUserPropertiesAreTheLastOfTheirNames) {
    ByteBuffer given;
    PropertyWriter writer(given);
    for (const char* name : {"seq", "epoch", "id", "type", "reset", "first", "id", "own"})
        writer.user_property(name, std::string(name) + " of the publisher");
    const MessagePtr message = Message::create(
        {.channel = "a", .payload = as_bytes("1"), .id = "id of the publisher", .properties = given.view()});
    message->stamp(42, 1);
    const MessagePtr keyed =
        Message::create({.channel = "a", .payload = as_bytes("1"), .id = "key", .properties = given.view()});
    keyed->stamp(43, 1);
    exchange.connect();
    exchange.sent();
    exchange.machine().deliver(message, {.qos = 0});
    exchange.machine().deliver(keyed, {.qos = 0});
    const std::vector<SentPacket> packets = exchange.sent();
    ASSERT_EQ(packets.size(), 2U);
    std::string order;
    std::map<std::string, std::string> last;
    packets[1].publish().properties.for_each_user_property(
        [&](std::string_view name, std::string_view value) {
            order.append(name).append(" ");
            last[std::string(name)] = value;
        });
    EXPECT_EQ(order, "seq epoch id type reset first id own seq epoch id type ");
    EXPECT_EQ(last["seq"], "43");
    EXPECT_EQ(last["epoch"], "epoch");
    EXPECT_EQ(last["id"], "key");
    EXPECT_EQ(last["type"], "message");
    std::string id;
    packets[0].publish().properties.for_each_user_property(
        [&](std::string_view name, std::string_view value) { id = name == "id" ? value : id; });
    EXPECT_EQ(id, "id of the publisher");
}

TEST(SessionSize, IdleClientIsSmall) {
    EXPECT_LE(sizeof(Session) + sizeof(Machine), 232U);
}

}  // namespace
}  // namespace millrace::mqtt
