// Reason Strings: every refusal has one, for whoever wants it and takes a packet with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A refusal: how it comes about, and what its reason says.
struct Refusal {
    const char* name;
    PacketType answer;
    ReasonCode code;
    void (*provoke)(Exchange&);
    const char* says;
};

void refuse_message(Exchange& exchange, PublishAnswer answer, int qos) {
    exchange.host.answer = answer;
    exchange.publish("a", "x", qos, 1);
}

void PrintTo(const Refusal& refusal, std::ostream* to) {
    *to << refusal.name;
}

const Refusal kRefusals[] = {
    {"puback", PacketType::puback, ReasonCode::not_authorized,
     [](Exchange& e) { refuse_message(e, PublishAnswer::not_authorised, 1); }, "may not publish"},
    {"puback_topic", PacketType::puback, ReasonCode::topic_name_invalid,
     [](Exchange& e) { refuse_message(e, PublishAnswer::invalid_topic, 1); }, "topic"},
    {"puback_payload", PacketType::puback, ReasonCode::payload_format_invalid,
     [](Exchange& e) { refuse_message(e, PublishAnswer::invalid_payload, 1); }, "UTF-8"},
    {"pubrec", PacketType::pubrec, ReasonCode::not_authorized,
     [](Exchange& e) { refuse_message(e, PublishAnswer::not_authorised, 2); }, "may not publish"},
    {"pubrel", PacketType::pubrel, ReasonCode::packet_identifier_not_found,
     [](Exchange& e) { e.ack(PacketType::pubrec, 99); }, "packet identifier"},
    {"pubcomp", PacketType::pubcomp, ReasonCode::packet_identifier_not_found,
     [](Exchange& e) { e.ack(PacketType::pubrel, 99); }, "packet identifier"},
    {"suback", PacketType::suback, ReasonCode::not_authorized, [](Exchange& e) { e.subscribe("secret"); },
     "may not subscribe"},
    {"suback_filter", PacketType::suback, ReasonCode::topic_filter_invalid,
     [](Exchange& e) { e.subscribe(std::string(200, '/')); }, "`limits.topic_levels`"},
    {"suback_quota", PacketType::suback, ReasonCode::quota_exceeded,
     [](Exchange& e) {
         e.subscribe("one");
         e.sent();
         e.subscribe("two");
     },
     "`limits.subscriptions_per_client`"},
    {"unsuback", PacketType::unsuback, ReasonCode::no_subscription_existed,
     [](Exchange& e) {
         ByteBuffer packet;
         const std::string_view filter = "never";
         encode_unsubscribe(packet, 7, {&filter, 1}, Version::v5);
         e.give(packet.text());
     },
     "no subscription"},
};

ReasonCode code_of(const SentPacket& packet) {
    if (packet.type() == PacketType::suback) return static_cast<ReasonCode>(packet.suback().codes[0]);
    if (packet.type() == PacketType::unsuback)
        return static_cast<ReasonCode>(valid(decode_unsuback(packet.frame(), Version::v5)).codes[0]);
    return packet.ack().code;
}

Properties properties_of(const SentPacket& packet) {
    if (packet.type() == PacketType::suback) return packet.suback().properties;
    if (packet.type() == PacketType::unsuback)
        return valid(decode_unsuback(packet.frame(), Version::v5)).properties;
    return packet.ack().properties;
}

/// CONNECT with one property.
void connect_with(Exchange& exchange, PropertyId property, std::uint32_t value,
                  std::optional<Will> will = {}) {
    ByteBuffer raw;
    PropertyWriter writer(raw);
    writer.integer(property, value);
    Connect connect;
    connect.client_id = "client";
    connect.properties = writer.properties();
    connect.will = will;
    exchange.connect_with(connect);
}

class ReasonTest : public testing::TestWithParam<Refusal> {
  protected:
    ReasonTest() : exchange_(Version::v5, limits()) {}

