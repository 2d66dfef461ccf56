// SUBSCRIBE with history: user properties and `$replay/<n>/<filter>`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using UserProperties = std::vector<std::pair<std::string, std::string>>;

class HistoryTest : public testing::TestWithParam<Version> {
  protected:
    HistoryTest() {
        exchange.connect();
        exchange.sent();
    }
    ReasonCode code_for(std::string_view filter) {
        exchange.subscribe(filter, 1);
        return exchange.only().suback().code(0);
    }
    Exchange exchange{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Versions, HistoryTest, testing::Values(Version::v311, Version::v5), name_of_version);

TEST_P(HistoryTest, AFilterWithHistoryIsASubscriptionToTheFilter) {
    EXPECT_EQ(code_for("$replay/5/a/+"), ReasonCode::granted_qos1);
    ASSERT_EQ(exchange.host.replays.size(), 1U);
    EXPECT_EQ(exchange.host.replays[0].filter, "a/+");
    EXPECT_EQ(exchange.host.replays[0].newest, 5U);
    EXPECT_FALSE(exchange.host.replays[0].after);
    EXPECT_THAT(exchange.host.subscribed, ElementsAre("a/+"));
    EXPECT_THAT(exchange.host.retained_wanted, ElementsAre("a/+"));
    const std::string_view filter = "$replay/5/a/+";
    ByteBuffer bytes;
    encode_unsubscribe(bytes, 9, {&filter, 1}, GetParam());
    exchange.give(bytes.text());
    EXPECT_THAT(exchange.host.unsubscribed, ElementsAre("a/+"));
    EXPECT_TRUE(exchange.host.session->subscriptions().empty());
}

TEST_P(HistoryTest, NothingIsAllowedThatIsNotAllowedWithout) {
    EXPECT_TRUE(is_error(code_for("$replay/5/secret/x")));
    EXPECT_THAT(exchange.host.replays, IsEmpty());
    exchange.host.replay_answer = ReplayAnswer::not_authorised;
    EXPECT_TRUE(is_error(code_for("$replay/5/a")));
    exchange.host.replay_answer = ReplayAnswer::too_many;
    EXPECT_TRUE(is_error(code_for("$replay/5/a")));
    EXPECT_THAT(exchange.host.subscribed, IsEmpty());
}

TEST_P(HistoryTest, AFaultyOneIsRefused) {
    for (const char* filter : {"$replay/0/a", "$replay/-1/a", "$replay/x/a", "$replay/5", "$replay/5/",
                               "$replay//a", "$replay/99999999999/a", "$replay/1001/a",
                               "$replay/5/$replay/5/a", "$replay/5/$share/g/a", "$share/g/$replay/5/a"}) {
        EXPECT_TRUE(is_error(code_for(filter))) << filter;
    }
    EXPECT_THAT(exchange.host.subscribed, IsEmpty());
    EXPECT_THAT(exchange.host.replays, IsEmpty());
    EXPECT_EQ(code_for("$replays/5/a"), ReasonCode::granted_qos1);
    EXPECT_THAT(exchange.host.subscribed, ElementsAre("$replays/5/a"));
}

class HistoryTest5 : public testing::Test {
  protected:
    HistoryTest5() {
        exchange.connect();
        exchange.sent();
    }
    /// The reason string is in `reason`.
    ReasonCode subscribe(std::string_view filter, const UserProperties& user) {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        for (const auto& [name, value] : user) writer.user_property(name, value);
        SubscriptionRequest request;
        request.filter = filter;
        request.qos = Qos::at_least_once;
        ByteBuffer bytes;
        encode_subscribe(bytes, 7, {&request, 1}, Version::v5, writer.properties());
        exchange.give(bytes.text());
        const SentPacket packet = exchange.only();
        reason = packet.suback().properties.text(PropertyId::reason_string).value_or("");
        return packet.suback().code(0);
    }
    Exchange exchange{Version::v5};
    std::string reason;
};

TEST_F(HistoryTest5, PropertiesAreUnderstood) {
    EXPECT_EQ(subscribe("a", {{"after", "42"}, {"epoch", "e1"}}), ReasonCode::granted_qos1);
    EXPECT_EQ(subscribe("b/#", {{"last", "1000"}, {"colour", "blue"}}), ReasonCode::granted_qos1);
    EXPECT_EQ(subscribe("c", {{"colour", "blue"}}), ReasonCode::granted_qos1);
    EXPECT_EQ(reason, "");
    ASSERT_EQ(exchange.host.replays.size(), 2U);
    EXPECT_EQ(exchange.host.replays[0].after, 42U);
    EXPECT_EQ(exchange.host.replays[0].epoch, "e1");
    EXPECT_EQ(exchange.host.replays[1].newest, 1000U);
}

TEST_F(HistoryTest5, AFaultNamesItsProperty) {
    const std::vector<std::tuple<std::string, UserProperties, std::string>> faults = {
        {"a", {{"after", "x"}}, "`after`"},
        {"a", {{"after", ""}}, "`after`"},
        {"a", {{"after", "-1"}}, "`after`"},
        {"a", {{"last", "0"}}, "`last`"},
        {"a", {{"last", "1001"}}, "`last`"},
        {"a", {{"last", "ten"}}, "`last`"},
        {"a", {{"after", "1"}, {"last", "1"}}, "`last`"},
        {"a", {{"epoch", "e1"}}, "`epoch`"},
        {"a/+", {{"after", "1"}}, "`after`"},
        {"$share/g/a", {{"after", "1"}}, "shared"},
        {"$share/g/a", {{"last", "1"}}, "shared"},
    };
    for (const auto& [filter, user, word] : faults) {
        EXPECT_EQ(subscribe(filter, user), ReasonCode::implementation_specific_error) << filter << word;
        EXPECT_THAT(reason, HasSubstr(word));
    }
    EXPECT_THAT(exchange.host.subscribed, IsEmpty());
}

TEST_F(HistoryTest5, WhatIsDifferentIsSaid) {
    exchange.host.replay_answer = ReplayAnswer::live_channel;
    EXPECT_EQ(subscribe("a", {{"after", "1"}}), ReasonCode::granted_qos1);
    EXPECT_THAT(reason, HasSubstr("live"));
    exchange.host.replay_answer = ReplayAnswer::has_position;
    EXPECT_EQ(subscribe("a", {{"after", "1"}}), ReasonCode::granted_qos1);
    EXPECT_THAT(reason, HasSubstr("subscribed already"));
    exchange.host.replay_answer = ReplayAnswer::too_many;
    EXPECT_EQ(subscribe("b", {{"after", "1"}}), ReasonCode::quota_exceeded);
    EXPECT_THAT(reason, HasSubstr("limits.session_positions"));
}

TEST_F(HistoryTest5, Mqtt_3_9_2_1_TheReasonIsLeftOutWhereItDoesNotFitOrIsNotWanted) {
    const std::pair<PropertyId, std::uint32_t> wishes[] = {{PropertyId::maximum_packet_size, 50},
                                                           {PropertyId::request_problem_information, 0}};
    for (const auto& [id, value] : wishes) {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.integer(id, value);
        Connect connect;
        connect.client_id = "client";
        connect.properties = writer.properties();
        exchange.reconnect();
        exchange.connect_with(connect);
        exchange.sent();
        EXPECT_EQ(subscribe("a", {{"after", "x"}}), ReasonCode::implementation_specific_error);
        EXPECT_EQ(reason, "");
    }
}

}  // namespace
}  // namespace millrace::mqtt
