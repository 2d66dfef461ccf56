#include "mqtt/session/refusal_text.h"

namespace millrace::mqtt {
namespace {

std::string_view of_connection(ReasonCode code) {
    switch (code) {
        case ReasonCode::unsupported_protocol_version:
            return "this listener does not speak that version of MQTT";
        case ReasonCode::client_identifier_not_valid:
            return "the client identifier is empty, malformed or longer than `limits.client_id_bytes`";
        case ReasonCode::bad_user_name_or_password:
            return "the user name or the password is wrong";
        case ReasonCode::not_authorized:
            return "the client has to say who it is, or may not connect as this one";
        case ReasonCode::bad_authentication_method:
            return "the authentication method is not offered here";
        case ReasonCode::server_busy:
            return "the server has too much to do; try again later";
        case ReasonCode::packet_too_large:
            return "the Maximum Packet Size is too small for an answer";
        case ReasonCode::topic_name_invalid:
            return "the topic of the will is malformed, or longer than `limits.topic_bytes` or "
                   "`limits.topic_levels`";
        case ReasonCode::payload_format_invalid:
            return "the payload of the will is not the UTF-8 that it is said to be";
        case ReasonCode::protocol_error:
        case ReasonCode::malformed_packet:
            return "the CONNECT is not as MQTT wants it";
        default:
            return {};
    }
}

std::string_view of_subscription(ReasonCode code) {
    switch (code) {
        case ReasonCode::topic_filter_invalid:
            return "a filter is malformed, or longer than `limits.topic_bytes` or `limits.topic_levels`";
        case ReasonCode::not_authorized:
            return "the client may not subscribe to a filter";
        case ReasonCode::quota_exceeded:
            return "`limits.subscriptions_per_client` is reached";
        case ReasonCode::no_subscription_existed:
            return "there was no subscription to a filter";
        default:
            return {};
    }
}

std::string_view of_message(ReasonCode code) {
    switch (code) {
        case ReasonCode::topic_name_invalid:
            return "the topic is none that a client may write to";
        case ReasonCode::not_authorized:
            return "the client may not publish to this topic";
        case ReasonCode::payload_format_invalid:
            return "the payload is not the UTF-8 that it is said to be";
        case ReasonCode::implementation_specific_error:
            return "the message can never be stored as it is";
        case ReasonCode::packet_identifier_not_found:
            return "no message of this packet identifier is under way";
        default:
            return {};
    }
}

}  // namespace

std::string_view refusal_text(PacketType answer, ReasonCode code) {
    switch (answer) {
        case PacketType::connack:
            return of_connection(code);
        case PacketType::suback:
        case PacketType::unsuback:
            return of_subscription(code);
        default:
            return of_message(code);
    }
}

}  // namespace millrace::mqtt
