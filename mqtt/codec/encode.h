// Packets to bytes: each function appends one control packet to a buffer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/bytes.h"
#include "mqtt/codec/packets.h"

namespace millrace::mqtt {

// Encoders trust their caller: names are legal, texts at most 65,535 bytes, packets at most kMaxVarint.
// Properties are written for 5.0 only and must not lie in the buffer that is written to.

/// A PUBLISH to be sent. What stands after `packet_id` is written for 5.0 only.
struct OutgoingPublish {
    std::string_view topic;
    ByteView payload;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    bool dup = false;
    std::uint16_t packet_id = 0;  ///< written when qos > 0
    std::optional<std::uint32_t> message_expiry_s;
    std::span<const std::uint32_t> subscription_ids;
    std::uint16_t topic_alias = 0;  ///< 0: none
    ByteView forwarded_properties;  ///< raw, as Properties::write_forwardable() or PropertyWriter made them
};

/// Where a PUBLISH lies in the buffer it was appended to.
struct EncodedPublish {
    std::size_t offset = 0;              ///< of byte 1, which holds type, DUP, QoS and RETAIN
    std::size_t size = 0;                ///< of the whole packet
    std::size_t packet_id_offset = 0;    ///< from `offset`; 0 with QoS 0
    std::size_t topic_alias_offset = 0;  ///< from `offset`; 0 without one
};

/// The bytes encode_publish() would append: to compare with the receiver's limit before ([MQTT-3.1.2-24]).
std::size_t encoded_size(const OutgoingPublish& publish, Version version);
EncodedPublish encode_publish(ByteBuffer& out, const OutgoingPublish& publish, Version version);
/// Everything but the payload, which its lengths count: the caller sends that itself.
EncodedPublish encode_publish_header(ByteBuffer& out, const OutgoingPublish& publish, Version version);

/// Changes packet id or topic alias of a copied PUBLISH that starts at `packet`; `offset` is that of
/// EncodedPublish.
inline void patch_u16(std::byte* packet, std::size_t offset, std::uint16_t value) {
    packet[offset] = static_cast<std::byte>(value >> 8);
    packet[offset + 1] = static_cast<std::byte>(value);
}
inline constexpr std::byte kDupFlag{0x08};
inline constexpr std::byte kRetainFlag{0x01};
inline void patch_flag(std::byte* packet, std::byte flag, bool on) {
    packet[0] = on ? packet[0] | flag : packet[0] & ~flag;
}

void encode_connect(ByteBuffer& out, const Connect& connect);
/// To 3.x the code is turned into a return code; 3.1 has no session present flag.
void encode_connack(ByteBuffer& out, const Connack& connack, Version version);
/// PUBACK, PUBREC, PUBREL, PUBCOMP: four bytes on success and to 3.x.
void encode_publish_ack(ByteBuffer& out, PacketType type, std::uint16_t packet_id, ReasonCode code,
                        Version version, const Properties& properties = {});
void encode_subscribe(ByteBuffer& out, std::uint16_t packet_id,
                      std::span<const SubscriptionRequest> subscriptions, Version version,
                      const Properties& properties = {});
/// To 3.x every error is 0x80.
void encode_suback(ByteBuffer& out, std::uint16_t packet_id, std::span<const ReasonCode> codes,
                   Version version, const Properties& properties = {});
void encode_unsubscribe(ByteBuffer& out, std::uint16_t packet_id, std::span<const std::string_view> filters,
                        Version version, const Properties& properties = {});
/// To 3.x without the codes.
void encode_unsuback(ByteBuffer& out, std::uint16_t packet_id, std::span<const ReasonCode> codes,
                     Version version, const Properties& properties = {});
void encode_pingreq(ByteBuffer& out);
void encode_pingresp(ByteBuffer& out);
/// A 3.x server has no DISCONNECT: it closes the connection.
void encode_disconnect(ByteBuffer& out, ReasonCode code, Version version, const Properties& properties = {});
void encode_auth(ByteBuffer& out, ReasonCode code, const Properties& properties);

}  // namespace millrace::mqtt
