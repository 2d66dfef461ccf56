// What MQTT clients notice of hooks.
#include "mqtt/broker/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/broker/client_support.h"
#include "tests/support/hook_questions.h"

namespace millrace::mqtt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

config::ChannelRule rule(const std::string& match, bool store, const std::string& join,
                         const std::string& message) {
    config::ChannelRule result;
    result.match = match;
    result.store = store;
    result.hooks.join = join;
    result.hooks.message = message;
    return result;
}

void add_rules(config::Config& config) {
    config.channels = {rule("live/#", false, "", "http://h/message"),
                       rule("stored/#", true, "", "http://h/message"),
                       rule("closed/#", false, "http://h/join", ""),
                       rule("shut/#", false, "http://h/other", ""), rule("#", false, "", "")};
    config.limits.hook_client_calls = 4;
}

class HooksTest : public ::testing::Test {
  protected:
    HooksTest() {
        server.sessions(0).broker().follow_hooks(questions);
        reader.connect("reader");
        reader.subscribe("live/#", 2);
        reader.subscribe("stored/#", 2);
        reader.subscribe("open", 2);
        writer.connect("writer");
        turn();
    }
    void turn() {
        server.turn();
        reader.read();
        writer.read();
        server.turn();
        reader.read();
        writer.read();
    }
    bool comes(TestClient& client, PacketType type, int count = 1) {
        return server.turn_until([&] {
            client.read();
            return client.count(type) >= count;
        });
    }
    /// Type, reason code and reason string of the latest acknowledgement of that type.
    static std::string verdict(const TestClient& client, PacketType type) {
        const TestClient::Packet* packet = client.last(type);
        if (packet == nullptr) return "none";
        const Version version = packet->version;
        if (type == PacketType::suback) {
            const auto ack = decode_suback(packet->frame(), version);
            std::string text;
            for (const std::byte code : ack->codes) text += std::to_string(std::to_integer<int>(code)) + " ";
            return text + std::string(ack->properties.text(PropertyId::reason_string).value_or("-"));
        }
        const auto ack = decode_publish_ack(packet->frame(), version, Sender::server);
        return std::to_string(static_cast<int>(ack->code)) + " " +
               std::string(ack->properties.text(PropertyId::reason_string).value_or("-"));
    }

    TestServer server{1, add_rules};
    testing::HookQuestions questions;
    TestClient reader{server, 0};
    TestClient writer{server, 0};
};

TEST_F(HooksTest, AMessageWaitsForItsHook) {
    writer.publish("live/a", R"({"n":1})", 1, 7);
    turn();
    ASSERT_EQ(questions.size(), 1U);
    EXPECT_EQ(questions.at(0).url, "http://h/message");
    EXPECT_EQ(questions.at(0).timeout, Milliseconds{2000});
    EXPECT_EQ(
        questions.at(0).body,
        R"({"action":"message","channel":"live/a","options":{"channel":"live/a"},"payload":{"n":1},)"
        R"("client":{"socketId":"mqtt:writer","extras":{},"permissions":{"dbo_id":0,"row_id":0}},"door":"mqtt"})");
    EXPECT_EQ(verdict(writer, PacketType::puback), "none");
    questions.answer(0);
    turn();
    EXPECT_EQ(verdict(writer, PacketType::puback), "0 -");
    EXPECT_THAT(reader.payloads(), ElementsAre(R"({"n":1})"));
}

TEST_F(HooksTest, ARefusedMessageIsAcknowledgedWithTheReason) {
    writer.publish("live/a", "1", 1, 7);
    writer.publish("live/a", "2", 2, 8);
    turn();
    questions.deny(0, "not here");
    questions.deny(1, "nor there");
    turn();
    EXPECT_EQ(verdict(writer, PacketType::puback), "135 not here");
    EXPECT_EQ(verdict(writer, PacketType::pubrec), "135 nor there");
    EXPECT_THAT(reader.payloads(), IsEmpty());
    EXPECT_EQ(server.sum(&Counters::hook_denied), 2U);
}

TEST_F(HooksTest, Version311CannotSayWhy) {
    TestClient old(server, 0, Version::v311);
    old.connect("old");
    old.publish("live/a", "1", 1, 7);
    old.subscribe("closed/a", 1);
    server.turn();
    questions.deny(0);
    questions.deny(1);
    EXPECT_TRUE(comes(old, PacketType::puback));
    EXPECT_TRUE(comes(old, PacketType::suback));
    EXPECT_EQ(old.last(PacketType::suback)->bytes.back(), '\x80');
    EXPECT_THAT(reader.payloads(), IsEmpty());
}

TEST_F(HooksTest, AnotherPayloadIsStoredAndDelivered) {
    writer.publish("stored/a", "secret", 2, 7);
    turn();
    EXPECT_TRUE(questions.at(0).replaceable.was_text);
    questions.replace(0, R"({"mild":true})");
    EXPECT_TRUE(comes(writer, PacketType::pubcomp));
    EXPECT_TRUE(comes(reader, PacketType::publish));
    EXPECT_THAT(reader.payloads(), ElementsAre(R"({"mild":true})"));
}

