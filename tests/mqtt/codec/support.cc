#include "tests/mqtt/codec/support.h"

namespace millrace::mqtt::test {
namespace {

using enum Version;
constexpr Sender kClient = Sender::client;
constexpr Sender kServer = Sender::server;

template <class Packet>
std::optional<DecodeError> error_of(const Decoded<Packet>& decoded) {
    if (decoded.has_error()) return decoded.error();
    return std::nullopt;
}

OutgoingPublish outgoing(const Publish& publish, std::vector<std::uint32_t>& ids, std::string& forwarded) {
    OutgoingPublish out;
    out.topic = publish.topic;
    out.payload = publish.payload;
    out.qos = publish.qos;
    out.retain = publish.retain;
    out.dup = publish.dup;
    out.packet_id = publish.packet_id;
    out.message_expiry_s = publish.properties.integer(PropertyId::message_expiry_interval);
    publish.properties.for_each_subscription_identifier([&ids](std::uint32_t id) { ids.push_back(id); });
    out.subscription_ids = ids;
    out.topic_alias =
        static_cast<std::uint16_t>(publish.properties.integer(PropertyId::topic_alias).value_or(0));
    forwarded.resize(publish.properties.forwardable_size());
    publish.properties.write_forwardable(reinterpret_cast<std::byte*>(forwarded.data()));
    out.forwarded_properties = as_bytes(forwarded);
    return out;
}

void reencode_publish(ByteBuffer& out, const Frame& frame, Version version, Sender sender) {
    const Decoded<Publish> publish = decode_publish(frame, version, sender);
    if (!publish) return;
    std::vector<std::uint32_t> ids;
    std::string forwarded;
    encode_publish(out, outgoing(*publish, ids, forwarded), version);
}

std::vector<ReasonCode> codes_of(const Suback& suback) {
    std::vector<ReasonCode> codes;
    for (std::size_t i = 0; i < suback.codes.size(); ++i) codes.push_back(suback.code(i));
    return codes;
}

void reencode_subscription(ByteBuffer& out, const Frame& frame, Version version) {
    if (frame.type == PacketType::subscribe) {
        const auto subscribe = decode_subscribe(frame, version);
        if (!subscribe) return;
        std::vector<SubscriptionRequest> requests;
        for (const auto& request : subscribe->subscriptions) requests.push_back(request);
        encode_subscribe(out, subscribe->packet_id, requests, version, subscribe->properties);
    } else if (frame.type == PacketType::unsubscribe) {
        const auto unsubscribe = decode_unsubscribe(frame, version);
        if (!unsubscribe) return;
        std::vector<std::string_view> filters;
        for (const auto filter : unsubscribe->filters) filters.push_back(filter);
        encode_unsubscribe(out, unsubscribe->packet_id, filters, version, unsubscribe->properties);
    } else if (frame.type == PacketType::suback) {
        const auto suback = decode_suback(frame, version);
        if (suback) encode_suback(out, suback->packet_id, codes_of(*suback), version, suback->properties);
    } else {
        const auto unsuback = decode_unsuback(frame, version);
        if (unsuback) {
            encode_unsuback(out, unsuback->packet_id, codes_of(*unsuback), version, unsuback->properties);
        }
    }
}

}  // namespace

std::string wire(std::string_view notation) {
    std::string bytes;
    for (std::size_t i = 0; i < notation.size();) {
        if (notation[i] == ' ') {
            ++i;
        } else if (notation[i] == '\'' || notation[i] == '[') {
            const std::size_t end = notation.find(notation[i] == '[' ? ']' : '\'', i + 1);
            const std::string_view text = notation.substr(i + 1, end - i - 1);
            if (notation[i] == '[') {
                bytes.push_back(static_cast<char>(text.size() >> 8));
                bytes.push_back(static_cast<char>(text.size()));
            }
            bytes.append(text);
            i = end + 1;
        } else {
            bytes.push_back(static_cast<char>(std::stoi(std::string(notation.substr(i, 2)), nullptr, 16)));
            i += 2;
        }
    }
    return bytes;
}

std::string packet(unsigned first, std::string_view body) {
    const std::string content = wire(body);
    ByteBuffer header;
    header.u8(static_cast<std::uint8_t>(first));
    Writer(header.extend(varint_size(content.size()))).varint(content.size());
    return std::string(header.text()) + content;
}

std::string hex(std::string_view bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto value = static_cast<unsigned char>(c);
        if (!text.empty()) text.push_back(' ');
        text.push_back(kDigits[value >> 4]);
        text.push_back(kDigits[value & 15]);
    }
    return text;
}

