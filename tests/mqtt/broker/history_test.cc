// Subscriptions that ask for history first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "tests/mqtt/broker/replay_support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using UserProperties = std::map<std::string, std::string>;

class HistoryTest : public ReplayFixture {
  protected:
    explicit HistoryTest(const std::function<void(config::Config&)>& adjust = {}) : ReplayFixture(adjust) {
        reader.connect("reader", true);
        server.turn();
    }
    std::vector<std::string> payloads_of(const std::string& topic) {
        std::vector<std::string> found;
        for (const TestClient::Message& message : reader.messages) {
            if (message.topic == topic) found.push_back(message.payload);
        }
        return found;
    }
    TestClient reader{server, 1, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Versions, HistoryTest, testing::Values(Version::v311, Version::v5));

TEST_P(HistoryTest, TheNewestComeFirstAndThenWhatIsLive) {
    pour(20);
    subscribe(server, reader, "$replay/5/stored/a");
    ASSERT_TRUE(receives(reader, 5));
    pour(50);
    ASSERT_TRUE(receives(reader, 55));
    expect_silence(reader);
    EXPECT_EQ(reader.payloads(), numbers(16, 70));
    EXPECT_EQ(reader.messages[0].topic, "stored/a");
    EXPECT_FALSE(reader.messages[0].retain);
}

/// What is the newest is found out after the subscription: some of it may be what has come since.
TEST_P(HistoryTest, NothingIsLeftOutBetweenHistoryAndWhatIsLive) {
    pour(20);
    subscribe(server, reader, "$replay/1/stored/a");
    pour(50);
    ASSERT_TRUE(server.turn_until([&] {
        reader.read();
        return !reader.messages.empty() && reader.messages.back().payload == "70";
    }));
    const int first = std::stoi(reader.messages[0].payload);
    EXPECT_GE(first, 20);
    EXPECT_LE(first, 21);
    EXPECT_EQ(reader.payloads(), numbers(first, 70));
}

TEST_P(HistoryTest, OfAChannelThatHasLessOrNothingEverythingComes) {
    subscribe(server, reader, "$replay/5/stored/empty", 0);
    pour(3);
    subscribe(server, reader, "$replay/5/stored/a", 0);
    ASSERT_TRUE(receives(reader, 3));
    pour(1);
    pour(1, "stored/empty");
    ASSERT_TRUE(receives(reader, 5));
    expect_silence(reader);
    EXPECT_THAT(payloads_of("stored/a"), ElementsAre("1", "2", "3", "4"));
    EXPECT_THAT(payloads_of("stored/empty"), ElementsAre("1"));
}

TEST_P(HistoryTest, AWildcardGetsTheNewestOfEveryStoredChannel) {
    for (const char* channel : {"stored/a", "stored/b/c", "stored", "stored-not", "live"}) pour(4, channel);
    subscribe(server, reader, "$replay/2/stored/#");
    ASSERT_TRUE(receives(reader, 6));
    pour(2, "stored/b/c");
    ASSERT_TRUE(receives(reader, 8));
    expect_silence(reader);
    EXPECT_EQ(payloads_of("stored"), numbers(3, 4));
    EXPECT_EQ(payloads_of("stored/a"), numbers(3, 4));
    EXPECT_EQ(payloads_of("stored/b/c"), numbers(3, 6));
    pour(1);
    ASSERT_TRUE(receives(reader, 9));
    EXPECT_EQ(payloads_of("stored/a"), numbers(3, 5));
}

TEST_P(HistoryTest, ASessionThatIsSubscribedAlreadyGoesOn) {
    pour(10);
    subscribe(server, reader, "stored/+");
    subscribe(server, reader, "$replay/5/stored/a");
    subscribe(server, reader, "$replay/5/stored/+");
    expect_silence(reader);
    EXPECT_THAT(reader.payloads(), IsEmpty());
    pour(1);
    ASSERT_TRUE(receives(reader, 1));
    EXPECT_THAT(reader.payloads(), ElementsAre("11"));
}

TEST_P(HistoryTest, TheRetainedMessageComesFirstUnlessItIsInTheHistory) {
    pour(3, "stored/a", true);
    pour(5, "stored/a");
    subscribe(server, reader, "$replay/2/stored/a");
    ASSERT_TRUE(receives(reader, 3));
    expect_silence(reader);
    EXPECT_THAT(reader.payloads(), ElementsAre("3", "7", "8"));
    EXPECT_TRUE(reader.messages[0].retain);
    TestClient other(server, 0, GetParam());
    other.connect("other", true);
    subscribe(server, other, "$replay/6/stored/#");
    ASSERT_TRUE(receives(other, 6));
    expect_silence(other);
    EXPECT_EQ(other.payloads(), numbers(3, 8));
}

TEST_P(HistoryTest, WhatIsMeantForOthersIsLeftOut) {
    pour(1);
    MessageFields fields;
    fields.channel = "stored/a";
    fields.payload = as_bytes("secret");
    fields.qos = 1;
    fields.audience.authenticated_only = true;
    access::Principal backend;
    backend.kind = access::Principal::Kind::backend;
    ASSERT_TRUE(server.sessions(0).broker().publish({&backend, Message::create(fields), {}, 0}));
    pour(1);
    subscribe(server, reader, "$replay/5/stored/a");
    ASSERT_TRUE(receives(reader, 2));
    expect_silence(reader);
    EXPECT_THAT(reader.payloads(), ElementsAre("1", "2"));
}

TEST_P(HistoryTest, UnsubscribingEndsIt) {
    pour(5);
    server.hold_store();
    subscribe(server, reader, "$replay/5/stored/a");
    subscribe(server, reader, "$replay/5/stored/#");
    unsubscribe(reader, "$replay/5/stored/a");
    unsubscribe(reader, "stored/#");
    server.release_store();
    expect_silence(reader);
    EXPECT_THAT(reader.payloads(), IsEmpty());
}

class HistoryTest5 : public HistoryTest {
  protected:
    explicit HistoryTest5(const std::function<void(config::Config&)>& adjust = {}) : HistoryTest(adjust) {}
    /// The reason string.
    std::string ask(std::string_view filter, const UserProperties& user, int qos = 1) {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        for (const auto& [name, value] : user) writer.user_property(name, value);
        SubscriptionRequest request;
        request.filter = filter;
        request.qos = static_cast<Qos>(qos);
        ByteBuffer bytes;
        encode_subscribe(bytes, 7, {&request, 1}, Version::v5, writer.properties());
        reader.write(bytes.text());
        server.turn();
        reader.read();
        const auto suback = decode_suback(reader.last(PacketType::suback)->frame(), Version::v5);
        return std::string(suback->properties.text(PropertyId::reason_string).value_or(""));
    }
    UserProperties properties_of(std::size_t index) {
        std::vector<UserProperties> all;
        for (const TestClient::Packet& packet : reader.packets) {
            if (packet.type() == PacketType::publish) all.push_back(user_properties(packet));
        }
        return all.at(index);
    }
};
INSTANTIATE_TEST_SUITE_P(Versions, HistoryTest5, testing::Values(Version::v5));

TEST_P(HistoryTest5, APositionIsWhereItGoesOn) {
    pour(10);
    EXPECT_EQ(ask("stored/a", {{"after", "7"}, {"epoch", "e1"}}), "");
    pour(5);
    ASSERT_TRUE(receives(reader, 8));
    expect_silence(reader);
    EXPECT_EQ(reader.payloads(), numbers(8, 15));
    EXPECT_FALSE(properties_of(0).contains("reset"));
}

TEST_P(HistoryTest5, APositionOfAnotherStoreIsSaid) {
    pour(3);
    EXPECT_EQ(ask("stored/a", {{"after", "2"}, {"epoch", "other"}}), "");
    ASSERT_TRUE(receives(reader, 3));
    EXPECT_EQ(reader.payloads(), numbers(1, 3));
    EXPECT_EQ(properties_of(0)["reset"], "true");
    EXPECT_EQ(properties_of(0)["first"], "1");
}

TEST_P(HistoryTest5, APositionThatIsGoneIsSaidWithTheNextMessageWheneverThatComes) {
    pour(5);
    server.trim("stored/a", 1);
    EXPECT_EQ(ask("stored/a", {{"after", "99"}}), "");
    ASSERT_TRUE(receives(reader, 1));
    EXPECT_EQ(properties_of(0)["first"], "5");
    EXPECT_EQ(ask("stored/b", {{"after", "99"}}), "");
    expect_silence(reader);
    pour(1, "stored/b");
    ASSERT_TRUE(receives(reader, 2));
    EXPECT_EQ(properties_of(1)["reset"], "true");
    EXPECT_EQ(properties_of(1)["first"], "1");
    pour(1, "stored/b");
    ASSERT_TRUE(receives(reader, 3));
    EXPECT_FALSE(properties_of(2).contains("reset"));
}

TEST_P(HistoryTest5, ALiveChannelHasNone) {
    EXPECT_THAT(ask("live", {{"last", "3"}}), HasSubstr("live"));
    publisher.publish("live", "x", 0);
    ASSERT_TRUE(receives(reader, 1));
}

TEST_P(HistoryTest5, WhoWasSubscribedWithQosZeroMayGoBack) {
    pour(5);
    EXPECT_EQ(ask("stored/a", {{"after", "5"}}, 0), "");
    pour(2);
    ASSERT_TRUE(receives(reader, 2));
    EXPECT_EQ(ask("stored/a", {{"after", "6"}}, 0), "");
    ASSERT_TRUE(receives(reader, 3));
    EXPECT_THAT(ask("stored/a", {{"after", "6"}}, 1), "");
    ASSERT_TRUE(receives(reader, 4));
    EXPECT_THAT(ask("stored/a", {{"after", "6"}}, 1), HasSubstr("subscribed already"));
    expect_silence(reader);
    EXPECT_THAT(reader.payloads(), ElementsAre("6", "7", "7", "7"));
}

TEST_P(HistoryTest5, NoLocalHoldsInHistory) {
    pour(1);
    reader.publish("stored/a", "mine", 1);
    ASSERT_TRUE(server.turn_until([&] {
        reader.read();
        return reader.count(PacketType::puback) == 1;
    }));
    pour(1);
    reader.subscribe("$replay/5/stored/a", 1, true);
    ASSERT_TRUE(receives(reader, 2));
    expect_silence(reader);
    EXPECT_THAT(reader.payloads(), ElementsAre("1", "2"));
}

class FewPositionsTest : public HistoryTest5 {
  protected:
    FewPositionsTest() : HistoryTest5([](config::Config& config) { config.limits.session_positions = 2; }) {}
};
INSTANTIATE_TEST_SUITE_P(Versions, FewPositionsTest, testing::Values(Version::v5));

TEST_P(FewPositionsTest, SoManyChannelsOfAWildcardHaveHistory) {
    for (const char* channel : {"stored/a", "stored/b", "stored/c"}) pour(2, channel);
    EXPECT_EQ(ask("stored/+", {{"last", "1"}}), "");
    ASSERT_TRUE(receives(reader, 2));
    pour(1, "stored/c");
    ASSERT_TRUE(receives(reader, 3));
    expect_silence(reader);
    EXPECT_THAT(payloads_of("stored/a"), ElementsAre("2"));
    EXPECT_THAT(payloads_of("stored/b"), ElementsAre("2"));
    EXPECT_THAT(payloads_of("stored/c"), ElementsAre("3"));
}

TEST_P(FewPositionsTest, OneMoreIsRefused) {
    for (const char* channel : {"stored/a", "stored/b", "stored/c"}) pour(1, channel);
    server.hold_store();
    EXPECT_EQ(ask("stored/a", {{"last", "1"}}), "");
    EXPECT_EQ(ask("stored/b", {{"last", "1"}}), "");
    EXPECT_THAT(ask("stored/c", {{"last", "1"}}), HasSubstr("limits.session_positions"));
    server.release_store();
    ASSERT_TRUE(receives(reader, 2));
    expect_silence(reader);
}

}  // namespace
}  // namespace millrace::mqtt