TEST_F(HooksTest, AnswersInAnyOrderLeaveTheMessagesInTheirs) {
    writer.publish("live/a", "1", 1, 1);
    writer.publish("live/b", "2", 0);
    writer.publish("open", "3", 1, 3);
    writer.publish("live/a", "4", 1, 4);
    turn();
    ASSERT_EQ(questions.size(), 3U);
    questions.answer(2);
    questions.answer(1);
    turn();
    EXPECT_THAT(reader.payloads(), IsEmpty());
    questions.answer(0);
    turn();
    EXPECT_THAT(reader.payloads(), ElementsAre("1", "2", "3", "4"));
    EXPECT_EQ(writer.count(PacketType::puback), 3);
}

TEST_F(HooksTest, OthersDoNotWait) {
    TestClient other(server, 0);
    other.connect("other");
    writer.publish("live/a", "1", 1, 1);
    turn();
    other.publish("live/a", "2", 1, 1);
    other.publish("open", "3", 0);
    turn();
    questions.answer(1);
    turn();
    EXPECT_THAT(reader.payloads(), ElementsAre("2", "3"));
}

TEST_F(HooksTest, WhoSendsMoreThanMayWaitIsNotRead) {
    for (std::uint16_t id = 1; id <= 6; ++id) writer.publish("live/a", std::to_string(id), 1, id);
    turn();
    EXPECT_EQ(questions.size(), 4U) << "limits.hook_client_calls";
    for (std::size_t i = 0; i < 4; ++i) questions.answer(i);
    turn();
    ASSERT_EQ(questions.size(), 6U);
    questions.answer(4);
    questions.answer(5);
    turn();
    EXPECT_THAT(reader.payloads(), ElementsAre("1", "2", "3", "4", "5", "6"));
}

TEST_F(HooksTest, AMessageOutlivesItsConnection) {
    writer.publish("live/a", "1", 0);
    writer.disconnect();
    turn();
    writer.drop();
    turn();
    questions.answer(0);
    turn();
    EXPECT_THAT(reader.payloads(), ElementsAre("1"));
}

TEST_F(HooksTest, WhatIsForbiddenByTheTimeOfTheAnswerIsRefused) {
    writer.publish("live/a", "1", 1, 1);
    writer.publish("stored/a", "2", 1, 2);
    writer.publish("stored/a", "3", 0);
    turn();
    ASSERT_EQ(questions.size(), 3U);
    const auto changed = std::make_shared<config::Config>();
    add_rules(*changed);
    for (config::ChannelRule& rule : changed->channels) rule.publish = config::Who::nobody;
    server.sessions(0).broker().use(std::make_shared<const access::Authoriser>(*changed), changed);
    questions.answer(0);
    questions.replace(1, "4");
    questions.answer(2);
    EXPECT_TRUE(comes(writer, PacketType::puback, 2));
    EXPECT_EQ(verdict(writer, PacketType::puback), "135 clients may not write to the channel");
    EXPECT_THAT(reader.payloads(), IsEmpty());
}

TEST_F(HooksTest, WhoseTokenEndsBeforeTheAnswerIsRefused) {
    access::Principal principal;
    principal.kind = access::Principal::Kind::user;
    Broker& broker = server.sessions(0).broker();
    const auto publish = [&](std::int64_t left_s) {
        principal.expires_at_s = broker.shard().wall_clock_us() / 1'000'000 + left_s;
        const MessagePtr message = Message::create({.channel = "live/a", .payload = as_bytes("1")});
        ASSERT_TRUE(broker.publish({.principal = &principal, .message = message}));
    };
    publish(0);
    publish(1000);
    principal = {};
    questions.answer(0);
    turn();
    EXPECT_THAT(reader.payloads(), IsEmpty());
    questions.answer(1);
    turn();
    EXPECT_THAT(reader.payloads(), ElementsAre("1"));
}

TEST_F(HooksTest, Mqtt_4_3_3_10_ALiveMessageThatComesAgainIsPublishedOnce) {
    writer.publish("live/a", "1", 2, 1);
    turn();
    writer.drop();
    turn();
    questions.answer(0);
    TestClient again(server, 0);
    again.connect("writer");
    again.publish("live/a", "1", 2, 1);
    turn();
    ASSERT_EQ(questions.size(), 2U);
    questions.answer(1);
    EXPECT_TRUE(comes(again, PacketType::pubrec));
    turn();
    EXPECT_THAT(reader.payloads(), ElementsAre("1"));
}