Frame raw_frame(std::string_view bytes) {
    std::size_t header = 2;
    while ((static_cast<unsigned char>(bytes[header - 1]) & 0x80U) != 0) ++header;
    const auto first = static_cast<unsigned char>(bytes[0]);
    Frame frame;
    frame.type = static_cast<PacketType>(first >> 4);
    frame.flags = first & 0xFU;
    frame.body = as_bytes(bytes.substr(header));
    frame.size = bytes.size();
    return frame;
}

std::optional<DecodeError> decode_any(const Frame& frame, Version version, Sender sender) {
    switch (frame.type) {
        case PacketType::connect:
            return error_of(decode_connect(frame));
        case PacketType::connack:
            return error_of(decode_connack(frame, version));
        case PacketType::publish:
            return error_of(decode_publish(frame, version, sender));
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return error_of(decode_publish_ack(frame, version, sender));
        case PacketType::subscribe:
            return error_of(decode_subscribe(frame, version));
        case PacketType::suback:
            return error_of(decode_suback(frame, version));
        case PacketType::unsubscribe:
            return error_of(decode_unsubscribe(frame, version));
        case PacketType::unsuback:
            return error_of(decode_unsuback(frame, version));
        case PacketType::pingreq:
        case PacketType::pingresp:
            return error_of(decode_ping(frame));
        case PacketType::disconnect:
            return error_of(decode_disconnect(frame, version, sender));
        case PacketType::auth:
            return error_of(decode_auth(frame, version, sender));
    }
    return DecodeError{ReasonCode::malformed_packet, "no such type"};
}

std::string reencode(const Frame& frame, Version version, Sender sender) {
    ByteBuffer out;
    switch (frame.type) {
        case PacketType::connect:
            if (const auto connect = decode_connect(frame)) encode_connect(out, *connect);
            break;
        case PacketType::connack:
            if (const auto connack = decode_connack(frame, version)) encode_connack(out, *connack, version);
            break;
        case PacketType::publish:
            reencode_publish(out, frame, version, sender);
            break;
        case PacketType::subscribe:
        case PacketType::suback:
        case PacketType::unsubscribe:
        case PacketType::unsuback:
            reencode_subscription(out, frame, version);
            break;
        case PacketType::pingreq:
            if (decode_ping(frame)) encode_pingreq(out);
            break;
        case PacketType::pingresp:
            if (decode_ping(frame)) encode_pingresp(out);
            break;
        case PacketType::disconnect:
            if (const auto disconnect = decode_disconnect(frame, version, sender)) {
                encode_disconnect(out, disconnect->code, version, disconnect->properties);
            }
            break;
        case PacketType::auth:
            if (const auto auth = decode_auth(frame, version, sender)) {
                encode_auth(out, auth->code, auth->properties);
            }
            break;
        default:
            if (const auto ack = decode_publish_ack(frame, version, sender)) {
                encode_publish_ack(out, frame.type, ack->packet_id, ack->code, version, ack->properties);
            }
    }
    return std::string(out.text());
}

