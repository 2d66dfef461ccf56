// SUBSCRIBE, UNSUBSCRIBE and what is answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;

class SubscribeTest : public testing::TestWithParam<Version> {
  protected:
    SubscribeTest() {
        exchange.connect();
        exchange.sent();
    }
    ReasonCode code_for(std::string_view filter, int qos = 1) {
        exchange.subscribe(filter, qos);
        const SentPacket packet = exchange.only();
        EXPECT_EQ(packet.type(), PacketType::suback);
        EXPECT_EQ(packet.suback().packet_id, 7U);
        return packet.suback().code(0);
    }
    ReasonCode failure(ReasonCode code) { return exchange.v5() ? code : ReasonCode::unspecified_error; }
    Exchange exchange{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Versions, SubscribeTest, testing::Values(Version::v311, Version::v5),
                         name_of_version);

TEST_P(SubscribeTest, Mqtt_3_8_4_1_GrantsWhatIsAsked) {
    EXPECT_EQ(code_for("a/+", 2), ReasonCode::granted_qos2);
    EXPECT_EQ(code_for("b", 0), ReasonCode::granted_qos0);
    EXPECT_THAT(exchange.host.subscribed, ElementsAre("a/+", "b"));
    EXPECT_EQ(exchange.host.session->find_subscription("a/+")->qos, 2U);
}

TEST_P(SubscribeTest, Mqtt_3_8_4_6_OneCodeForEachFilterInOrder) {
    std::vector<SubscriptionRequest> requests(3);
    requests[0].filter = "a";
    requests[0].qos = Qos::exactly_once;
    requests[1].filter = "secret/x";
    requests[2].filter = "b";
    ByteBuffer bytes;
    encode_subscribe(bytes, 9, requests, GetParam());
    exchange.give(bytes.text());
    const SentPacket packet = exchange.only();
    ASSERT_EQ(packet.suback().codes.size(), 3U);
    EXPECT_EQ(packet.suback().code(0), ReasonCode::granted_qos2);
    EXPECT_EQ(packet.suback().code(1), failure(ReasonCode::not_authorized));
    EXPECT_EQ(packet.suback().code(2), ReasonCode::granted_qos0);
}

TEST_P(SubscribeTest, SharedSubscriptionIsGrantedAndGetsNothingRetained) {
    EXPECT_EQ(code_for("$share/g/a", 2), ReasonCode::granted_qos2);
    EXPECT_EQ(code_for("$share/h/a", 0), ReasonCode::granted_qos0);
    EXPECT_EQ(code_for("$shark"), ReasonCode::granted_qos1);
    EXPECT_EQ(code_for("a"), ReasonCode::granted_qos1);
    EXPECT_THAT(exchange.host.subscribed, ElementsAre("$share/g/a", "$share/h/a", "$shark", "a"));
    EXPECT_THAT(exchange.host.retained_wanted, ElementsAre("$shark", "a"));
    const auto shared = exchange.host.session->shared_subscriptions();
    ASSERT_EQ(shared.size(), 2U);
    EXPECT_EQ(shared[0]->filter, "$share/g/a");
    EXPECT_EQ(shared[1]->filter, "$share/h/a");
}

// Bug class 13.
TEST_P(SubscribeTest, Mqtt_4_8_2_1_And_4_8_2_2_IllFormedShareEndsTheConnection) {
    for (const std::string_view filter :
         {"$share/", "$share/g", "$share/g/", "$share//a", "$share/g+/a", "$share/#/a", "$share/g/a#"}) {
        Exchange other(GetParam());
        other.connect();
        other.subscribe(filter);
        EXPECT_TRUE(other.host.ended) << filter;
        EXPECT_THAT(other.host.subscribed, testing::IsEmpty());
    }
}

TEST(SubscribeTest5, Mqtt_3_8_3_4_NoLocalOnASharedSubscriptionIsAProtocolError) {
    Exchange exchange(Version::v5);
    exchange.connect();
    exchange.sent();
    SubscriptionRequest request;
    request.filter = "$share/g/a";
    request.no_local = true;
    ByteBuffer bytes;
    encode_subscribe(bytes, 1, {&request, 1}, Version::v5);
    exchange.give(bytes.text());
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::protocol_error);
    EXPECT_TRUE(exchange.host.ended);
}

