#include "mqtt/codec/decode.h"

#include "mqtt/codec/topic.h"
#include "mqtt/codec/utf8.h"

namespace millrace::mqtt {
namespace {

DecodeError malformed(const char* why) {
    return {ReasonCode::malformed_packet, why};
}
DecodeError protocol_error(const char* why) {
    return {ReasonCode::protocol_error, why};
}

constexpr const char* kCutShort = "the packet is cut short";
constexpr const char* kTrailing = "bytes follow the packet's last field";
constexpr const char* kPacketIdZero = "the packet identifier is 0";

Decoded<Properties> read_properties(Reader& reader, Version version, PropertyOwner owner, Sender sender) {
    if (version != Version::v5) return Properties{};
    const std::uint32_t length = reader.varint();
    const ByteView raw = reader.bytes(length);
    if (reader.failed()) return malformed("the property length is wrong");
    return parse_properties(raw, owner, sender);
}

/// `code` unless the text is not even UTF-8.
DecodeError topic_error(TopicFault fault, ReasonCode code) {
    return {fault == TopicFault::not_utf8 ? ReasonCode::malformed_packet : code, to_string(fault)};
}

Decoded<Version> read_protocol(Reader& reader) {
    const std::string_view name = reader.text();
    const std::uint8_t level = reader.u8();
    if (reader.failed()) return malformed(kCutShort);
    if (name == "MQTT" && (level == 4 || level == 5)) return static_cast<Version>(level);
    if (name == "MQIsdp" && level == 3) return Version::v31;
    // [MQTT-3.1.2-1], [MQTT-3.1.2-2]
    return DecodeError{ReasonCode::unsupported_protocol_version, "unknown protocol name or level"};
}

namespace connect_flag {
constexpr unsigned kReserved = 0x01;
constexpr unsigned kCleanStart = 0x02;
constexpr unsigned kWill = 0x04;
constexpr unsigned kWillQos = 0x18;
constexpr unsigned kWillRetain = 0x20;
constexpr unsigned kPassword = 0x40;
constexpr unsigned kUserName = 0x80;
}  // namespace connect_flag

/// Why the connect flags are wrong; nullptr if they are not.
const char* fault_of_connect_flags(unsigned flags, Version version) {
    using namespace connect_flag;
    if ((flags & kReserved) != 0) return "the reserved connect flag is set";  // [MQTT-3.1.2-3]
    if ((flags & kWill) == 0 && (flags & (kWillQos | kWillRetain)) != 0) {    // [MQTT-3.1.2-11], -13
        return "Will QoS or Will Retain without a Will";
    }
    if ((flags & kWillQos) == kWillQos) return "Will QoS 3 does not exist";  // [MQTT-3.1.2-12]
    if (version != Version::v5 && (flags & kPassword) != 0 && (flags & kUserName) == 0) {
        return "a password without a user name";  // 3.1.1 [MQTT-3.1.2-22]
    }
    return nullptr;
}

Decoded<Will> read_will(Reader& reader, unsigned flags, Version version) {
    Will will;
    will.qos = static_cast<Qos>((flags & connect_flag::kWillQos) >> 3);
    will.retain = (flags & connect_flag::kWillRetain) != 0;
    const Decoded<Properties> properties =
        read_properties(reader, version, PropertyOwner::will, Sender::client);
    if (!properties) return properties.error();
    will.properties = *properties;
    will.topic = reader.text();
    will.payload = reader.binary();
    if (reader.failed()) return malformed(kCutShort);
    // [MQTT-3.1.3-11]
    if (const TopicFault fault = check_topic_name(will.topic); fault != TopicFault::none) {
        return topic_error(fault, ReasonCode::topic_name_invalid);
    }
    return will;
}

/// The client identifier, the Will and the credentials, in this order
/// [MQTT-3.1.3-1].
std::optional<DecodeError> read_connect_payload(Reader& reader, unsigned flags, Connect& connect) {
    connect.client_id = reader.text();
    if (reader.failed()) return malformed(kCutShort);
    if (!is_valid_utf8(connect.client_id)) return malformed("the client identifier is not valid UTF-8");
    if (connect.client_id.empty() &&
        (connect.version == Version::v31 || (connect.version == Version::v311 && !connect.clean_start))) {
        // 3.1.1 [MQTT-3.1.3-8]
        return DecodeError{ReasonCode::client_identifier_not_valid, "the client identifier is empty"};
    }
    if ((flags & connect_flag::kWill) != 0) {
        const Decoded<Will> will = read_will(reader, flags, connect.version);
        if (!will) return will.error();
        connect.will = *will;
    }
    // In 3.1 the Remaining Length has precedence over the flags: an old client
    // has no credentials to send.
    if (connect.version == Version::v31 && reader.at_end()) return std::nullopt;
    if ((flags & connect_flag::kUserName) != 0) {
        connect.user_name = reader.text();
        if (!is_valid_utf8(*connect.user_name)) return malformed("the user name is not valid UTF-8");
    }
    if (connect.version == Version::v31 && reader.at_end() && !reader.failed()) return std::nullopt;
    if ((flags & connect_flag::kPassword) != 0) connect.password = reader.binary();
    if (reader.failed()) return malformed(kCutShort);
    if (!reader.at_end()) return malformed(kTrailing);
    return std::nullopt;
}

/// [MQTT-2.2.1-3], [MQTT-2.2.1-4]
Decoded<std::uint16_t> read_packet_id(Reader& reader) {
    const std::uint16_t packet_id = reader.u16();
    if (reader.failed()) return malformed(kCutShort);
    if (packet_id == 0) return protocol_error(kPacketIdZero);
    return packet_id;
}

/// Code and properties that 5.0 leaves out from the end on, if they say
/// nothing.
template <class Packet>
std::optional<DecodeError> read_code_and_properties(Reader& reader, PacketType type, Sender sender,
                                                    Packet& packet) {
    if (reader.at_end()) return std::nullopt;
    packet.code = static_cast<ReasonCode>(reader.u8());
    if (!is_allowed(packet.code, type, sender)) return protocol_error("the reason code does not belong here");
    if (reader.at_end()) return std::nullopt;
    const Decoded<Properties> properties =
        read_properties(reader, Version::v5, static_cast<PropertyOwner>(type), sender);
    if (!properties) return properties.error();
    packet.properties = *properties;
    if (!reader.at_end()) return malformed(kTrailing);
    return std::nullopt;
}

std::optional<DecodeError> check_subscription(std::string_view filter, unsigned options, Version version) {
    if (const TopicFault fault = check_topic_filter(filter); fault != TopicFault::none) {
        return topic_error(fault, ReasonCode::topic_filter_invalid);
    }
    const unsigned reserved = version == Version::v5 ? 0xC0U : 0xFCU;
    if ((options & reserved) != 0) return malformed("reserved subscription option");  // [MQTT-3.8.3-5]
    if ((options & 0x03U) == 3) return malformed("QoS 3 does not exist");             // 3.1.1 [MQTT-3-8.3-4]
    if ((options & 0x30U) == 0x30U) return protocol_error("Retain Handling 3 does not exist");
    if ((options & 0x04U) != 0 && parse_shared(filter)) {  // [MQTT-3.8.3-4]
        return protocol_error("No Local on a shared subscription");
    }
    return std::nullopt;
}

/// The part that SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK begin with.
template <class Packet>
std::optional<DecodeError> read_id_and_properties(Reader& reader, PacketType type, Version version,
                                                  Sender sender, Packet& packet) {
    const Decoded<std::uint16_t> packet_id = read_packet_id(reader);
    if (!packet_id) return packet_id.error();
    packet.packet_id = *packet_id;
    const Decoded<Properties> properties =
        read_properties(reader, version, static_cast<PropertyOwner>(type), sender);
    if (!properties) return properties.error();
    packet.properties = *properties;
    return std::nullopt;
}

bool is_3x_suback_code(std::byte code) {
    return code <= std::byte{2} || code == std::byte{0x80};
}

/// SUBACK, and UNSUBACK of 5.0.
Decoded<Suback> read_codes(const Frame& frame, Version version) {
    Reader reader(frame.body);
    Suback suback;
    if (auto error = read_id_and_properties(reader, frame.type, version, Sender::server, suback))
        return *error;
    suback.codes = reader.rest();
    if (suback.codes.empty()) return malformed("there is no reason code");
    for (const std::byte code : suback.codes) {
        const bool legal = version == Version::v5
                               ? is_allowed(static_cast<ReasonCode>(code), frame.type, Sender::server)
                               : is_3x_suback_code(code);
        if (!legal) return protocol_error("the reason code does not belong here");
    }
    return suback;
}

std::optional<ReasonCode> from_return_code(std::uint8_t code) {
    switch (code) {
        case 0:
            return ReasonCode::success;
        case 1:
            return ReasonCode::unsupported_protocol_version;
        case 2:
            return ReasonCode::client_identifier_not_valid;
        case 3:
            return ReasonCode::server_unavailable;
        case 4:
            return ReasonCode::bad_user_name_or_password;
        case 5:
            return ReasonCode::not_authorized;
        default:
            return std::nullopt;
    }
}

}  // namespace

SubscriptionRequest read_subscription(Reader& reader) {
    SubscriptionRequest request;
    request.filter = reader.text();
    const unsigned options = reader.u8();
    request.qos = static_cast<Qos>(options & 0x03U);
    request.no_local = (options & 0x04U) != 0;
    request.retain_as_published = (options & 0x08U) != 0;
    request.retain_handling = static_cast<RetainHandling>(options >> 4 & 0x03U);
    return request;
}

Decoded<Connect> decode_connect(const Frame& frame) {
    Reader reader(frame.body);
    const Decoded<Version> version = read_protocol(reader);
    if (!version) return version.error();
    Connect connect;
    connect.version = *version;
    if (connect.version == Version::v5 && !frame.minimal_length) {  // [MQTT-1.5.5-1]
        return malformed("the Remaining Length is padded");
    }
    const unsigned flags = reader.u8();
    connect.clean_start = (flags & connect_flag::kCleanStart) != 0;
    connect.keep_alive_s = reader.u16();
    if (reader.failed()) return malformed(kCutShort);
    if (const char* why = fault_of_connect_flags(flags, connect.version)) return malformed(why);
    const Decoded<Properties> properties =
        read_properties(reader, connect.version, PropertyOwner::connect, Sender::client);
    if (!properties) return properties.error();
    connect.properties = *properties;
    if (const auto error = read_connect_payload(reader, flags, connect)) return *error;
    return connect;
}

Version answer_version(ByteView connect_body) {
    Reader reader(connect_body);
    const std::string_view name = reader.text();
    const std::uint8_t level = reader.u8();
    if (name == "MQIsdp") return Version::v31;
    return name == "MQTT" && level >= 5 ? Version::v5 : Version::v311;
}

Decoded<Connack> decode_connack(const Frame& frame, Version version) {
    Reader reader(frame.body);
    Connack connack;
    const std::uint8_t flags = reader.u8();
    const std::uint8_t code = reader.u8();
    if (reader.failed()) return malformed(kCutShort);
    if (version != Version::v31) {
        if (flags > 1) return malformed("a reserved acknowledge flag is set");  // [MQTT-3.2.2-1]
        connack.session_present = flags == 1;
    }
    if (version == Version::v5) {
        connack.code = static_cast<ReasonCode>(code);
        if (!is_allowed(connack.code, PacketType::connack, Sender::server)) {
            return protocol_error("the reason code does not belong here");
        }
    } else {
        const std::optional<ReasonCode> known = from_return_code(code);
        if (!known) return protocol_error("unknown return code");
        connack.code = *known;
    }
    if (connack.session_present && connack.code != ReasonCode::success) {  // [MQTT-3.2.2-6]
        return protocol_error("Session Present in a refusal");
    }
    const Decoded<Properties> properties =
        read_properties(reader, version, PropertyOwner::connack, Sender::server);
    if (!properties) return properties.error();
    connack.properties = *properties;
    if (!reader.at_end()) return malformed(kTrailing);
    return connack;
}

Decoded<Publish> decode_publish(const Frame& frame, Version version, Sender sender) {
    Reader reader(frame.body);
    Publish publish;
    publish.dup = (frame.flags & 0x08U) != 0;
    publish.qos = static_cast<Qos>(frame.flags >> 1 & 0x03U);
    publish.retain = (frame.flags & 0x01U) != 0;
    publish.topic = reader.text();
    if (publish.qos != Qos::at_most_once) {
        const Decoded<std::uint16_t> packet_id = read_packet_id(reader);
        if (!packet_id) return packet_id.error();
        publish.packet_id = *packet_id;
    }
    if (reader.failed()) return malformed(kCutShort);
    if (version == Version::v5) {
        const Decoded<Properties> properties =
            read_properties(reader, version, PropertyOwner::publish, sender);
        if (!properties) return properties.error();
        publish.properties = *properties;
        if (publish.topic.empty()) {  // 3.3.2.1
            if (!publish.properties.has(PropertyId::topic_alias)) {
                return protocol_error("neither a topic name nor a topic alias");
            }
            publish.payload = reader.rest();
            return publish;
        }
    }
    // [MQTT-3.3.2-1], [MQTT-3.3.2-2]
    if (const TopicFault fault = check_topic_name(publish.topic); fault != TopicFault::none) {
        return topic_error(fault, ReasonCode::topic_name_invalid);
    }
    publish.payload = reader.rest();
    return publish;
}

Decoded<PublishAck> decode_publish_ack(const Frame& frame, Version version, Sender sender) {
    Reader reader(frame.body);
    const Decoded<std::uint16_t> packet_id = read_packet_id(reader);
    if (!packet_id) return packet_id.error();
    PublishAck ack;
    ack.packet_id = *packet_id;
    if (version == Version::v5) {
        if (const auto error = read_code_and_properties(reader, frame.type, sender, ack)) return *error;
    } else if (!reader.at_end()) {
        return malformed(kTrailing);
    }
    return ack;
}

Decoded<Subscribe> decode_subscribe(const Frame& frame, Version version) {
    Reader reader(frame.body);
    Subscribe subscribe;
    if (const auto error =
            read_id_and_properties(reader, PacketType::subscribe, version, Sender::client, subscribe)) {
        return *error;
    }
    const ByteView payload = reader.rest();
    std::size_t count = 0;
    for (; !reader.at_end(); ++count) {
        const std::string_view filter = reader.text();
        const std::uint8_t options = reader.u8();
        if (reader.failed()) return malformed(kCutShort);
        if (const auto error = check_subscription(filter, options, version)) return *error;
    }
    if (count == 0) return protocol_error("a SUBSCRIBE without a topic filter");  // [MQTT-3.8.3-2]
    subscribe.subscriptions = {payload, count};
    return subscribe;
}

Decoded<Suback> decode_suback(const Frame& frame, Version version) {
    return read_codes(frame, version);
}

Decoded<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version) {
    Reader reader(frame.body);
    Unsubscribe unsubscribe;
    if (const auto error =
            read_id_and_properties(reader, PacketType::unsubscribe, version, Sender::client, unsubscribe)) {
        return *error;
    }
    const ByteView payload = reader.rest();
    std::size_t count = 0;
    for (; !reader.at_end(); ++count) {
        const std::string_view filter = reader.text();
        if (reader.failed()) return malformed(kCutShort);
        if (const TopicFault fault = check_topic_filter(filter); fault != TopicFault::none) {
            return topic_error(fault,
                               ReasonCode::topic_filter_invalid);  // [MQTT-3.10.3-1]
        }
    }
    if (count == 0) return protocol_error("an UNSUBSCRIBE without a topic filter");  // [MQTT-3.10.3-2]
    unsubscribe.filters = {payload, count};
    return unsubscribe;
}

