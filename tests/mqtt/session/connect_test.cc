// CONNECT, CONNACK, DISCONNECT and what may not be sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;

class ConnectTest : public testing::TestWithParam<Version> {
  protected:
    Exchange exchange{GetParam()};

    /// 5.0 is told why, 3.1.1 is left.
    void expect_end(ReasonCode code) {
        EXPECT_TRUE(exchange.host.ended);
        EXPECT_TRUE(exchange.machine().ended());
        const auto packets = exchange.sent();
        if (!exchange.v5()) {
            EXPECT_TRUE(packets.empty());
            return;
        }
        ASSERT_EQ(packets.size(), 1U);
        ASSERT_EQ(packets[0].type(), PacketType::disconnect);
        EXPECT_EQ(packets[0].disconnect().code, code);
    }
};
INSTANTIATE_TEST_SUITE_P(Versions, ConnectTest, testing::Values(Version::v311, Version::v5), name_of_version);

TEST_P(ConnectTest, Mqtt_3_2_2_2_SessionPresentSaysWhetherThereWasOne) {
    exchange.connect();
    EXPECT_FALSE(exchange.only().connack().session_present);
    exchange.reconnect();
    exchange.connect();
    EXPECT_TRUE(exchange.only().connack().session_present);
    exchange.reconnect();
    exchange.connect(true);
    EXPECT_FALSE(exchange.only().connack().session_present);
}

TEST_P(ConnectTest, Mqtt_3_1_0_1_FirstPacketMustBeConnect) {
    exchange.give(std::string_view("\xC0\x00", 2));
    EXPECT_TRUE(exchange.host.ended);
    EXPECT_EQ(exchange.sent_bytes(), "");
}

TEST_P(ConnectTest, Mqtt_3_1_0_2_SecondConnectIsProtocolError) {
    exchange.connect();
    exchange.sent();
    exchange.connect();
    expect_end(ReasonCode::protocol_error);
}

TEST_P(ConnectTest, PacketsWaitUntilTheConnectIsAnswered) {
    exchange.host.answers_connect = false;
    exchange.connect();
    exchange.give(std::string_view("\xC0\x00", 2));
    EXPECT_TRUE(exchange.machine().waiting());
    EXPECT_EQ(exchange.unread(), 2U);
    EXPECT_EQ(exchange.sent_bytes(), "");
    exchange.host.accept();
    exchange.give("");
    EXPECT_THAT(types_of(exchange.sent()), ElementsAre(PacketType::connack, PacketType::pingresp));
    EXPECT_EQ(exchange.unread(), 0U);
}

// Bug class 6.
TEST_P(ConnectTest, ServerPacketsFromAClientAreProtocolErrors) {
    exchange.connect();
    exchange.sent();
    exchange.give(std::string_view("\xD0\x00", 2));
    expect_end(ReasonCode::protocol_error);
}

TEST_P(ConnectTest, MalformedPacketEndsTheConnection) {
    exchange.connect();
    exchange.sent();
    exchange.give(std::string_view("\x82\x02\x00\x00", 4));
    EXPECT_TRUE(exchange.host.ended);
    EXPECT_EQ(exchange.counters.closed_protocol_error.value(), 1U);
}

TEST_P(ConnectTest, Mqtt_3_1_2_10_DisconnectForgetsTheWill) {
    exchange.connect();
    exchange.host.session->will = make_message("will", "gone", 0);
    exchange.give(std::string_view("\xE0\x00", 2));
    EXPECT_TRUE(exchange.host.ended);
    EXPECT_EQ(exchange.host.session->will, nullptr);
}

TEST_P(ConnectTest, Mqtt_3_1_2_8_LostConnectionKeepsTheWill) {
    exchange.connect();
    exchange.host.session->will = make_message("will", "gone", 0);
    exchange.lose();
    EXPECT_NE(exchange.host.session->will, nullptr);
}

TEST_P(ConnectTest, RefusalIsTheLastWord) {
    exchange.host.answers_connect = false;
    exchange.connect();
    exchange.machine().refuse(ReasonCode::not_authorized);
    EXPECT_EQ(exchange.only().type(), PacketType::connack);
    EXPECT_TRUE(exchange.host.ended);
}

TEST_P(ConnectTest, OneByteAtATime) {
    ByteBuffer bytes;
    Connect connect;
    connect.version = GetParam();
    connect.client_id = "client";
    encode_connect(bytes, connect);
    encode_pingreq(bytes);
    for (const char byte : bytes.text()) exchange.give({&byte, 1});
    EXPECT_THAT(types_of(exchange.sent()), ElementsAre(PacketType::connack, PacketType::pingresp));
}

