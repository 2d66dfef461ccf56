// Topic aliases that the machine defines towards its client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;

/// A client that takes aliases, and resolves them as 3.3.2.3.4 has it.
class OutgoingAliasTest : public testing::Test {
  protected:
    void connect(std::uint16_t alias_maximum, std::uint32_t packet_bytes_max = 1000) {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.integer(PropertyId::session_expiry_interval, 1000);
        writer.integer(PropertyId::maximum_packet_size, packet_bytes_max);
        if (alias_maximum != 0) writer.integer(PropertyId::topic_alias_maximum, alias_maximum);
        Connect packet;
        packet.clean_start = false;
        packet.client_id = "client";
        packet.properties = writer.properties();
        topics_.clear();
        exchange.connect_with(packet);
        skip_connack();
    }
    void skip_connack() {
        for (const SentPacket& packet : exchange.sent()) {
            if (packet.type() == PacketType::publish) note(packet.publish());
        }
    }
    /// The topics that arrived, in words: `name`, `name=alias`, `=alias`.
    std::vector<std::string> forms() {
        skip_connack();
        return std::exchange(forms_, {});
    }
    std::vector<std::string> resolved() {
        skip_connack();
        return std::exchange(resolved_, {});
    }
    void note(const Publish& publish) {
        const std::uint32_t alias = publish.properties.integer(PropertyId::topic_alias).value_or(0);
        std::string topic(publish.topic);
        if (alias != 0 && !topic.empty()) topics_[alias] = topic;
        if (topic.empty()) topic = topics_.at(alias);
        forms_.push_back(std::string(publish.topic) + (alias == 0 ? "" : "=" + std::to_string(alias)));
        resolved_.push_back(topic + ":" + std::string(as_text(publish.payload)));
    }
    SessionLimits limits() {
        SessionLimits limits;
        limits.topic_alias_out = 3;
        return limits;
    }
    std::map<std::uint32_t, std::string> topics_;
    std::vector<std::string> forms_;
    std::vector<std::string> resolved_;
    Exchange exchange{Version::v5, limits()};
};

TEST_F(OutgoingAliasTest, TopicIsNamedOnce) {
    connect(10);
    for (const int qos : {0, 1, 2}) exchange.deliver("sensors/1/temperature", "x", qos);
    EXPECT_THAT(forms(), ElementsAre("sensors/1/temperature=1", "=1", "=1"));
}

TEST_F(OutgoingAliasTest, Mqtt_3_1_2_26_NeverMoreThanTheClientTakes) {
    connect(2);
    for (const char* topic : {"first", "second", "third", "third", "second", "first"})
        exchange.deliver(topic, "x", 0);
    EXPECT_THAT(forms(), ElementsAre("first=1", "second=2", "third", "third", "=2", "=1"));
}

TEST_F(OutgoingAliasTest, NorMoreThanTheLimitSays) {
    connect(0xFFFF);
    for (const char* topic : {"first", "second", "third", "fourth", "fourth"})
        exchange.deliver(topic, "x", 0);
    EXPECT_THAT(forms(), ElementsAre("first=1", "second=2", "third=3", "fourth", "fourth"));
}

TEST_F(OutgoingAliasTest, Mqtt_3_1_2_27_NoneForAClientThatTakesNone) {
    connect(0);
    for (int i = 0; i < 2; ++i) exchange.deliver("sensors/1/temperature", "x", 1);
    EXPECT_THAT(forms(), ElementsAre("sensors/1/temperature", "sensors/1/temperature"));
}

TEST_F(OutgoingAliasTest, ShortNamesAreShorterThanAnAlias) {
    connect(10);
    for (int i = 0; i < 2; ++i) exchange.deliver("a/b", "x", 0);
    EXPECT_THAT(forms(), ElementsAre("a/b", "a/b"));
}

/// One message goes to clients of all kinds, from the frames that they share.
TEST_F(OutgoingAliasTest, EveryLayoutOfOneMessageIsRight) {
    connect(10, 100'000);
    exchange.deliver("warm/up", "", 0);  // so that the alias is not 1
    const MessagePtr message = make_message("sensors/1", std::string(5000, 'x'), 1);
    const std::uint32_t identifier = 7;
    for (int i = 0; i < 2; ++i) {
        for (const std::uint8_t qos : {std::uint8_t{0}, std::uint8_t{1}}) {
            exchange.machine().deliver(message, {.qos = qos});
            exchange.machine().deliver(message, {.qos = qos, .identifiers = {&identifier, 1}});
        }
    }
    EXPECT_THAT(forms(), ElementsAre("warm/up=1", "sensors/1=2", "=2", "=2", "=2", "=2", "=2", "=2", "=2"));
}

TEST_F(OutgoingAliasTest, PayloadsStayWithTheirTopics) {
    connect(10);
    for (const char* payload : {"1", "2", "3"}) {
        for (const char* topic : {"first", "second", "third", "fourth"}) exchange.deliver(topic, payload, 0);
    }
    EXPECT_THAT(resolved(), ElementsAre("first:1", "second:1", "third:1", "fourth:1", "first:2", "second:2",
                                        "third:2", "fourth:2", "first:3", "second:3", "third:3", "fourth:3"));
}

TEST_F(OutgoingAliasTest, Mqtt_3_3_2_7_ResentMessagesNameTheirTopicAgain) {
    connect(10);
    exchange.deliver("first", "1", 1);
    exchange.deliver("first", "2", 1);
    EXPECT_THAT(forms(), ElementsAre("first=1", "=1"));
    exchange.reconnect();
    connect(10);
    EXPECT_THAT(forms(), ElementsAre("first=1", "=1"));
}

/// With an alias it would be larger than the client takes, without it is not.
TEST_F(OutgoingAliasTest, AliasIsLeftOutWhereItDoesNotFit) {
    connect(10, 20);
    exchange.deliver("sensors/1", "12345", 0);
    exchange.deliver("sensors/1", "1", 0);
    exchange.deliver("sensors/1", "12345", 0);
    EXPECT_THAT(forms(), ElementsAre("sensors/1", "sensors/1=1", "=1"));
    exchange.deliver("sensors/2", "1234567890", 0);
    EXPECT_EQ(exchange.counters.dropped_too_large.value(), 1U);
}

}  // namespace
}  // namespace millrace::mqtt