Decoded<Unsuback> decode_unsuback(const Frame& frame, Version version) {
    if (version == Version::v5) return read_codes(frame, version);
    Reader reader(frame.body);
    const Decoded<std::uint16_t> packet_id = read_packet_id(reader);
    if (!packet_id) return packet_id.error();
    if (!reader.at_end()) return malformed(kTrailing);
    Unsuback unsuback;
    unsuback.packet_id = *packet_id;
    return unsuback;
}

Decoded<void> decode_ping(const Frame& frame) {
    if (!frame.body.empty()) return malformed(kTrailing);
    return {};
}

Decoded<Disconnect> decode_disconnect(const Frame& frame, Version version, Sender sender) {
    Reader reader(frame.body);
    Disconnect disconnect;
    if (version == Version::v5) {
        if (const auto error = read_code_and_properties(reader, frame.type, sender, disconnect))
            return *error;
    } else if (!reader.at_end()) {
        return malformed(kTrailing);
    }
    return disconnect;
}

Decoded<Auth> decode_auth(const Frame& frame, Version version, Sender sender) {
    if (version != Version::v5) return malformed("packet type 15 is reserved");
    Reader reader(frame.body);
    Auth auth;
    if (reader.at_end()) {
        // 3.15.2.1: left out, the code is success, which is the server's to say.
        if (sender == Sender::client) return protocol_error("the reason code does not belong here");
        return auth;
    }
    if (const auto error = read_code_and_properties(reader, frame.type, sender, auth)) return *error;
    if (!auth.properties.has(PropertyId::authentication_method)) {  // 3.15.2.2.2
        return protocol_error("an AUTH without an authentication method");
    }
    return auth;
}

}  // namespace millrace::mqtt
