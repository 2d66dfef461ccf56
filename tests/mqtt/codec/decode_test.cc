#include "mqtt/codec/decode.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/mqtt/codec/support.h"

namespace millrace::mqtt::test {
namespace {

TEST(DecodeConnect, ReadsEveryFieldOf5) {
    const std::string bytes = packet(0x10,
                                     "[MQTT] 05 f6 00 1e 08 11 00 00 0e 10 21 00 14 [dev] 07 02 00 00 00 3c "
                                     "01 01 [w/t] [gone] [ann] [pw]");
    const auto connect = decode_connect(raw_frame(bytes));
    ASSERT_TRUE(connect) << connect.error().why;
    EXPECT_EQ(connect->version, Version::v5);
    EXPECT_TRUE(connect->clean_start);
    EXPECT_EQ(connect->keep_alive_s, 30);
    EXPECT_EQ(connect->client_id, "dev");
    EXPECT_EQ(connect->properties.integer(PropertyId::session_expiry_interval), 3600U);
    EXPECT_EQ(connect->properties.integer(PropertyId::receive_maximum), 20U);
    ASSERT_TRUE(connect->will);
    EXPECT_EQ(connect->will->topic, "w/t");
    EXPECT_EQ(as_text(connect->will->payload), "gone");
    EXPECT_EQ(connect->will->qos, Qos::exactly_once);
    EXPECT_TRUE(connect->will->retain);
    EXPECT_EQ(connect->will->properties.integer(PropertyId::message_expiry_interval), 60U);
    EXPECT_EQ(connect->user_name, "ann");
    ASSERT_TRUE(connect->password);
    EXPECT_EQ(as_text(*connect->password), "pw");
}

TEST(DecodeConnect, LeavesOutWhatTheFlagsLeaveOut) {
    const std::string bytes = packet(0x10, "[MQTT] 04 00 00 00 [dev]");
    const auto connect = decode_connect(raw_frame(bytes));
    ASSERT_TRUE(connect);
    EXPECT_EQ(connect->version, Version::v311);
    EXPECT_FALSE(connect->clean_start);
    EXPECT_FALSE(connect->will);
    EXPECT_FALSE(connect->user_name);
    EXPECT_FALSE(connect->password);
    EXPECT_TRUE(connect->properties.empty());
}

TEST(DecodeConnect, In31TheLengthHasPrecedenceOverTheFlags) {
    const std::string none = packet(0x10, "[MQIsdp] 03 c2 00 00 [dev]");
    const auto without = decode_connect(raw_frame(none));
    ASSERT_TRUE(without);
    EXPECT_FALSE(without->user_name);
    const std::string user = packet(0x10, "[MQIsdp] 03 c2 00 00 [dev] [ann]");
    const auto with_user = decode_connect(raw_frame(user));
    ASSERT_TRUE(with_user);
    EXPECT_EQ(with_user->user_name, "ann");
    EXPECT_FALSE(with_user->password);
}

TEST(DecodeConnect, Mqtt_1_5_5_1_PaddedLengthIsMalformedIn5Only) {
    const std::string v5 = packet(0x10, "[MQTT] 05 02 00 0a 00 []");
    Frame frame = raw_frame(v5);
    frame.minimal_length = false;
    EXPECT_FALSE(decode_connect(frame));
    const std::string v311 = packet(0x10, "[MQTT] 04 02 00 0a []");
    frame = raw_frame(v311);
    frame.minimal_length = false;
    EXPECT_TRUE(decode_connect(frame));
}

TEST(DecodeConnect, AnswerVersionFollowsNameAndLevel) {
    const auto version = [](std::string_view body) { return answer_version(as_bytes(wire(body))); };
    EXPECT_EQ(version("[MQTT] 05"), Version::v5);
    EXPECT_EQ(version("[MQTT] 06 00"), Version::v5);
    EXPECT_EQ(version("[MQTT] 04"), Version::v311);
    EXPECT_EQ(version("[MQTT] 03"), Version::v311);
    EXPECT_EQ(version("[MQIsdp] 03"), Version::v31);
    EXPECT_EQ(version("[http] 05"), Version::v311);
    EXPECT_EQ(version("00"), Version::v311);
}

TEST(DecodeConnack, ConvertsReturnCodesOf311) {
    const std::vector<ReasonCode> expected{ReasonCode::success,
                                           ReasonCode::unsupported_protocol_version,
                                           ReasonCode::client_identifier_not_valid,
                                           ReasonCode::server_unavailable,
                                           ReasonCode::bad_user_name_or_password,
                                           ReasonCode::not_authorized};
    for (std::size_t code = 0; code < expected.size(); ++code) {
        const std::string bytes{'\x20', '\x02', '\x00', static_cast<char>(code)};
        const auto connack = decode_connack(raw_frame(bytes), Version::v311);
        ASSERT_TRUE(connack);
        EXPECT_EQ(connack->code, expected[code]);
        EXPECT_EQ(to_return_code(connack->code), code);
    }
}

TEST(DecodeConnack, SessionPresentIsNotIn31) {
    const std::string bytes = packet(0x20, "01 00");
    EXPECT_TRUE(decode_connack(raw_frame(bytes), Version::v311)->session_present);
    EXPECT_FALSE(decode_connack(raw_frame(bytes), Version::v31)->session_present);
}

TEST(DecodePublish, ReadsEveryField) {
    const std::string bytes = packet(0x3d, "[a/b] 12 34 05 02 00 00 00 3c 'hello'");
    const auto publish = decode_publish(raw_frame(bytes), Version::v5, Sender::client);
    ASSERT_TRUE(publish) << publish.error().why;
    EXPECT_EQ(publish->topic, "a/b");
    EXPECT_EQ(as_text(publish->payload), "hello");
    EXPECT_EQ(publish->packet_id, 0x1234);
    EXPECT_EQ(publish->qos, Qos::exactly_once);
    EXPECT_TRUE(publish->retain);
    EXPECT_TRUE(publish->dup);
    EXPECT_EQ(publish->properties.integer(PropertyId::message_expiry_interval), 60U);
}

TEST(DecodePublish, MayHaveAnEmptyPayload) {
    const std::string bytes = packet(0x31, "[a]");
    const auto publish = decode_publish(raw_frame(bytes), Version::v311, Sender::client);
    ASSERT_TRUE(publish);
    EXPECT_TRUE(publish->payload.empty());
    EXPECT_TRUE(publish->retain);
    EXPECT_FALSE(publish->dup);
}

TEST(DecodePublish, TopicAliasMayStandForTheTopic) {
    const std::string bytes = packet(0x30, "[] 03 23 00 09 'x'");
    const auto publish = decode_publish(raw_frame(bytes), Version::v5, Sender::client);
    ASSERT_TRUE(publish);
    EXPECT_TRUE(publish->topic.empty());
    EXPECT_EQ(publish->properties.integer(PropertyId::topic_alias), 9U);
    EXPECT_EQ(as_text(publish->payload), "x");
}

TEST(DecodePublishAck, CodeAndPropertiesMayBeLeftOut) {
    const std::string bare = packet(0x40, "00 05");
    EXPECT_EQ(decode_publish_ack(raw_frame(bare), Version::v5, Sender::client)->code, ReasonCode::success);
    const std::string code = packet(0x40, "00 05 87");
    EXPECT_EQ(decode_publish_ack(raw_frame(code), Version::v5, Sender::client)->code,
              ReasonCode::not_authorized);
    const std::string full = packet(0x50, "00 05 97 06 1f [why]");
    const auto pubrec = decode_publish_ack(raw_frame(full), Version::v5, Sender::client);
    ASSERT_TRUE(pubrec);
    EXPECT_EQ(pubrec->packet_id, 5);
    EXPECT_EQ(pubrec->code, ReasonCode::quota_exceeded);
    EXPECT_EQ(pubrec->properties.text(PropertyId::reason_string), "why");
}

TEST(DecodeSubscribe, IteratesFiltersWithTheirOptions) {
    const std::string bytes = packet(0x82, "00 0a 02 0b 07 [a/+] 01 [$share/g/b] 2a [c] 14");
    const auto subscribe = decode_subscribe(raw_frame(bytes), Version::v5);
    ASSERT_TRUE(subscribe) << subscribe.error().why;
    EXPECT_EQ(subscribe->packet_id, 10);
    EXPECT_EQ(subscribe->properties.integer(PropertyId::subscription_identifier), 7U);
    ASSERT_EQ(subscribe->subscriptions.size(), 3U);
    std::vector<SubscriptionRequest> all;
    for (const auto& request : subscribe->subscriptions) all.push_back(request);
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0].filter, "a/+");
    EXPECT_EQ(all[0].qos, Qos::at_least_once);
    EXPECT_FALSE(all[0].no_local);
    EXPECT_EQ(all[0].retain_handling, RetainHandling::send);
    EXPECT_EQ(all[1].filter, "$share/g/b");
    EXPECT_EQ(all[1].qos, Qos::exactly_once);
    EXPECT_TRUE(all[1].retain_as_published);
    EXPECT_EQ(all[1].retain_handling, RetainHandling::do_not_send);
    EXPECT_EQ(all[2].qos, Qos::at_most_once);
    EXPECT_TRUE(all[2].no_local);
    EXPECT_EQ(all[2].retain_handling, RetainHandling::send_if_new);
}

