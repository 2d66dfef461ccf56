// Enhanced authentication (3.15, 4.12) as the machine sees it: whose turn it is, and what is written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/printable.h"
#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class AuthTest : public testing::Test {
  protected:
    AuthTest() { exchange.host.answers_connect = false; }

    void connect(std::uint32_t packet_bytes_max = 10'000) {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.text(PropertyId::authentication_method, "METHOD");
        writer.binary(PropertyId::authentication_data, as_bytes("first"));
        writer.integer(PropertyId::maximum_packet_size, packet_bytes_max);
        Connect packet;
        packet.client_id = "client";
        packet.properties = writer.properties();
        exchange.connect_with(packet);
    }
    void auth(ReasonCode code, std::string_view data, std::string_view method = "METHOD") {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.text(PropertyId::authentication_method, method);
        writer.binary(PropertyId::authentication_data, as_bytes(data));
        ByteBuffer bytes;
        encode_auth(bytes, code, writer.properties());
        exchange.give(bytes.text());
    }
    void challenge(std::string_view data) { exchange.machine().challenge("METHOD", data); }
    void log_in() {
        connect();
        challenge("challenge");
        exchange.host.proof = "proof";
        exchange.host.answer_auth = [this] { exchange.host.accept(); };
        auth(ReasonCode::continue_authentication, "answer");
        exchange.host.answer_auth = nullptr;
        exchange.host.auth.clear();
        exchange.sent();
    }
    static std::string data_of(const Properties& properties) {
        return std::string(as_text(properties.binary(PropertyId::authentication_data).value_or(ByteView{})));
    }
    static std::string method_of(const Properties& properties) {
        return std::string(properties.text(PropertyId::authentication_method).value_or(""));
    }
    Exchange exchange{Version::v5};
};

TEST_F(AuthTest, Mqtt_4_12_0_2_ChallengeIsAnAuthThatSaysGoOn) {
    connect();
    challenge("challenge");
    const SentPacket packet = exchange.only();
    EXPECT_EQ(packet.auth().code, ReasonCode::continue_authentication);
    EXPECT_EQ(method_of(packet.auth().properties), "METHOD");
    EXPECT_EQ(data_of(packet.auth().properties), "challenge");
    EXPECT_FALSE(exchange.machine().connected());
    EXPECT_FALSE(exchange.machine().waiting()) << "the answer has to be read";
}

TEST_F(AuthTest, Mqtt_4_12_0_5_TheMethodIsInTheConnackToo) {
    connect();
    challenge("challenge");
    exchange.sent();
    auth(ReasonCode::continue_authentication, "answer");
    EXPECT_THAT(exchange.host.auth, ElementsAre("answer"));
    EXPECT_TRUE(exchange.machine().waiting()) << "for the host";
    exchange.host.proof = "proof";
    exchange.host.accept();
    const SentPacket packet = exchange.only();
    EXPECT_EQ(packet.connack().code, ReasonCode::success);
    EXPECT_EQ(method_of(packet.connack().properties), "METHOD");
    EXPECT_EQ(data_of(packet.connack().properties), "proof");
}

TEST_F(AuthTest, Mqtt_4_12_0_4_FailureIsAConnackAndTheEnd) {
    connect();
    challenge("challenge");
    exchange.sent();
    exchange.host.answer_auth = [this] { exchange.machine().refuse(ReasonCode::not_authorized); };
    auth(ReasonCode::continue_authentication, "wrong");
    EXPECT_EQ(exchange.only().connack().code, ReasonCode::not_authorized);
    EXPECT_TRUE(exchange.host.ended);
}

TEST_F(AuthTest, Mqtt_3_1_2_30_NothingButAuthAndDisconnectComesBeforeTheConnack) {
    connect();
    challenge("challenge");
    exchange.sent();
    exchange.subscribe("a");
    EXPECT_EQ(exchange.only().connack().code, ReasonCode::protocol_error);
    EXPECT_TRUE(exchange.host.ended);
    EXPECT_THAT(exchange.host.subscribed, IsEmpty());
}

TEST_F(AuthTest, ClientMayLeaveInTheMiddle) {
    connect();
    challenge("challenge");
    exchange.sent();
    exchange.give(std::string_view("\xE0\x00", 2));
    EXPECT_TRUE(exchange.host.ended);
    EXPECT_THAT(exchange.sent(), IsEmpty());
}

TEST_F(AuthTest, AnotherMethodThanThatOfConnectIsRefused) {
    connect();
    challenge("challenge");
    exchange.sent();
    auth(ReasonCode::continue_authentication, "answer", "OTHER");
    EXPECT_EQ(exchange.only().connack().code, ReasonCode::bad_authentication_method);
    EXPECT_THAT(exchange.host.auth, IsEmpty());
}

TEST_F(AuthTest, ReauthenticationCannotComeFirst) {
    connect();
    challenge("challenge");
    exchange.sent();
    auth(ReasonCode::reauthenticate, "first");
    EXPECT_EQ(exchange.only().connack().code, ReasonCode::protocol_error);
}

TEST_F(AuthTest, BrokenAuthIsRefusedInTheConnack) {
    connect();
    challenge("challenge");
    exchange.sent();
    exchange.give(std::string_view("\xF0\x02\x18\x7F", 4));
    EXPECT_EQ(exchange.only().connack().code, ReasonCode::malformed_packet);
}