// Bug class 25.
TEST_P(SubscribeTest, SubscriptionsAreLimited) {
    exchange.context.limits.subscriptions = 2;
    EXPECT_EQ(code_for("a"), ReasonCode::granted_qos1);
    EXPECT_EQ(code_for("b"), ReasonCode::granted_qos1);
    EXPECT_EQ(code_for("c"), failure(ReasonCode::quota_exceeded));
    EXPECT_EQ(code_for("a", 2), ReasonCode::granted_qos2);
}

TEST_P(SubscribeTest, AFilterThatOnePacketRepeatsBringsRetainedMessagesOnce) {
    std::vector<SubscriptionRequest> requests(1000);
    for (SubscriptionRequest& request : requests) request.filter = "#";
    requests.back().qos = Qos::exactly_once;
    ByteBuffer bytes;
    encode_subscribe(bytes, 9, requests, GetParam());
    exchange.give(bytes.text());
    const SentPacket packet = exchange.only();
    ASSERT_EQ(packet.suback().codes.size(), 1000U);
    EXPECT_EQ(packet.suback().code(0), ReasonCode::granted_qos0);
    EXPECT_EQ(packet.suback().code(999), ReasonCode::granted_qos2);
    EXPECT_EQ(exchange.host.session->find_subscription("#")->qos, 2U);
    EXPECT_THAT(exchange.host.retained_wanted, ElementsAre("#"));
}

TEST_P(SubscribeTest, FiltersOfOnePacketAreLimited) {
    exchange.context.limits.subscriptions = 3;
    std::vector<SubscriptionRequest> requests(5);
    for (SubscriptionRequest& request : requests) request.filter = "a";
    ByteBuffer bytes;
    encode_subscribe(bytes, 9, requests, GetParam());
    exchange.give(bytes.text());
    const SentPacket packet = exchange.only();
    ASSERT_EQ(packet.suback().codes.size(), 5U);
    EXPECT_EQ(packet.suback().code(2), ReasonCode::granted_qos0);
    EXPECT_EQ(packet.suback().code(3), failure(ReasonCode::quota_exceeded));
    EXPECT_EQ(packet.suback().code(4), failure(ReasonCode::quota_exceeded));
    EXPECT_EQ(exchange.host.subscribed.size(), 3U);
}

// Bug class 10.
TEST_P(SubscribeTest, FilterWithTooManyLevelsIsRefused) {
    exchange.context.limits.topic_levels = 3;
    EXPECT_EQ(code_for("a/b/c/d"), failure(ReasonCode::topic_filter_invalid));
}

TEST_P(SubscribeTest, Mqtt_3_8_4_3_RepeatedSubscriptionReplacesAndSendsRetainedAgain) {
    code_for("a", 0);
    code_for("a", 2);
    EXPECT_EQ(exchange.host.session->subscriptions().size(), 1U);
    EXPECT_EQ(exchange.host.session->find_subscription("a")->qos, 2U);
    EXPECT_THAT(exchange.host.retained_wanted, ElementsAre("a", "a"));
}

TEST_P(SubscribeTest, Mqtt_3_10_4_4_UnsubscribeIsAnsweredAlways) {
    code_for("a");
    const std::vector<std::string_view> filters{"a", "never"};
    ByteBuffer bytes;
    encode_unsubscribe(bytes, 21, filters, GetParam());
    exchange.give(bytes.text());
    const SentPacket packet = exchange.only();
    EXPECT_EQ(packet.type(), PacketType::unsuback);
    EXPECT_THAT(exchange.host.unsubscribed, ElementsAre("a"));
    EXPECT_TRUE(exchange.host.session->subscriptions().empty());
    if (!exchange.v5()) return;
    const Unsuback unsuback = valid(decode_unsuback(packet.frame(), Version::v5));
    EXPECT_EQ(unsuback.code(0), ReasonCode::success);
    EXPECT_EQ(unsuback.code(1), ReasonCode::no_subscription_existed);
}