TEST(DecodeUnsubscribe, IteratesFilters) {
    const std::string bytes = packet(0xa2, "00 0a [a/+] [#]");
    const auto unsubscribe = decode_unsubscribe(raw_frame(bytes), Version::v311);
    ASSERT_TRUE(unsubscribe);
    std::vector<std::string_view> filters;
    for (const std::string_view filter : unsubscribe->filters) filters.push_back(filter);
    EXPECT_EQ(filters, (std::vector<std::string_view>{"a/+", "#"}));
    EXPECT_EQ(unsubscribe->filters.size(), 2U);
}

TEST(DecodeSuback, ReadsCodesInOrder) {
    const std::string bytes = packet(0x90, "00 0a 00 02 8f 01");
    const auto suback = decode_suback(raw_frame(bytes), Version::v5);
    ASSERT_TRUE(suback);
    ASSERT_EQ(suback->codes.size(), 3U);
    EXPECT_EQ(suback->code(0), ReasonCode::granted_qos2);
    EXPECT_EQ(suback->code(1), ReasonCode::topic_filter_invalid);
    EXPECT_EQ(suback->code(2), ReasonCode::granted_qos1);
}

TEST(DecodeDisconnect, EmptyIsNormal) {
    const std::string bytes = packet(0xe0, "");
    EXPECT_EQ(decode_disconnect(raw_frame(bytes), Version::v5, Sender::client)->code,
              ReasonCode::normal_disconnection);
    const std::string will = packet(0xe0, "04");
    EXPECT_EQ(decode_disconnect(raw_frame(will), Version::v5, Sender::client)->code,
              ReasonCode::disconnect_with_will);
}

TEST(DecodeAuth, EmptyIsSuccessFromTheServerOnly) {
    const std::string bytes = packet(0xf0, "");
    EXPECT_TRUE(decode_auth(raw_frame(bytes), Version::v5, Sender::server));
    EXPECT_FALSE(decode_auth(raw_frame(bytes), Version::v5, Sender::client));
    EXPECT_FALSE(decode_auth(raw_frame(bytes), Version::v311, Sender::server));
}

}  // namespace
}  // namespace millrace::mqtt::test
