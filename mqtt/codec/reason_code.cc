#include "mqtt/codec/reason_code.h"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace millrace::mqtt {
namespace {

using enum ReasonCode;

struct Name {
    ReasonCode code;
    std::string_view text;
};

constexpr std::array<Name, 43> kReasonNames{{
    {success, "success"},
    {granted_qos1, "granted QoS 1"},
    {granted_qos2, "granted QoS 2"},
    {disconnect_with_will, "disconnect with Will message"},
    {no_matching_subscribers, "no matching subscribers"},
    {no_subscription_existed, "no subscription existed"},
    {continue_authentication, "continue authentication"},
    {reauthenticate, "re-authenticate"},
    {unspecified_error, "unspecified error"},
    {malformed_packet, "malformed packet"},
    {protocol_error, "protocol error"},
    {implementation_specific_error, "implementation specific error"},
    {unsupported_protocol_version, "unsupported protocol version"},
    {client_identifier_not_valid, "client identifier not valid"},
    {bad_user_name_or_password, "bad user name or password"},
    {not_authorized, "not authorized"},
    {server_unavailable, "server unavailable"},
    {server_busy, "server busy"},
    {banned, "banned"},
    {server_shutting_down, "server shutting down"},
    {bad_authentication_method, "bad authentication method"},
    {keep_alive_timeout, "keep alive timeout"},
    {session_taken_over, "session taken over"},
    {topic_filter_invalid, "topic filter invalid"},
    {topic_name_invalid, "topic name invalid"},
    {packet_identifier_in_use, "packet identifier in use"},
    {packet_identifier_not_found, "packet identifier not found"},
    {receive_maximum_exceeded, "receive maximum exceeded"},
    {topic_alias_invalid, "topic alias invalid"},
    {packet_too_large, "packet too large"},
    {message_rate_too_high, "message rate too high"},
    {quota_exceeded, "quota exceeded"},
    {administrative_action, "administrative action"},
    {payload_format_invalid, "payload format invalid"},
    {retain_not_supported, "retain not supported"},
    {qos_not_supported, "QoS not supported"},
    {use_another_server, "use another server"},
    {server_moved, "server moved"},
    {shared_subscriptions_not_supported, "shared subscriptions not supported"},
    {connection_rate_exceeded, "connection rate exceeded"},
    {maximum_connect_time, "maximum connect time"},
    {subscription_identifiers_not_supported, "subscription identifiers not supported"},
    {wildcard_subscriptions_not_supported, "wildcard subscriptions not supported"},
}};

bool is_one_of(ReasonCode code, std::initializer_list<ReasonCode> codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// Table 3-10: the codes that either side may use.
bool is_for_disconnect(ReasonCode code, Sender sender) {
    if (is_one_of(code, {normal_disconnection, unspecified_error, malformed_packet, protocol_error,
                         implementation_specific_error, topic_name_invalid, receive_maximum_exceeded,
                         topic_alias_invalid, packet_too_large, message_rate_too_high, quota_exceeded,
                         administrative_action, payload_format_invalid})) {
        return true;
    }
    if (sender == Sender::client) return code == disconnect_with_will;
    return is_one_of(
        code,
        {not_authorized, server_busy, server_shutting_down, bad_authentication_method, keep_alive_timeout,
         session_taken_over, topic_filter_invalid, retain_not_supported, qos_not_supported,
         use_another_server, server_moved, shared_subscriptions_not_supported, connection_rate_exceeded,
         maximum_connect_time, subscription_identifiers_not_supported, wildcard_subscriptions_not_supported});
}

/// Table 3-1.
bool is_for_connack(ReasonCode code) {
    return is_one_of(code, {success,
                            unspecified_error,
                            malformed_packet,
                            protocol_error,
                            implementation_specific_error,
                            unsupported_protocol_version,
                            client_identifier_not_valid,
                            bad_user_name_or_password,
                            not_authorized,
                            server_unavailable,
                            server_busy,
                            banned,
                            bad_authentication_method,
                            topic_name_invalid,
                            packet_too_large,
                            quota_exceeded,
                            payload_format_invalid,
                            retain_not_supported,
                            qos_not_supported,
                            use_another_server,
                            server_moved,
                            connection_rate_exceeded});
}

}  // namespace

bool is_allowed(ReasonCode code, PacketType type, Sender sender) {
    switch (type) {
        case PacketType::connack:
            return is_for_connack(code);  // [MQTT-3.2.2-8]
        case PacketType::puback:          // [MQTT-3.4.2-1]
        case PacketType::pubrec:          // [MQTT-3.5.2-1]
            return is_one_of(code, {success, no_matching_subscribers, unspecified_error,
                                    implementation_specific_error, not_authorized, topic_name_invalid,
                                    packet_identifier_in_use, quota_exceeded, payload_format_invalid});
        case PacketType::pubrel:   // [MQTT-3.6.2-1]
        case PacketType::pubcomp:  // [MQTT-3.7.2-1]
            return is_one_of(code, {success, packet_identifier_not_found});
        case PacketType::suback:  // [MQTT-3.9.3-2]
            return is_one_of(code,
                             {granted_qos0, granted_qos1, granted_qos2, unspecified_error,
                              implementation_specific_error, not_authorized, topic_filter_invalid,
                              packet_identifier_in_use, quota_exceeded, shared_subscriptions_not_supported,
                              subscription_identifiers_not_supported, wildcard_subscriptions_not_supported});
        case PacketType::unsuback:  // [MQTT-3.11.3-2]
            return is_one_of(
                code, {success, no_subscription_existed, unspecified_error, implementation_specific_error,
                       not_authorized, topic_filter_invalid, packet_identifier_in_use});
        case PacketType::disconnect:
            return is_for_disconnect(code, sender);  // [MQTT-3.14.2-1]
        case PacketType::auth:                       // [MQTT-3.15.2-1]
            return code == continue_authentication ||
                   code == (sender == Sender::client ? reauthenticate : success);
        default:
            return false;
    }
}

std::uint8_t to_return_code(ReasonCode code) {
    switch (code) {
        case success:
            return 0;
        case unsupported_protocol_version:
            return 1;
        case client_identifier_not_valid:
            return 2;
        case bad_user_name_or_password:
            return 4;
        case not_authorized:
        case banned:
        case bad_authentication_method:
            return 5;
        default:
            return 3;
    }
}

std::string_view to_string(PacketType type) {
    constexpr std::array<std::string_view, 16> kNames{
        "reserved",  "CONNECT", "CONNACK",     "PUBLISH",  "PUBACK",  "PUBREC",   "PUBREL",     "PUBCOMP",
        "SUBSCRIBE", "SUBACK",  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"};
    return kNames[static_cast<std::size_t>(type) & 0xFU];
}

std::string_view to_string(ReasonCode code) {
    const auto* found = std::find_if(kReasonNames.begin(), kReasonNames.end(),
                                     [code](const Name& name) { return name.code == code; });
    return found == kReasonNames.end() ? "unknown reason code" : found->text;
}

}  // namespace millrace::mqtt
