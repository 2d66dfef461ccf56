// Reason codes of MQTT 5.0 and the error that every decoder answers with.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string_view>

namespace millrace::mqtt {

/// Protocol level of the CONNECT packet.
enum class Version : std::uint8_t { v31 = 3, v311 = 4, v5 = 5 };

/// Control packet types by their number in the fixed header; 0 is reserved.
enum class PacketType : std::uint8_t {
    connect = 1,
    connack,
    publish,
    puback,
    pubrec,
    pubrel,
    pubcomp,
    subscribe,
    suback,
    unsubscribe,
    unsuback,
    pingreq,
    pingresp,
    disconnect,
    auth,
};
std::string_view to_string(PacketType type);

/// Who sent a packet; some codes and properties are legal from one side only.
enum class Sender : std::uint8_t { client, server };

/// MQTT 5.0 table 2-6. The 3.x return codes are converted at the edge of the codec.
enum class ReasonCode : std::uint8_t {
    success = 0x00,
    normal_disconnection = 0x00,
    granted_qos0 = 0x00,
    granted_qos1 = 0x01,
    granted_qos2 = 0x02,
    disconnect_with_will = 0x04,
    no_matching_subscribers = 0x10,
    no_subscription_existed = 0x11,
    continue_authentication = 0x18,
    reauthenticate = 0x19,
    unspecified_error = 0x80,
    malformed_packet = 0x81,
    protocol_error = 0x82,
    implementation_specific_error = 0x83,
    unsupported_protocol_version = 0x84,
    client_identifier_not_valid = 0x85,
    bad_user_name_or_password = 0x86,
    not_authorized = 0x87,
    server_unavailable = 0x88,
    server_busy = 0x89,
    banned = 0x8A,
    server_shutting_down = 0x8B,
    bad_authentication_method = 0x8C,
    keep_alive_timeout = 0x8D,
    session_taken_over = 0x8E,
    topic_filter_invalid = 0x8F,
    topic_name_invalid = 0x90,
    packet_identifier_in_use = 0x91,
    packet_identifier_not_found = 0x92,
    receive_maximum_exceeded = 0x93,
    topic_alias_invalid = 0x94,
    packet_too_large = 0x95,
    message_rate_too_high = 0x96,
    quota_exceeded = 0x97,
    administrative_action = 0x98,
    payload_format_invalid = 0x99,
    retain_not_supported = 0x9A,
    qos_not_supported = 0x9B,
    use_another_server = 0x9C,
    server_moved = 0x9D,
    shared_subscriptions_not_supported = 0x9E,
    connection_rate_exceeded = 0x9F,
    maximum_connect_time = 0xA0,
    subscription_identifiers_not_supported = 0xA1,
    wildcard_subscriptions_not_supported = 0xA2,
};
/// The specification's name of the code; "unknown reason code" for a number without one.
std::string_view to_string(ReasonCode code);

constexpr bool is_error(ReasonCode code) {
    return static_cast<std::uint8_t>(code) >= 0x80;
}

/// Whether MQTT 5.0 lets `sender` use `code` in a packet of this type (tables of 3.2.2.2 to 3.15.2.1).
bool is_allowed(ReasonCode code, PacketType type, Sender sender);

/// The CONNACK return code of MQTT 3.1.1 (0 to 5) that says the same as `code`.
std::uint8_t to_return_code(ReasonCode code);

/// Why bytes were refused; `why` is a string literal.
struct DecodeError {
    ReasonCode code;
    const char* why;
};

template <class T>
using Decoded = boost::system::result<T, DecodeError>;

}  // namespace millrace::mqtt
