// Packets that break a rule, and the reason code each is refused with.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/mqtt/codec/support.h"

namespace millrace::mqtt::test {
namespace {

using enum Version;
constexpr Sender kClient = Sender::client;
constexpr Sender kServer = Sender::server;
constexpr auto kMalformed = ReasonCode::malformed_packet;
constexpr auto kProtocol = ReasonCode::protocol_error;
constexpr auto kUnsupported = ReasonCode::unsupported_protocol_version;

struct Bad {
    const char* name;  ///< the rule of MQTT 5.0 where one applies
    Version version;
    Sender sender;
    unsigned first;
    const char* body;
    ReasonCode code;
};

std::vector<Bad> bad_connects() {
    constexpr unsigned kFirst = 0x10;
    return {
        {"Mqtt_3_1_2_1_protocol_name", v311, kClient, kFirst, "[MQTX] 04 02 00 00 [a]", kUnsupported},
        {"Mqtt_3_1_2_1_protocol_name_case", v5, kClient, kFirst, "[mqtt] 05 02 00 00 00 [a]", kUnsupported},
        {"Mqtt_3_1_2_2_level_6", v5, kClient, kFirst, "[MQTT] 06 02 00 00 00 [a]", kUnsupported},
        {"Mqtt_3_1_2_2_level_3_of_MQTT", v311, kClient, kFirst, "[MQTT] 03 02 00 00 [a]", kUnsupported},
        {"Mqtt_3_1_2_2_level_4_of_MQIsdp", v31, kClient, kFirst, "[MQIsdp] 04 02 00 00 [a]", kUnsupported},
        {"Mqtt_3_1_2_2_bridge_bit", v311, kClient, kFirst, "[MQTT] 84 02 00 00 [a]", kUnsupported},
        {"Mqtt_3_1_2_3_reserved_flag", v311, kClient, kFirst, "[MQTT] 04 03 00 00 [a]", kMalformed},
        {"Mqtt_3_1_2_3_reserved_flag_v5", v5, kClient, kFirst, "[MQTT] 05 03 00 00 00 [a]", kMalformed},
        {"Mqtt_3_1_2_11_will_qos_without_will", v5, kClient, kFirst, "[MQTT] 05 0a 00 00 00 [a]", kMalformed},
        {"Mqtt_3_1_2_12_will_qos_3", v5, kClient, kFirst, "[MQTT] 05 1e 00 00 00 [a] 00 [t] [p]", kMalformed},
        {"Mqtt_3_1_2_12_will_qos_3_v311", v311, kClient, kFirst, "[MQTT] 04 1e 00 00 [a] [t] [p]",
         kMalformed},
        {"Mqtt_3_1_2_13_will_retain_without_will", v311, kClient, kFirst, "[MQTT] 04 22 00 00 [a]",
         kMalformed},
        {"Mqtt311_3_1_2_22_password_alone", v311, kClient, kFirst, "[MQTT] 04 42 00 00 [a] [pw]", kMalformed},
        {"password_alone_v31", v31, kClient, kFirst, "[MQIsdp] 03 42 00 00 [a] [pw]", kMalformed},
        {"Mqtt311_3_1_3_8_empty_id_without_clean_session", v311, kClient, kFirst, "[MQTT] 04 00 00 00 []",
         ReasonCode::client_identifier_not_valid},
        {"empty_id_v31", v31, kClient, kFirst, "[MQIsdp] 03 02 00 00 []",
         ReasonCode::client_identifier_not_valid},
        {"Mqtt_3_1_3_4_id_is_utf8", v5, kClient, kFirst, "[MQTT] 05 02 00 00 00 00 01 ff", kMalformed},
        {"Mqtt_1_5_4_2_id_with_nul", v311, kClient, kFirst, "[MQTT] 04 02 00 00 00 02 61 00", kMalformed},
        {"Mqtt_3_1_3_11_will_topic_is_utf8", v5, kClient, kFirst, "[MQTT] 05 06 00 00 00 [a] 00 00 01 ff [p]",
         kMalformed},
        {"will_topic_with_wildcard", v5, kClient, kFirst, "[MQTT] 05 06 00 00 00 [a] 00 [a/#] [p]",
         ReasonCode::topic_name_invalid},
        {"will_topic_empty", v311, kClient, kFirst, "[MQTT] 04 06 00 00 [a] [] [p]",
         ReasonCode::topic_name_invalid},
        {"Mqtt_3_1_3_12_user_name_is_utf8", v5, kClient, kFirst, "[MQTT] 05 82 00 00 00 [a] 00 01 ff",
         kMalformed},
        {"user_name_missing_v311", v311, kClient, kFirst, "[MQTT] 04 82 00 00 [a]", kMalformed},
        {"trailing_bytes", v311, kClient, kFirst, "[MQTT] 04 02 00 00 [a] 00", kMalformed},
        {"trailing_bytes_v5", v5, kClient, kFirst, "[MQTT] 05 02 00 00 00 [a] [b]", kMalformed},
        {"trailing_bytes_v31", v31, kClient, kFirst, "[MQIsdp] 03 02 00 00 [a] [b]", kMalformed},
        {"property_length_past_the_end", v5, kClient, kFirst, "[MQTT] 05 02 00 00 7f [a]", kMalformed},
        {"property_length_padded", v5, kClient, kFirst, "[MQTT] 05 02 00 00 80 00 [a]", kMalformed},
        {"property_of_another_packet", v5, kClient, kFirst, "[MQTT] 05 02 00 00 03 23 00 01 [a]", kMalformed},
        {"authentication_data_without_method", v5, kClient, kFirst, "[MQTT] 05 02 00 00 04 16 [d] [a]",
         kProtocol},
        {"will_property_of_connect", v5, kClient, kFirst,
         "[MQTT] 05 06 00 00 00 [a] 05 11 00 00 00 01 [t] [p]", kMalformed},
    };
}

/// What a flag promises or denies.
std::vector<Bad> bad_connect_fields() {
    constexpr unsigned kFirst = 0x10;
    return {
        {"Mqtt_3_1_3_3_id_missing", v5, kClient, kFirst, "[MQTT] 05 02 00 00 00", kMalformed},
        {"Mqtt_3_1_2_9_will_missing", v5, kClient, kFirst, "[MQTT] 05 06 00 00 00 [a]", kMalformed},
        {"Mqtt_3_1_2_9_will_payload_missing", v5, kClient, kFirst, "[MQTT] 05 06 00 00 00 [a] 00 [t]",
         kMalformed},
        {"Mqtt311_3_1_2_11_will_without_flag", v311, kClient, kFirst, "[MQTT] 04 02 00 00 [a] [t] [p]",
         kMalformed},
        {"Mqtt_3_1_2_16_user_name_without_flag", v5, kClient, kFirst, "[MQTT] 05 02 00 00 00 [a] [u]",
         kMalformed},
        {"Mqtt_3_1_2_17_user_name_missing", v5, kClient, kFirst, "[MQTT] 05 82 00 00 00 [a]", kMalformed},
        {"Mqtt_3_1_2_18_password_without_flag", v5, kClient, kFirst, "[MQTT] 05 82 00 00 00 [a] [u] [p]",
         kMalformed},
        {"Mqtt_3_1_2_19_password_missing", v5, kClient, kFirst, "[MQTT] 05 c2 00 00 00 [a] [u]", kMalformed},
        {"Mqtt311_3_1_2_21_password_missing", v311, kClient, kFirst, "[MQTT] 04 c2 00 00 [a] [u]",
         kMalformed},
    };
}

/// Texts among the properties of a PUBLISH.
std::vector<Bad> bad_publish_texts() {
    return {
        {"Mqtt_3_3_2_13_response_topic_is_utf8", v5, kClient, 0x30, "[a] 04 08 00 01 ff", kMalformed},
        {"Mqtt_3_3_2_19_content_type_is_utf8", v5, kClient, 0x30, "[a] 04 03 00 01 ff", kMalformed},
        {"Mqtt_1_5_7_1_user_property_name_is_utf8", v5, kClient, 0x30, "[a] 07 26 00 01 ff [v]", kMalformed},
        {"Mqtt_1_5_7_1_user_property_value_is_utf8", v5, kClient, 0x30, "[a] 07 26 [k] 00 01 ff", kMalformed},
    };
}

std::vector<Bad> bad_publishes() {
    return {
        {"Mqtt_3_3_2_1_empty_topic", v311, kClient, 0x30, "[] 'x'", ReasonCode::topic_name_invalid},
        {"Mqtt_3_3_2_1_topic_is_utf8", v311, kClient, 0x30, "00 01 c0", kMalformed},
        {"Mqtt_3_3_2_2_plus_in_topic", v311, kClient, 0x30, "[a/+]", ReasonCode::topic_name_invalid},
        {"Mqtt_3_3_2_2_hash_in_topic", v5, kClient, 0x30, "[#] 00", ReasonCode::topic_name_invalid},
        {"topic_longer_than_packet", v311, kClient, 0x30, "00 09 'abc'", kMalformed},
        {"neither_topic_nor_alias", v5, kClient, 0x30, "[] 00 'x'", kProtocol},
        {"Mqtt_3_3_2_8_alias_0", v5, kClient, 0x30, "[a] 03 23 00 00", ReasonCode::topic_alias_invalid},
        {"Mqtt_2_2_1_3_packet_id_0", v311, kClient, 0x32, "[a] 00 00", kProtocol},
        {"Mqtt_2_2_1_4_packet_id_0_from_server", v5, kServer, 0x34, "[a] 00 00 00", kProtocol},
        {"packet_id_missing", v311, kClient, 0x32, "[a]", kMalformed},
        {"Mqtt_3_3_4_6_subscription_identifier_from_client", v5, kClient, 0x30, "[a] 02 0b 01", kProtocol},
        {"properties_missing", v5, kClient, 0x30, "[a]", kMalformed},
    };
}

std::vector<Bad> bad_acks() {
    return {
        {"puback_id_0", v311, kClient, 0x40, "00 00", kProtocol},
        {"puback_cut_short", v5, kClient, 0x40, "01", kMalformed},
        {"puback_trailing_v311", v311, kClient, 0x40, "00 01 00", kMalformed},
        {"Mqtt_3_4_2_1_puback_code", v5, kClient, 0x40, "00 01 92", kProtocol},
        {"Mqtt_3_5_2_1_pubrec_code", v5, kClient, 0x50, "00 01 01", kProtocol},
        {"Mqtt_3_6_2_1_pubrel_code", v5, kClient, 0x62, "00 01 87", kProtocol},
        {"Mqtt_3_7_2_1_pubcomp_code", v5, kClient, 0x70, "00 01 10", kProtocol},
        {"puback_trailing_v5", v5, kClient, 0x40, "00 01 00 00 00", kMalformed},
        {"puback_foreign_property", v5, kClient, 0x40, "00 01 00 03 23 00 01", kMalformed},
        {"Mqtt_3_2_2_1_connack_flags", v5, kServer, 0x20, "02 00 00", kMalformed},
        {"Mqtt_3_2_2_6_session_present_in_refusal", v5, kServer, 0x20, "01 87 00", kProtocol},
        {"Mqtt311_3_2_2_4_session_present_in_refusal", v311, kServer, 0x20, "01 05", kProtocol},
        {"Mqtt_3_2_2_8_connack_code", v5, kServer, 0x20, "00 01 00", kProtocol},
        {"connack_return_code_6", v311, kServer, 0x20, "00 06", kProtocol},
        {"connack_trailing", v311, kServer, 0x20, "00 00 00", kMalformed},
        {"suback_without_codes", v311, kServer, 0x90, "00 01", kMalformed},
        {"Mqtt311_3_9_3_2_suback_code", v311, kServer, 0x90, "00 01 03", kProtocol},
        {"Mqtt_3_9_3_2_suback_code", v5, kServer, 0x90, "00 01 00 11", kProtocol},
        {"Mqtt_3_11_3_2_unsuback_code", v5, kServer, 0xb0, "00 01 00 01", kProtocol},
        {"unsuback_codes_v311", v311, kServer, 0xb0, "00 01 00", kMalformed},
    };
}

std::vector<Bad> bad_others() {
    return {
        {"Mqtt_3_8_3_2_subscribe_without_filter", v311, kClient, 0x82, "00 01", kProtocol},
        {"Mqtt_3_8_3_2_subscribe_without_filter_v5", v5, kClient, 0x82, "00 01 00", kProtocol},
        {"subscribe_id_0", v311, kClient, 0x82, "00 00 [a] 00", kProtocol},
        {"subscribe_without_options", v311, kClient, 0x82, "00 01 [a]", kMalformed},
        {"subscribe_qos_3", v5, kClient, 0x82, "00 01 00 [a] 03", kMalformed},
        {"Mqtt311_3_8_3_4_qos_3", v311, kClient, 0x82, "00 01 [a] 03", kMalformed},
        {"Mqtt311_3_8_3_4_reserved_bits", v311, kClient, 0x82, "00 01 [a] 04", kMalformed},
        {"Mqtt_3_8_3_5_reserved_bit_6", v5, kClient, 0x82, "00 01 00 [a] 40", kMalformed},
        {"Mqtt_3_8_3_5_reserved_bit_7", v5, kClient, 0x82, "00 01 00 [a] 80", kMalformed},
        {"retain_handling_3", v5, kClient, 0x82, "00 01 00 [a] 30", kProtocol},
        {"Mqtt_3_8_3_4_no_local_on_shared", v5, kClient, 0x82, "00 01 00 [$share/g/a] 04", kProtocol},
        {"Mqtt_3_8_3_1_filter_is_utf8", v311, kClient, 0x82, "00 01 00 01 ff 00", kMalformed},
        {"Mqtt_4_7_3_1_empty_filter", v5, kClient, 0x82, "00 01 00 [] 00", ReasonCode::topic_filter_invalid},
        {"Mqtt_4_7_1_1_filter", v5, kClient, 0x82, "00 01 00 [a/#/b] 00", ReasonCode::topic_filter_invalid},
        {"second_filter_is_bad", v311, kClient, 0x82, "00 01 [a] 00 [b+] 00",
         ReasonCode::topic_filter_invalid},
        {"Mqtt_4_8_2_1_share_name", v5, kClient, 0x82, "00 01 00 [$share//a] 00",
         ReasonCode::topic_filter_invalid},
        {"two_subscription_identifiers", v5, kClient, 0x82, "00 01 04 0b 01 0b 02 [a] 00", kProtocol},
        {"Mqtt_3_10_3_2_unsubscribe_without_filter", v5, kClient, 0xa2, "00 01 00", kProtocol},
        {"Mqtt_3_10_3_1_filter_is_utf8", v311, kClient, 0xa2, "00 01 00 01 ff", kMalformed},
        {"unsubscribe_bad_filter", v311, kClient, 0xa2, "00 01 [a#]", ReasonCode::topic_filter_invalid},
        {"unsubscribe_id_0", v5, kClient, 0xa2, "00 00 00 [a]", kProtocol},
        {"pingreq_with_body", v311, kClient, 0xc0, "00", kMalformed},
        {"pingresp_with_body", v5, kServer, 0xd0, "00", kMalformed},
        {"disconnect_with_body_v311", v311, kClient, 0xe0, "00", kMalformed},
        {"Mqtt_3_14_2_1_server_code_from_client", v5, kClient, 0xe0, "8b", kProtocol},
        {"Mqtt_3_14_2_1_client_code_from_server", v5, kServer, 0xe0, "04", kProtocol},
        {"Mqtt_3_14_2_2_session_expiry_from_server", v5, kServer, 0xe0, "00 05 11 00 00 00 01", kProtocol},
        {"disconnect_trailing", v5, kClient, 0xe0, "00 00 00", kMalformed},
        {"Mqtt_3_15_2_1_auth_code", v5, kClient, 0xf0, "01 04 15 [m]", kProtocol},
        {"auth_success_from_client", v5, kClient, 0xf0, "00 04 15 [m]", kProtocol},
        {"auth_without_method", v5, kClient, 0xf0, "18 00", kProtocol},
        {"auth_in_v311", v311, kClient, 0xf0, "18 04 15 [m]", kMalformed},
    };
}

class BadPacketTest : public testing::TestWithParam<Bad> {};

TEST_P(BadPacketTest, IsRefusedWithItsReasonCode) {
    const Bad& bad = GetParam();
    const std::string bytes = packet(bad.first, bad.body);
    const auto error = decode_any(raw_frame(bytes), bad.version, bad.sender);
    ASSERT_TRUE(error) << "decoded " << hex(bytes);
    EXPECT_EQ(error->code, bad.code) << error->why;
}

std::string name_of(const testing::TestParamInfo<Bad>& info) {
    return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Connect, BadPacketTest, testing::ValuesIn(bad_connects()), name_of);
INSTANTIATE_TEST_SUITE_P(ConnectFields, BadPacketTest, testing::ValuesIn(bad_connect_fields()), name_of);
INSTANTIATE_TEST_SUITE_P(PublishTexts, BadPacketTest, testing::ValuesIn(bad_publish_texts()), name_of);
INSTANTIATE_TEST_SUITE_P(Publish, BadPacketTest, testing::ValuesIn(bad_publishes()), name_of);
INSTANTIATE_TEST_SUITE_P(Ack, BadPacketTest, testing::ValuesIn(bad_acks()), name_of);
INSTANTIATE_TEST_SUITE_P(Other, BadPacketTest, testing::ValuesIn(bad_others()), name_of);

}  // namespace
}  // namespace millrace::mqtt::test