TEST_F(AuthTest, SecondAnswerIsNotReadBeforeTheFirstIsJudged) {
    connect();
    challenge("challenge");
    auth(ReasonCode::continue_authentication, "one");
    auth(ReasonCode::continue_authentication, "two");
    EXPECT_THAT(exchange.host.auth, ElementsAre("one"));
}

TEST_F(AuthTest, Mqtt_3_1_2_24_WhoCannotTakeAnAuthIsRefused) {
    connect(100);
    challenge("challenge");
    EXPECT_EQ(exchange.only().connack().code, ReasonCode::packet_too_large);
}

TEST_F(AuthTest, ReauthenticationGoesOnBesideTheMessages) {
    log_in();
    auth(ReasonCode::reauthenticate, "first");
    EXPECT_THAT(exchange.host.auth, ElementsAre("again:first"));
    challenge("challenge");
    EXPECT_EQ(exchange.only().auth().code, ReasonCode::continue_authentication);
    exchange.publish("a", "x", 0);
    EXPECT_EQ(exchange.host.published.size(), 1U);
    auth(ReasonCode::continue_authentication, "answer");
    EXPECT_THAT(exchange.host.auth, ElementsAre("again:first", "answer"));
    exchange.machine().reauthenticated("proof");
    const SentPacket packet = exchange.only();
    EXPECT_EQ(packet.auth().code, ReasonCode::success);
    EXPECT_EQ(method_of(packet.auth().properties), "METHOD");
    EXPECT_EQ(data_of(packet.auth().properties), "proof");
    auth(ReasonCode::reauthenticate, "and again");
    EXPECT_EQ(exchange.host.auth.back(), "again:and again");
}

TEST_F(AuthTest, AnswerWithoutAChallengeIsAProtocolError) {
    log_in();
    auth(ReasonCode::continue_authentication, "answer");
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::protocol_error);
    EXPECT_THAT(exchange.host.auth, IsEmpty());
}

TEST_F(AuthTest, ReauthenticationInsideAnotherIsAProtocolError) {
    log_in();
    auth(ReasonCode::reauthenticate, "first");
    challenge("challenge");
    exchange.sent();
    auth(ReasonCode::reauthenticate, "first");
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::protocol_error);
}

TEST_F(AuthTest, Mqtt_4_12_1_1_ReauthenticationKeepsToTheMethod) {
    log_in();
    auth(ReasonCode::reauthenticate, "first", "OTHER");
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::bad_authentication_method);
}

TEST(TraceTest, EveryPacketIsToldInBothDirectionsAndNothingOfWhatItCarries) {
    Exchange exchange(Version::v5);
    exchange.host.traced = true;
    Connect connect;
    connect.client_id = "client";
    connect.user_name = "somebody";
    connect.password = as_bytes("secret-password");
    exchange.connect_with(connect);
    exchange.subscribe("rooms/#", 1, 7);
    exchange.publish("rooms/1", "secret-payload", 1, 5);
    exchange.deliver("rooms/2", std::string(5000, 's'), 1);
    exchange.ack(PacketType::puback, 1);
    exchange.give(std::string_view("\xC0\x00", 2));
    exchange.machine().end(ReasonCode::administrative_action, "why");
    EXPECT_THAT(
        exchange.host.trace,
        ElementsAre("in CONNECT MQTT 5.0, clean, keep alive 0, with a user name, with a password, bytes 48",
                    testing::StartsWith("out CONNACK 0x00 success, bytes"),
                    "in SUBSCRIBE id 7, \"rooms/#\" QoS 1, bytes 15",
                    "out SUBACK id 7, 0x01 granted QoS 1, bytes 6",
                    "in PUBLISH \"rooms/1\", QoS 1, id 5, payload bytes 14, bytes 28",
                    "out PUBACK id 5, 0x00 success, bytes 4",
                    "out PUBLISH \"rooms/2\", QoS 1, id 1, payload bytes 5000, bytes 5015",
                    "in PUBACK id 1, 0x00 success, bytes 4", "in PINGREQ bytes 2", "out PINGRESP bytes 2",
                    "out DISCONNECT 0x98 administrative action, bytes 10"));
}

TEST(TraceTest, PacketThatHasToWaitIsToldOnce) {
    SessionLimits limits;
    limits.publish_rate = 1;
    limits.publish_burst = 1;
    Exchange exchange(Version::v311, limits);
    exchange.host.traced = true;
    exchange.connect();
    exchange.publish("a", "1", 0);
    exchange.publish("a", "2", 0);
    for (int i = 0; i < 3; ++i) exchange.give({});
    EXPECT_EQ(exchange.host.trace.size(), 4U) << "CONNECT, CONNACK and two times PUBLISH";
}

TEST(TraceTest, NamesThatWouldBreakALineAreEscaped) {
    EXPECT_EQ(printable("a\nb\"c\\"), R"("a\x0Ab\"c\\")");
    EXPECT_EQ(printable("caf\xC3\xA9"), "\"caf\xC3\xA9\"");
    EXPECT_EQ(printable("caf\xE9"), R"("caf\xE9")");
    EXPECT_EQ(printable(std::string(300, 'x')), "\"" + std::string(256, 'x') + "…\"");
}

}  // namespace
}  // namespace millrace::mqtt
