#include "mqtt/codec/encode.h"

#include <array>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/mqtt/codec/support.h"

namespace millrace::mqtt::test {
namespace {

TEST(EncodePublish, LaysOutTheFieldsOf5InOrder) {
    ByteBuffer scratch;
    PropertyWriter writer(scratch);
    writer.text(PropertyId::content_type, "t");
    writer.user_property("k", "v");
    const std::array<std::uint32_t, 2> ids{1, 300};
    OutgoingPublish publish;
    publish.topic = "a/b";
    publish.payload = as_bytes("hi");
    publish.qos = Qos::at_least_once;
    publish.retain = true;
    publish.packet_id = 7;
    publish.message_expiry_s = 60;
    publish.subscription_ids = ids;
    publish.topic_alias = 5;
    publish.forwarded_properties = writer.properties().raw();
    ByteBuffer out;
    encode_publish(out, publish, Version::v5);
    EXPECT_EQ(hex(out.text()), hex(packet(0x33,
                                          "[a/b] 00 07 18 02 00 00 00 3c 0b 01 0b ac 02 23 00 05 "
                                          "03 [t] 26 [k] [v] 'hi'")));
    EXPECT_EQ(encoded_size(publish, Version::v5), out.size());
    out.clear();
    encode_publish(out, publish, Version::v311);
    EXPECT_EQ(hex(out.text()), hex(packet(0x33, "[a/b] 00 07 'hi'")));
    EXPECT_EQ(encoded_size(publish, Version::v311), out.size());
}

TEST(EncodePublish, TellsWhereThePacketIdIs) {
    for (const std::size_t payload_size : {0U, 100U, 200U, 20'000U, 2'100'000U}) {
        const std::string payload(payload_size, 'x');
        OutgoingPublish publish;
        publish.topic = "room/42";
        publish.payload = as_bytes(payload);
        publish.qos = Qos::exactly_once;
        publish.packet_id = 1;
        ByteBuffer out;
        out.append("earlier");
        const EncodedPublish encoded = encode_publish(out, publish, Version::v5);
        EXPECT_EQ(encoded.offset, 7U);
        EXPECT_EQ(encoded.offset + encoded.size, out.size());
        EXPECT_EQ(encoded.size, encoded_size(publish, Version::v5));

        patch_u16(out.data() + encoded.offset, encoded.packet_id_offset, 0xABCD);
        const auto decoded = decode_publish(raw_frame(out.text().substr(7)), Version::v5, Sender::server);
        ASSERT_TRUE(decoded);
        EXPECT_EQ(decoded->packet_id, 0xABCD);
        EXPECT_EQ(decoded->topic, "room/42");
        EXPECT_EQ(as_text(decoded->payload), payload);
    }
}

TEST(EncodePublish, FlagsCanBePatched) {
    OutgoingPublish publish;
    publish.topic = "a";
    publish.qos = Qos::at_least_once;
    publish.packet_id = 1;
    ByteBuffer out;
    encode_publish(out, publish, Version::v311);
    patch_flag(out.data(), kDupFlag, true);
    EXPECT_EQ(out.data()[0], std::byte{0x3a});
    patch_flag(out.data(), kRetainFlag, true);
    EXPECT_EQ(out.data()[0], std::byte{0x3b});
    patch_flag(out.data(), kDupFlag, false);
    patch_flag(out.data(), kRetainFlag, false);
    EXPECT_EQ(out.data()[0], std::byte{0x32});
}

TEST(EncodePublish, Mqtt_2_2_1_2_Qos0HasNoPacketId) {
    OutgoingPublish publish;
    publish.topic = "a";
    publish.packet_id = 9;
    ByteBuffer out;
    EXPECT_EQ(encode_publish(out, publish, Version::v5).packet_id_offset, 0U);
    EXPECT_EQ(hex(out.text()), hex(packet(0x30, "[a] 00")));
}

TEST(EncodePublish, PropertyLengthOfTwoBytes) {
    ByteBuffer scratch;
    PropertyWriter writer(scratch);
    writer.user_property(std::string(100, 'k'), std::string(100, 'v'));
    OutgoingPublish publish;
    publish.topic = "a";
    publish.payload = as_bytes("p");
    publish.forwarded_properties = writer.properties().raw();
    ByteBuffer out;
    encode_publish(out, publish, Version::v5);
    const auto decoded = decode_publish(raw_frame(out.text()), Version::v5, Sender::server);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->properties.raw().size(), 205U);
    EXPECT_EQ(as_text(decoded->payload), "p");
}

std::string encoded_ack(PacketType type, ReasonCode code, Version version) {
    ByteBuffer out;
    encode_publish_ack(out, type, 0x0102, code, version);
    return hex(out.text());
}

TEST(EncodePublishAck, IsFourBytesOnSuccessAndTo3) {
    EXPECT_EQ(encoded_ack(PacketType::puback, ReasonCode::success, Version::v5), "40 02 01 02");
    EXPECT_EQ(encoded_ack(PacketType::pubrec, ReasonCode::quota_exceeded, Version::v311), "50 02 01 02");
    EXPECT_EQ(encoded_ack(PacketType::pubrec, ReasonCode::quota_exceeded, Version::v5), "50 03 01 02 97");
    EXPECT_EQ(encoded_ack(PacketType::pubcomp, ReasonCode::success, Version::v31), "70 02 01 02");
}

TEST(EncodePublishAck, Mqtt_3_6_1_1_FlagsOfPubrel) {
    EXPECT_EQ(encoded_ack(PacketType::pubrel, ReasonCode::success, Version::v5), "62 02 01 02");
    EXPECT_EQ(encoded_ack(PacketType::pubrel, ReasonCode::packet_identifier_not_found, Version::v5),
              "62 03 01 02 92");
}

TEST(EncodeConnack, ConvertsTheCodeFor3) {
    const auto encoded = [](const Connack& connack, Version version) {
        ByteBuffer out;
        encode_connack(out, connack, version);
        return hex(out.text());
    };
    EXPECT_EQ(encoded({true, ReasonCode::success, {}}, Version::v311), "20 02 01 00");
    EXPECT_EQ(encoded({true, ReasonCode::success, {}}, Version::v31), "20 02 00 00");
    EXPECT_EQ(encoded({false, ReasonCode::banned, {}}, Version::v311), "20 02 00 05");
    EXPECT_EQ(encoded({false, ReasonCode::server_busy, {}}, Version::v311), "20 02 00 03");
    EXPECT_EQ(encoded({false, ReasonCode::banned, {}}, Version::v5), "20 03 00 8a 00");
}

TEST(EncodeSuback, EveryErrorIs0x80To3) {
    const std::vector<ReasonCode> codes{ReasonCode::granted_qos2, ReasonCode::not_authorized};
    ByteBuffer out;
    encode_suback(out, 1, codes, Version::v311);
    EXPECT_EQ(hex(out.text()), "90 04 00 01 02 80");
    out.clear();
    encode_suback(out, 1, codes, Version::v5);
    EXPECT_EQ(hex(out.text()), "90 05 00 01 00 02 87");
}

TEST(EncodeUnsuback, HasNoCodesTo3) {
    const std::vector<ReasonCode> codes{ReasonCode::success, ReasonCode::no_subscription_existed};
    ByteBuffer out;
    encode_unsuback(out, 1, codes, Version::v311);
    EXPECT_EQ(hex(out.text()), "b0 02 00 01");
    out.clear();
    encode_unsuback(out, 1, codes, Version::v5);
    EXPECT_EQ(hex(out.text()), "b0 05 00 01 00 00 11");
}

TEST(EncodeSubscribe, OptionsOf5AreNotSentTo3) {
    const std::vector<SubscriptionRequest> requests{
        {"a", Qos::at_least_once, true, true, RetainHandling::do_not_send}};
    ByteBuffer out;
    encode_subscribe(out, 1, requests, Version::v311);
    EXPECT_EQ(hex(out.text()), hex(packet(0x82, "00 01 [a] 01")));
    out.clear();
    encode_subscribe(out, 1, requests, Version::v5);
    EXPECT_EQ(hex(out.text()), hex(packet(0x82, "00 01 00 [a] 2d")));
}

TEST(EncodeDisconnect, LeavesOutWhatSaysNothing) {
    ByteBuffer out;
    encode_disconnect(out, ReasonCode::normal_disconnection, Version::v5);
    encode_disconnect(out, ReasonCode::keep_alive_timeout, Version::v5);
    encode_disconnect(out, ReasonCode::keep_alive_timeout, Version::v311);
    EXPECT_EQ(hex(out.text()), "e0 00 e0 01 8d e0 00");
}

TEST(EncodePing, IsTwoBytes) {
    ByteBuffer out;
    encode_pingreq(out);
    encode_pingresp(out);
    EXPECT_EQ(hex(out.text()), "c0 00 d0 00");
}

}  // namespace
}  // namespace millrace::mqtt::test