    static SessionLimits limits() {
        SessionLimits limits;
        limits.subscriptions = 1;
        return limits;
    }
    void connect(PropertyId property, std::uint32_t value) {
        connect_with(exchange_, property, value);
        exchange_.sent();
    }
    /// What the refusal is answered with.
    SentPacket refused() {
        GetParam().provoke(exchange_);
        SentPacket packet = exchange_.only();
        EXPECT_EQ(packet.type(), GetParam().answer);
        EXPECT_EQ(code_of(packet), GetParam().code);
        return packet;
    }

    Exchange exchange_;
};

TEST_P(ReasonTest, EveryRefusalSaysWhyInWords) {
    exchange_.connect();
    exchange_.sent();
    const SentPacket packet = refused();
    const Properties properties = properties_of(packet);
    EXPECT_THAT(std::string(properties.text(PropertyId::reason_string).value_or("")),
                HasSubstr(GetParam().says));
    properties.for_each_user_property([](std::string_view name, std::string_view) { ADD_FAILURE() << name; });
}

TEST_P(ReasonTest, Mqtt_3_1_2_29_NotToWhoDoesNotWantIt) {
    connect(PropertyId::request_problem_information, 0);
    EXPECT_TRUE(properties_of(refused()).empty());
}

// [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.6.2-2] [MQTT-3.7.2-2] [MQTT-3.9.2-1] [MQTT-3.11.2-1]
TEST_P(ReasonTest, NotWhereItMakesThePacketTooLarge) {
    constexpr std::uint32_t kMaximum = 20;
    connect(PropertyId::maximum_packet_size, kMaximum);
    const SentPacket packet = refused();
    EXPECT_LE(packet.bytes.size(), kMaximum);
    EXPECT_TRUE(properties_of(packet).empty());
}

INSTANTIATE_TEST_SUITE_P(Answers, ReasonTest, testing::ValuesIn(kRefusals),
                         [](const auto& refusal) { return std::string(refusal.param.name); });

TEST(Reasons, SuccessNeedsNone) {
    Exchange exchange(Version::v5);
    exchange.connect();
    EXPECT_FALSE(exchange.only().connack().properties.has(PropertyId::reason_string));
    exchange.subscribe("a");
    EXPECT_TRUE(exchange.only().suback().properties.empty());
    exchange.publish("b", "x", 1, 1);
    EXPECT_TRUE(exchange.only().ack().properties.empty());
}

SentPacket refused_connack(std::uint32_t packet_bytes_max) {
    Exchange exchange(Version::v5);
    exchange.host.answers_connect = false;
    connect_with(exchange, PropertyId::maximum_packet_size, packet_bytes_max);
    exchange.machine().refuse(ReasonCode::bad_user_name_or_password);
    return exchange.only();
}

// [MQTT-3.2.2-19]
TEST(Reasons, ConnackHasOneToo) {
    const SentPacket roomy = refused_connack(1000);
    EXPECT_EQ(roomy.connack().code, ReasonCode::bad_user_name_or_password);
    EXPECT_THAT(std::string(roomy.connack().properties.text(PropertyId::reason_string).value_or("")),
                Not(IsEmpty()));
    const SentPacket narrow = refused_connack(20);
    EXPECT_EQ(narrow.connack().code, ReasonCode::bad_user_name_or_password);
    EXPECT_TRUE(narrow.connack().properties.empty());
}

// [MQTT-3.1.2-24]: also where the CONNECT is refused before anybody is asked.
TEST(Reasons, ARefusedWillLeavesRoomToo) {
    Exchange exchange(Version::v5);
    const std::string topic(200, '/');
    connect_with(exchange, PropertyId::maximum_packet_size, 20, Will{.topic = topic});
    const SentPacket packet = exchange.only();
    EXPECT_EQ(packet.connack().code, ReasonCode::topic_name_invalid);
    EXPECT_LE(packet.bytes.size(), 20U);
}

// The 3.x packets have no room for words.
TEST(Reasons, OlderVersionsGetTheirBytes) {
    Exchange exchange(Version::v311);
    exchange.connect();
    exchange.sent();
    exchange.subscribe("secret", 1, 7);
    EXPECT_EQ(exchange.sent_bytes(), std::string("\x90\x03\x00\x07\x80", 5));
}

}  // namespace
}  // namespace millrace::mqtt