const std::vector<Sample>& samples() {
    static const std::vector<Sample> kSamples{
        {"connect_v31", v31, kClient, 0x10, "[MQIsdp] 03 02 00 3c [dev]", 0},
        {"connect_v31_user", v31, kClient, 0x10, "[MQIsdp] 03 c2 00 3c [dev] [ann] [pw]", 17, false},
        {"connect_v311", v311, kClient, 0x10, "[MQTT] 04 02 00 0a [dev]", 0},
        {"connect_v311_empty_id", v311, kClient, 0x10, "[MQTT] 04 02 00 0a []", 0},
        {"connect_v311_full", v311, kClient, 0x10, "[MQTT] 04 ee ff ff [dev] [w/t] [gone] [ann] [pw]", 0},
        {"connect_v5", v5, kClient, 0x10, "[MQTT] 05 02 00 0a 00 []", 0},
        {"connect_v5_full", v5, kClient, 0x10,
         "[MQTT] 05 f6 00 1e 2a 11 00 00 0e 10 15 [SCRAM] 16 [data] 17 00 19 01 21 00 14 22 00 0a "
         "26 [k] [v] 27 00 01 00 00 [dev] 1f 01 01 02 00 00 00 3c 03 [t/p] 08 [r] 09 [c] 18 00 00 00 05 "
         "26 [] [] [w/t] [] [ann] [pw]",
         0},
        {"connect_v5_password_alone", v5, kClient, 0x10, "[MQTT] 05 40 00 0a 00 [dev] [pw]", 0},
        {"connack_v311", v311, kServer, 0x20, "01 00", 0},
        {"connack_v311_refused", v311, kServer, 0x20, "00 05", 0},
        {"connack_v5", v5, kServer, 0x20, "00 00 00", 0},
        {"connack_v5_full", v5, kServer, 0x20,
         "01 00 44 11 00 00 00 64 12 [id] 13 00 1e 15 [M] 16 [d] 1a [ri] 1c [other] 1f [why] 21 00 05 "
         "22 00 0a 24 01 25 01 26 [k] [v] 27 00 00 ff ff 28 01 29 00 2a 01",
         0},
        {"publish_qos0_v311", v311, kClient, 0x30, "[a/b] 'hello'", 5, false},
        {"publish_qos1_v311", v311, kClient, 0x33, "[a/b] 00 07 'hello'", 7, false},
        {"publish_qos2_dup_v31", v31, kClient, 0x3c, "[a/b] ff ff", 7, false},
        {"publish_qos0_v5", v5, kClient, 0x30, "[a/b] 00 'hello'", 6, false},
        {"publish_alias_alone_v5", v5, kClient, 0x30, "[] 03 23 00 01 'x'", 6, false},
        {"publish_v5_to_server", v5, kClient, 0x3d,
         "[a/b] 00 07 2a 02 00 00 00 3c 23 00 01 01 01 03 [text] 08 [r/t] 09 [cd] 26 [k] [1] 26 [k] [2] "
         "'hello'",
         50, false},
        {"publish_v5_to_client", v5, kServer, 0x32,
         "[a/b] 00 07 14 0b 01 0b ff ff ff 7f 01 00 26 [k] [vvvvv] 'hello'", 28, false},
        {"puback_v311", v311, kClient, 0x40, "00 01", 0},
        {"pubrec_v31", v31, kServer, 0x50, "00 01", 0},
        {"pubrel_v311", v311, kClient, 0x62, "12 34", 0},
        {"pubcomp_v311", v311, kServer, 0x70, "ff ff", 0},
        {"puback_v5", v5, kServer, 0x40, "00 01", 0},
        {"puback_v5_code", v5, kServer, 0x40, "00 01 10", 2, false},
        {"pubrec_v5_full", v5, kServer, 0x50, "00 01 97 0e 1f [full] 26 [k] [v]", 2, false},
        {"pubrel_v5_code", v5, kClient, 0x62, "00 01 92", 2, false},
        {"pubcomp_v5_success_with_properties", v5, kServer, 0x70, "00 01 00 07 26 [k] [v]", 2, false},
        {"subscribe_v311", v311, kClient, 0x82, "00 0a [a/+] 01 [#] 02", 8, false},
        {"subscribe_v5", v5, kClient, 0x82, "00 0a 0a 0b 80 01 26 [k] [v] [$share/g/a/#] 2a [b] 14", 28,
         false},
        {"suback_v311", v311, kServer, 0x90, "00 0a 01 80", 3, false},
        {"suback_v5", v5, kServer, 0x90, "00 0a 06 1f [why] 02 8f", 10, false},
        {"unsubscribe_v311", v311, kClient, 0xa2, "00 0a [a/+] [#]", 7, false},
        {"unsubscribe_v5", v5, kClient, 0xa2, "00 0a 07 26 [k] [v] [a]", 0},
        {"unsuback_v311", v311, kServer, 0xb0, "00 0a", 0},
        {"unsuback_v5", v5, kServer, 0xb0, "00 0a 00 00 11", 4, false},
        {"pingreq", v311, kClient, 0xc0, "", 0},
        {"pingresp", v5, kServer, 0xd0, "", 0},
        {"disconnect_v311", v311, kClient, 0xe0, "", 0},
        {"disconnect_v5", v5, kClient, 0xe0, "", 0},
        {"disconnect_v5_with_will", v5, kClient, 0xe0, "04 05 11 00 00 00 00", 0, false},
        {"disconnect_v5_by_server", v5, kServer, 0xe0, "9d 0c 1c [b] 1f [moved]", 0, false},
        {"auth_success", v5, kServer, 0xf0, "00 06 15 [SCR]", 0, false},
        {"auth_continue", v5, kClient, 0xf0, "18 0e 15 [SCRAM] 16 [abc]", 0},
        {"auth_reauthenticate", v5, kClient, 0xf0, "19 08 15 [SCRAM]", 0},
    };
    return kSamples;
}

}  // namespace millrace::mqtt::test