TEST_F(HooksTest, AWillIsAskedAbout) {
    TestClient dying(server, 0);
    Connect connect;
    connect.client_id = "dying";
    connect.will.emplace();
    connect.will->topic = "live/will";
    connect.will->payload = as_bytes("gone");
    dying.connect_with(connect);
    turn();
    dying.drop();
    turn();
    ASSERT_EQ(questions.size(), 1U);
    EXPECT_THAT(questions.at(0).body, HasSubstr(R"("payload":"gone")"));
    EXPECT_THAT(reader.payloads(), IsEmpty());
    questions.answer(0);
    turn();
    EXPECT_THAT(reader.payloads(), ElementsAre("gone"));
}

TEST_F(HooksTest, ASubscriptionWaitsForItsHook) {
    reader.subscribe("closed/a", 1);
    reader.write(std::string_view("\xC0\x00", 2));  // PINGREQ
    turn();
    ASSERT_EQ(questions.size(), 1U);
    EXPECT_THAT(questions.at(0).body, HasSubstr(R"("action":"join","channel":"closed/a")"));
    EXPECT_EQ(reader.count(PacketType::suback), 3);
    EXPECT_EQ(reader.count(PacketType::pingresp), 0) << "it comes after the SUBSCRIBE";
    questions.answer(0);
    EXPECT_TRUE(comes(reader, PacketType::pingresp));
    EXPECT_EQ(verdict(reader, PacketType::suback), "1 -");
    writer.publish("closed/a", "in", 0);
    turn();
    EXPECT_THAT(reader.payloads(), ElementsAre("in"));
    EXPECT_EQ(questions.size(), 1U);
}

TEST_F(HooksTest, EachFilterOfASubscribeIsAskedAbout) {
    const SubscriptionRequest filters[] = {
        {.filter = "open"}, {.filter = "closed/a"}, {.filter = "closed/b"}};
    ByteBuffer bytes;
    encode_subscribe(bytes, 9, filters, Version::v5);
    reader.write(bytes.text());
    turn();
    ASSERT_EQ(questions.size(), 2U);
    questions.deny(1, "b is closed");
    turn();
    EXPECT_EQ(reader.count(PacketType::suback), 3);
    questions.answer(0);
    EXPECT_TRUE(comes(reader, PacketType::suback, 4));
    EXPECT_EQ(verdict(reader, PacketType::suback), "0 0 135 b is closed");
    writer.publish("closed/b", "out", 0);
    writer.publish("closed/a", "in", 0);
    turn();
    EXPECT_THAT(reader.payloads(), ElementsAre("in"));
}

TEST_F(HooksTest, FiltersOfOneSubscribeAreAskedAboutOnceAndUpToALimit) {
    std::vector<SubscriptionRequest> requests;
    for (const char* filter : {"closed/1", "closed/1", "closed/2", "closed/3", "closed/4", "closed/5", "open",
                               "closed/1", "closed/5"})
        requests.push_back({.filter = filter});
    ByteBuffer bytes;
    encode_subscribe(bytes, 9, requests, Version::v5);
    reader.write(bytes.text());
    turn();
    ASSERT_EQ(questions.size(), 4U) << "limits.hook_client_calls";
    for (std::size_t i = 0; i < 4; ++i) questions.answer(i);
    EXPECT_TRUE(comes(reader, PacketType::suback, 4));
    EXPECT_EQ(verdict(reader, PacketType::suback),
              "0 0 0 0 0 135 0 0 135 too many filters at once: limits.hook_client_calls");
    EXPECT_EQ(questions.size(), 4U);
}

TEST_F(HooksTest, AllHooksThatAFilterTouchesMustAllow) {
    reader.subscribe("$share/group/+/a", 1);
    turn();
    ASSERT_EQ(questions.size(), 2U);
    EXPECT_EQ(questions.at(0).url, "http://h/join");
    EXPECT_EQ(questions.at(1).url, "http://h/other");
    questions.answer(0);
    questions.deny(1, "the other says no");
    EXPECT_TRUE(comes(reader, PacketType::suback, 4));
    EXPECT_EQ(verdict(reader, PacketType::suback), "135 the other says no");
}

TEST_F(HooksTest, AFilterWithHistoryIsAskedAboutAsWithout) {
    reader.subscribe("$replay/5/closed/a", 1);
    turn();
    ASSERT_EQ(questions.size(), 1U);
    EXPECT_THAT(questions.at(0).body, HasSubstr(R"("channel":"closed/a")"));
    questions.deny(0, "no history either");
    EXPECT_TRUE(comes(reader, PacketType::suback, 4));
    EXPECT_EQ(verdict(reader, PacketType::suback), "135 no history either");
}

TEST_F(HooksTest, WhoLeavesWhileItsSubscriptionIsAskedAboutIsForgotten) {
    reader.subscribe("closed/a", 1);
    turn();
    reader.drop();
    turn();
    questions.answer(0);
    turn();
    EXPECT_EQ(server.sum(&Counters::hook_allowed), 1U);
}

}  // namespace
}  // namespace millrace::mqtt
