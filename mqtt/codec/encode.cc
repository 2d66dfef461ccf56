#include "mqtt/codec/encode.h"

namespace millrace::mqtt {
namespace {

constexpr std::size_t text_size(std::size_t bytes) {
    return 2 + bytes;
}

std::uint8_t first_byte(PacketType type, unsigned flags = 0) {
    return static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | flags);
}

/// Makes room for a whole packet and writes its fixed header.
Writer begin_packet(ByteBuffer& out, std::uint8_t first, std::size_t body) {
    Writer writer(out.extend(1 + varint_size(body) + body));
    writer.u8(first);
    writer.varint(body);
    return writer;
}

std::size_t block_size(std::size_t properties, Version version) {
    return version == Version::v5 ? varint_size(properties) + properties : 0;
}
std::size_t block_size(const Properties& properties, Version version) {
    return block_size(properties.raw().size(), version);
}
void write_block(Writer& writer, const Properties& properties, Version version) {
    if (version != Version::v5) return;
    writer.varint(properties.raw().size());
    writer.bytes(properties.raw());
}

/// The lengths that a PUBLISH's header repeats, computed once.
struct PublishSizes {
    std::size_t properties = 0;
    std::size_t body = 0;

    PublishSizes(const OutgoingPublish& publish, Version version) {
        body = text_size(publish.topic.size()) + publish.payload.size();
        if (publish.qos != Qos::at_most_once) body += 2;
        if (version != Version::v5) return;
        properties = publish.forwarded_properties.size();
        if (publish.message_expiry_s) properties += 5;
        if (publish.topic_alias != 0) properties += 3;
        for (const std::uint32_t id : publish.subscription_ids) properties += 1 + varint_size(id);
        body += block_size(properties, version);
    }
};

/// Answers where the topic alias stands; nullptr: there is none.
const std::byte* write_publish_properties(Writer& writer, const OutgoingPublish& publish, std::size_t size) {
    const std::byte* alias = nullptr;
    writer.varint(size);
    if (publish.message_expiry_s) {
        writer.u8(static_cast<std::uint8_t>(PropertyId::message_expiry_interval));
        writer.u32(*publish.message_expiry_s);
    }
    for (const std::uint32_t id : publish.subscription_ids) {
        writer.u8(static_cast<std::uint8_t>(PropertyId::subscription_identifier));
        writer.varint(id);
    }
    if (publish.topic_alias != 0) {
        writer.u8(static_cast<std::uint8_t>(PropertyId::topic_alias));
        alias = writer.position();
        writer.u16(publish.topic_alias);
    }
    writer.bytes(publish.forwarded_properties);
    return alias;
}

/// A packet that is a code and properties, both left out from the end on when they say nothing.
void encode_code(ByteBuffer& out, PacketType type, ReasonCode code, Version version,
                 const Properties& properties) {
    if (version != Version::v5 || (code == ReasonCode::success && properties.empty())) {
        begin_packet(out, first_byte(type), 0);
        return;
    }
    const std::size_t block = properties.empty() ? 0 : block_size(properties, version);
    Writer writer = begin_packet(out, first_byte(type), 1 + block);
    writer.u8(static_cast<std::uint8_t>(code));
    if (block != 0) write_block(writer, properties, version);
}

std::uint8_t connect_flags(const Connect& connect) {
    unsigned flags = connect.clean_start ? 0x02 : 0;
    if (connect.will) {
        flags |= 0x04U | static_cast<unsigned>(connect.will->qos) << 3 | (connect.will->retain ? 0x20U : 0U);
    }
    if (connect.password) flags |= 0x40U;
    if (connect.user_name) flags |= 0x80U;
    return static_cast<std::uint8_t>(flags);
}

std::size_t connect_body_size(const Connect& connect, std::string_view protocol_name) {
    constexpr std::size_t kLevelFlagsKeepAlive = 4;
    std::size_t size = text_size(protocol_name.size()) + kLevelFlagsKeepAlive +
                       block_size(connect.properties, connect.version) + text_size(connect.client_id.size());
    if (connect.will) {
        size += block_size(connect.will->properties, connect.version) +
                text_size(connect.will->topic.size()) + text_size(connect.will->payload.size());
    }
    if (connect.user_name) size += text_size(connect.user_name->size());
    if (connect.password) size += text_size(connect.password->size());
    return size;
}

std::uint8_t subscription_options(const SubscriptionRequest& request, Version version) {
    auto options = static_cast<unsigned>(request.qos);
    if (version == Version::v5) {
        options |= (request.no_local ? 0x04U : 0U) | (request.retain_as_published ? 0x08U : 0U) |
                   static_cast<unsigned>(request.retain_handling) << 4;
    }
    return static_cast<std::uint8_t>(options);
}

}  // namespace

std::size_t encoded_size(const OutgoingPublish& publish, Version version) {
    const PublishSizes sizes(publish, version);
    return 1 + varint_size(sizes.body) + sizes.body;
}

EncodedPublish encode_publish_header(ByteBuffer& out, const OutgoingPublish& publish, Version version) {
    const PublishSizes sizes(publish, version);
    const unsigned flags =
        (publish.dup ? 0x08U : 0U) | static_cast<unsigned>(publish.qos) << 1 | (publish.retain ? 0x01U : 0U);
    EncodedPublish encoded;
    encoded.offset = out.size();
    encoded.size = 1 + varint_size(sizes.body) + sizes.body;
    Writer writer(out.extend(encoded.size - publish.payload.size()));
    const std::byte* const start = writer.position();
    writer.u8(first_byte(PacketType::publish, flags));
    writer.varint(sizes.body);
    writer.text(publish.topic);
    if (publish.qos != Qos::at_most_once) {
        encoded.packet_id_offset = static_cast<std::size_t>(writer.position() - start);
        writer.u16(publish.packet_id);
    }
    if (version != Version::v5) return encoded;
    const std::byte* const alias = write_publish_properties(writer, publish, sizes.properties);
    if (alias != nullptr) encoded.topic_alias_offset = static_cast<std::size_t>(alias - start);
    return encoded;
}