TEST(SubscribeTest5, RetainHandlingDecidesAboutRetained) {
    Exchange exchange(Version::v5);
    exchange.connect();
    const auto subscribe = [&](RetainHandling handling) {
        SubscriptionRequest request;
        request.filter = "a";
        request.retain_handling = handling;
        ByteBuffer bytes;
        encode_subscribe(bytes, 1, {&request, 1}, Version::v5);
        exchange.give(bytes.text());
        return exchange.host.retained_wanted.size();
    };
    EXPECT_EQ(subscribe(RetainHandling::do_not_send), 0U);  // [MQTT-3.3.1-11]
    EXPECT_EQ(subscribe(RetainHandling::send_if_new), 0U);  // [MQTT-3.3.1-10]
    EXPECT_EQ(subscribe(RetainHandling::send), 1U);         // [MQTT-3.3.1-9]
    exchange.host.session->unsubscribe("a");
    EXPECT_EQ(subscribe(RetainHandling::send_if_new), 2U);
}

TEST(SubscribeTest5, OptionsAndIdentifierAreKept) {
    Exchange exchange(Version::v5);
    exchange.connect();
    SubscriptionRequest request;
    request.filter = "a";
    request.no_local = true;
    request.retain_as_published = true;
    ByteBuffer raw;
    PropertyWriter writer(raw);
    writer.integer(PropertyId::subscription_identifier, 268'435'455);
    ByteBuffer bytes;
    encode_subscribe(bytes, 1, {&request, 1}, Version::v5, writer.properties());
    exchange.give(bytes.text());
    const Subscription* subscription = exchange.host.session->find_subscription("a");
    ASSERT_NE(subscription, nullptr);
    EXPECT_TRUE(subscription->no_local);
    EXPECT_TRUE(subscription->retain_as_published);
    EXPECT_EQ(subscription->identifier, 268'435'455U);
}

std::string unsubscribe(Version version, std::string_view filter, std::uint16_t packet_id) {
    ByteBuffer bytes;
    encode_unsubscribe(bytes, packet_id, {&filter, 1}, version);
    return std::string(bytes.text());
}

TEST_P(SubscribeTest, WhatIsKeptIsAnsweredWhenItIsStored) {
    exchange.host.keeps = true;
    exchange.subscribe("a", 1, 7);
    exchange.give(unsubscribe(GetParam(), "a", 8));
    exchange.deliver("a", "meanwhile", 1);
    EXPECT_THAT(exchange.host.subscribed, ElementsAre("a"));
    EXPECT_THAT(exchange.host.retained_wanted, ElementsAre("a"));
    EXPECT_THAT(types_of(exchange.sent()), ElementsAre(PacketType::publish));
    exchange.machine().kept({});
    EXPECT_EQ(exchange.only().suback().packet_id, 7U);
    exchange.machine().kept({});
    EXPECT_THAT(types_of(exchange.sent()), ElementsAre(PacketType::unsuback));
    exchange.machine().kept({});
    EXPECT_THAT(exchange.sent(), testing::IsEmpty());
}

TEST_P(SubscribeTest, WhatCannotBeStoredEndsTheConnection) {
    exchange.host.keeps = true;
    exchange.subscribe("a");
    exchange.machine().kept(Errc::store_unavailable);
    EXPECT_TRUE(exchange.host.ended);
    if (!exchange.v5()) return;
    EXPECT_EQ(exchange.only().disconnect().code, ReasonCode::server_busy);
}

TEST_P(SubscribeTest, WhoAsksFasterThanTheStoreIsNotReadFurther) {
    exchange.host.keeps = true;
    exchange.context.limits.receive_maximum = 2;
    for (std::uint16_t id = 1; id <= 3; ++id) exchange.subscribe("a", 1, id);
    EXPECT_TRUE(exchange.machine().waiting());
    EXPECT_THAT(exchange.host.subscribed, testing::SizeIs(2));
    exchange.machine().kept({});
    exchange.give("");
    EXPECT_THAT(exchange.host.subscribed, testing::SizeIs(3));
}

}  // namespace
}  // namespace millrace::mqtt
