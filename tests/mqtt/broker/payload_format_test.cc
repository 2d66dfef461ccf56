// Payloads that say they are text (MQTT 5.0, 3.3.2.3.2), where the channel's rule wants that checked.
#include <gtest/gtest.h>

#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

constexpr std::string_view kNoText = "caf\xE9";

class PayloadFormatTest : public testing::Test {
  protected:
    void publish(std::string_view topic, std::string_view payload, Qos qos, std::uint32_t indicator) {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.integer(PropertyId::payload_format_indicator, indicator);
        OutgoingPublish packet;
        packet.topic = topic;
        packet.payload = as_bytes(payload);
        packet.qos = qos;
        packet.packet_id = 1;
        packet.forwarded_properties = writer.properties().raw();
        ByteBuffer bytes;
        encode_publish(bytes, packet, Version::v5);
        client.write(bytes.text());
        server.turn();
        client.read();
    }
    /// What the client was answered in a packet of this type.
    ReasonCode answer(PacketType type) {
        const TestClient::Packet* packet = client.last(type);
        if (packet == nullptr) return ReasonCode::unspecified_error;
        if (type == PacketType::disconnect)
            return decode_disconnect(packet->frame(), Version::v5, Sender::server)->code;
        return decode_publish_ack(packet->frame(), Version::v5, Sender::server)->code;
    }
    ReasonCode connect_with_will(std::string_view topic) {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.integer(PropertyId::payload_format_indicator, 1);
        Connect connect;
        connect.client_id = "dying";
        connect.will.emplace();
        connect.will->topic = topic;
        connect.will->payload = as_bytes(kNoText);
        connect.will->properties = writer.properties();
        client.connect_with(connect);
        server.turn();
        client.read();
        return decode_connack(client.last(PacketType::connack)->frame(), Version::v5)->code;
    }
    void open() {
        client.connect("client");
        server.turn();
        client.read();
    }

    TestServer server{1, [](config::Config& config) {
                          config::ChannelRule checked = config.channels.back();
                          checked.match = "text/#";
                          checked.check_payload_format = true;
                          config.channels.insert(config.channels.begin(), checked);
                      }};
    TestClient client{server, 0};
};

TEST_F(PayloadFormatTest, WhatIsNoTextIsRefusedWithItsReason) {
    open();
    publish("text/a", kNoText, Qos::at_least_once, 1);
    EXPECT_EQ(answer(PacketType::puback), ReasonCode::payload_format_invalid);
    publish("text/a", kNoText, Qos::exactly_once, 1);
    EXPECT_EQ(answer(PacketType::pubrec), ReasonCode::payload_format_invalid);
    EXPECT_EQ(server.sum(&Counters::messages_in), 0U);
    publish("text/a", "caf\xC3\xA9", Qos::at_least_once, 1);
    EXPECT_EQ(answer(PacketType::puback), ReasonCode::success);
    EXPECT_EQ(server.sum(&Counters::messages_in), 1U);
}

TEST_F(PayloadFormatTest, AtQos0ItEndsTheConnection) {
    open();
    publish("text/a", kNoText, Qos::at_most_once, 1);
    EXPECT_EQ(answer(PacketType::disconnect), ReasonCode::payload_format_invalid);
    EXPECT_EQ(server.sum(&Counters::messages_in), 0U);
}

TEST_F(PayloadFormatTest, NothingIsCheckedUnlessAskedForAndSaid) {
    open();
    publish("text/a", kNoText, Qos::at_least_once, 0);
    EXPECT_EQ(answer(PacketType::puback), ReasonCode::success);
    publish("other", kNoText, Qos::at_least_once, 1);
    EXPECT_EQ(answer(PacketType::puback), ReasonCode::success);
    EXPECT_EQ(server.sum(&Counters::messages_in), 2U);
}

TEST_F(PayloadFormatTest, WillIsCheckedWhenItIsLeft) {
    EXPECT_EQ(connect_with_will("text/a"), ReasonCode::payload_format_invalid);
}

TEST_F(PayloadFormatTest, WillOnAnotherChannelIsNot) {
    EXPECT_EQ(connect_with_will("other"), ReasonCode::success);
}

}  // namespace
}  // namespace millrace::mqtt