TEST(ConnectTest311, Mqtt_3_1_3_8_EmptyClientIdWithoutCleanSessionIsRejected) {
    Exchange exchange(Version::v311);
    Connect connect;
    connect.clean_start = false;
    exchange.connect_with(connect);
    EXPECT_EQ(exchange.only().connack().code, ReasonCode::client_identifier_not_valid);
    EXPECT_TRUE(exchange.host.ended);
}

TEST(ConnectTest5Only, Mqtt_3_1_2_2_UnknownLevelIsRefusedInTheWordsOf5) {
    Exchange exchange(Version::v5);
    exchange.give(std::string_view("\x10\x0D\x00\x04MQTT\x09\x02\x00\x00\x00\x01x", 15));
    EXPECT_EQ(exchange.only().connack().code, ReasonCode::unsupported_protocol_version);
    EXPECT_TRUE(exchange.host.ended);
}

TEST(ConnectTest311, CleanSessionEndsWithTheConnection) {
    Exchange exchange(Version::v311);
    exchange.connect(true);
    EXPECT_EQ(exchange.host.session->expiry_s, 0U);
    exchange.reconnect();
    exchange.connect(false);
    EXPECT_EQ(exchange.host.session->expiry_s, exchange.context.limits.session_expiry_s);
}

class ConnectTest5 : public testing::Test {
  protected:
    Connack connack_of(Connect connect) {
        exchange.connect_with(connect);
        packet = exchange.only();
        return packet.connack();
    }
    Exchange exchange{Version::v5};
    ByteBuffer bytes;
    PropertyWriter writer{bytes};
    SentPacket packet;
};

TEST_F(ConnectTest5, Mqtt_3_1_3_7_AssignedClientIdentifierIsTold) {
    const Connack connack = connack_of({});
    EXPECT_EQ(connack.properties.text(PropertyId::assigned_client_identifier), "chosen");
}

TEST_F(ConnectTest5, ConnackTellsTheLimits) {
    Connect connect;
    connect.client_id = "client";
    const Connack connack = connack_of(connect);
    EXPECT_EQ(connack.properties.integer(PropertyId::receive_maximum), 256U);
    EXPECT_EQ(connack.properties.integer(PropertyId::topic_alias_maximum), 16U);
    EXPECT_EQ(connack.properties.integer(PropertyId::maximum_packet_size), 1U << 20);
    EXPECT_FALSE(connack.properties.has(PropertyId::shared_subscription_available));
}

TEST_F(ConnectTest5, SessionExpiryIsShortenedAndTold) {
    writer.integer(PropertyId::session_expiry_interval, 0xFFFFFFFF);
    Connect connect;
    connect.client_id = "client";
    connect.properties = writer.properties();
    EXPECT_EQ(connack_of(connect).properties.integer(PropertyId::session_expiry_interval), 86'400U);
    EXPECT_EQ(exchange.host.session->expiry_s, 86'400U);
}

TEST_F(ConnectTest5, Mqtt_3_1_2_21_ServerKeepAliveIsTold) {
    exchange.context.limits.keep_alive_max_s = 60;
    Connect connect;
    connect.client_id = "client";
    EXPECT_EQ(connack_of(connect).properties.integer(PropertyId::server_keep_alive), 60U);
    EXPECT_EQ(exchange.machine().keep_alive_s(), 60U);
}

TEST_F(ConnectTest5, DisconnectWithWillKeepsTheWill) {
    exchange.connect();
    exchange.host.session->will = make_message("will", "gone", 0);
    exchange.give(std::string_view("\xE0\x01\x04", 3));
    EXPECT_TRUE(exchange.host.ended);
    EXPECT_NE(exchange.host.session->will, nullptr);
}

TEST_F(ConnectTest5, DisconnectMayShortenTheSessionButNotRevivesIt) {
    exchange.connect(false, 100);
    exchange.give(std::string_view("\xE0\x07\x00\x05\x11\x00\x00\x00\x05", 9));
    EXPECT_EQ(exchange.host.session->expiry_s, 5U);
    exchange.reconnect();
    exchange.connect(false, 0);
    exchange.sent();
    exchange.give(std::string_view("\xE0\x07\x00\x05\x11\x00\x00\x00\x05", 9));
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::protocol_error);
}

TEST_F(ConnectTest5, PacketOverTheLimitIsTooLarge) {
    exchange.context.limits.packet_bytes = 64;
    exchange.connect();
    exchange.sent();
    exchange.publish("topic", std::string(100, 'x'), 0);
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::packet_too_large);
}

TEST_F(ConnectTest5, EndTellsTheReason) {
    exchange.connect();
    exchange.sent();
    exchange.machine().end(ReasonCode::session_taken_over);
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::session_taken_over);
    EXPECT_TRUE(exchange.host.ended);
}

}  // namespace
}  // namespace millrace::mqtt