EncodedPublish encode_publish(ByteBuffer& out, const OutgoingPublish& publish, Version version) {
    const EncodedPublish encoded = encode_publish_header(out, publish, version);
    out.append(publish.payload);
    return encoded;
}

void encode_connect(ByteBuffer& out, const Connect& connect) {
    const Version version = connect.version;
    const std::string_view name = version == Version::v31 ? "MQIsdp" : "MQTT";
    Writer writer = begin_packet(out, first_byte(PacketType::connect), connect_body_size(connect, name));
    writer.text(name);
    writer.u8(static_cast<std::uint8_t>(version));
    writer.u8(connect_flags(connect));
    writer.u16(connect.keep_alive_s);
    write_block(writer, connect.properties, version);
    writer.text(connect.client_id);
    if (connect.will) {
        write_block(writer, connect.will->properties, version);
        writer.text(connect.will->topic);
        writer.binary(connect.will->payload);
    }
    if (connect.user_name) writer.text(*connect.user_name);
    if (connect.password) writer.binary(*connect.password);
}

void encode_connack(ByteBuffer& out, const Connack& connack, Version version) {
    Writer writer =
        begin_packet(out, first_byte(PacketType::connack), 2 + block_size(connack.properties, version));
    writer.u8(connack.session_present && version != Version::v31 ? 1 : 0);
    writer.u8(version == Version::v5 ? static_cast<std::uint8_t>(connack.code)
                                     : to_return_code(connack.code));
    write_block(writer, connack.properties, version);
}

void encode_publish_ack(ByteBuffer& out, PacketType type, std::uint16_t packet_id, ReasonCode code,
                        Version version, const Properties& properties) {
    const bool brief = version != Version::v5 || (code == ReasonCode::success && properties.empty());
    const std::size_t block = brief || properties.empty() ? 0 : block_size(properties, version);
    // [MQTT-3.6.1-1]: the flags of PUBREL are 0010.
    const std::uint8_t first = first_byte(type, type == PacketType::pubrel ? 2 : 0);
    Writer writer = begin_packet(out, first, brief ? 2 : 3 + block);
    writer.u16(packet_id);
    if (!brief) writer.u8(static_cast<std::uint8_t>(code));
    if (block != 0) write_block(writer, properties, version);
}

void encode_subscribe(ByteBuffer& out, std::uint16_t packet_id,
                      std::span<const SubscriptionRequest> subscriptions, Version version,
                      const Properties& properties) {
    std::size_t body = 2 + block_size(properties, version);
    for (const SubscriptionRequest& request : subscriptions) body += text_size(request.filter.size()) + 1;
    Writer writer = begin_packet(out, first_byte(PacketType::subscribe, 2), body);  // [MQTT-3.8.1-1]
    writer.u16(packet_id);
    write_block(writer, properties, version);
    for (const SubscriptionRequest& request : subscriptions) {
        writer.text(request.filter);
        writer.u8(subscription_options(request, version));
    }
}

void encode_suback(ByteBuffer& out, std::uint16_t packet_id, std::span<const ReasonCode> codes,
                   Version version, const Properties& properties) {
    Writer writer =
        begin_packet(out, first_byte(PacketType::suback), 2 + block_size(properties, version) + codes.size());
    writer.u16(packet_id);
    write_block(writer, properties, version);
    for (const ReasonCode code : codes) {
        const bool plain_failure = version != Version::v5 && is_error(code);
        writer.u8(static_cast<std::uint8_t>(plain_failure ? ReasonCode::unspecified_error : code));
    }
}

void encode_unsubscribe(ByteBuffer& out, std::uint16_t packet_id, std::span<const std::string_view> filters,
                        Version version, const Properties& properties) {
    std::size_t body = 2 + block_size(properties, version);
    for (const std::string_view filter : filters) body += text_size(filter.size());
    Writer writer = begin_packet(out, first_byte(PacketType::unsubscribe, 2), body);  // [MQTT-3.10.1-1]
    writer.u16(packet_id);
    write_block(writer, properties, version);
    for (const std::string_view filter : filters) writer.text(filter);
}

void encode_unsuback(ByteBuffer& out, std::uint16_t packet_id, std::span<const ReasonCode> codes,
                     Version version, const Properties& properties) {
    if (version != Version::v5) codes = {};
    Writer writer = begin_packet(out, first_byte(PacketType::unsuback),
                                 2 + block_size(properties, version) + codes.size());
    writer.u16(packet_id);
    write_block(writer, properties, version);
    for (const ReasonCode code : codes) writer.u8(static_cast<std::uint8_t>(code));
}

void encode_pingreq(ByteBuffer& out) {
    begin_packet(out, first_byte(PacketType::pingreq), 0);
}

void encode_pingresp(ByteBuffer& out) {
    begin_packet(out, first_byte(PacketType::pingresp), 0);
}

void encode_disconnect(ByteBuffer& out, ReasonCode code, Version version, const Properties& properties) {
    encode_code(out, PacketType::disconnect, code, version, properties);
}

void encode_auth(ByteBuffer& out, ReasonCode code, const Properties& properties) {
    encode_code(out, PacketType::auth, code, Version::v5, properties);
}

}  // namespace millrace::mqtt
