#include "mqtt/session/frame_cache.h"

#include <array>
#include <charconv>
#include <string_view>

#include "mqtt/codec/encode.h"

namespace millrace::mqtt {
namespace {

bool is_shared(const Message& message) {
    return message.payload().size() >= Outbox::kShareAtLeast;
}

std::string_view content_type_of(Encoding encoding) {
    switch (encoding) {
        case Encoding::json:
            return "application/json";
        case Encoding::text:
            return "text/plain; charset=utf-8";
        default:
            return "application/octet-stream";
    }
}

/// Which of the cached frames: 3.x, 5.0, and 5.0 with a topic alias, defined or used; each with QoS 0 or
/// above.
std::size_t layout_of(const Delivery& delivery, Version version) {
    const std::size_t acknowledged = delivery.qos != 0 ? 1 : 0;
    if (version != Version::v5) return acknowledged;
    if (delivery.topic.alias == 0) return 2 + acknowledged;
    return (delivery.topic.known ? 6 : 4) + acknowledged;
}

/// The last value that the publisher has given the name; empty: none.
std::string_view last_user_property(const Properties& properties, std::string_view wanted) {
    std::string_view found;
    properties.for_each_user_property([&](std::string_view name, std::string_view value) {
        if (name == wanted) found = value;
    });
    return found;
}

}  // namespace

bool FrameCache::append(Outbox& out, const MessagePtr& message, const Delivery& delivery, Version version,
                        std::uint32_t remaining_s, std::size_t bytes_max) {
    const Frame& frame = frame_of(message, delivery, version, remaining_s);
    if (frame.size > bytes_max) return false;
    std::byte* packet = out.tail().extend(frame.header.size());
    std::memcpy(packet, frame.header.data(), frame.header.size());
    packet[0] =
        static_cast<std::byte>(static_cast<unsigned>(PacketType::publish) << 4 | (delivery.dup ? 8U : 0U) |
                               unsigned{delivery.qos} << 1 | (delivery.retain ? 1U : 0U));
    if (delivery.qos != 0) patch_u16(packet, frame.packet_id_offset, delivery.packet_id);
    if (frame.topic_alias_offset != 0) patch_u16(packet, frame.topic_alias_offset, delivery.topic.alias);
    if (is_shared(*message)) out.append_shared(message, message->payload());
    return true;
}

const FrameCache::Frame& FrameCache::frame_of(const MessagePtr& message, const Delivery& delivery,
                                              Version version, std::uint32_t remaining_s) {
    if ((!delivery.identifiers.empty() || delivery.reset_to != 0) && version == Version::v5) {
        encode(special_, *message, delivery, version, remaining_s);
        return special_;
    }
    // Holding the message keeps its address from being given to another one.
    if (message_ != message || remaining_s_ != remaining_s) {
        message_ = message;
        remaining_s_ = remaining_s;
        ready_ = 0;
    }
    const std::size_t layout = layout_of(delivery, version);
    Frame& frame = frames_[layout];
    if ((ready_ >> layout & 1U) == 0) {
        encode(frame, *message, delivery, version, remaining_s);
        ready_ = static_cast<std::uint8_t>(ready_ | 1U << layout);
    }
    return frame;
}

void FrameCache::encode(Frame& frame, const Message& message, const Delivery& delivery, Version version,
                        std::uint32_t remaining_s) {
    OutgoingPublish publish;
    if (!delivery.topic.known) publish.topic = message.channel();
    publish.topic_alias = delivery.topic.alias;
    publish.payload = message.payload();
    publish.qos = static_cast<Qos>(delivery.qos);
    publish.subscription_ids = delivery.identifiers;
    if (message.expiry_s()) publish.message_expiry_s = remaining_s;  // [MQTT-3.3.2-6]
    if (version == Version::v5) publish.forwarded_properties = properties_of(message, delivery.reset_to);
    frame.header.clear();
    const EncodedPublish encoded = is_shared(message) ? encode_publish_header(frame.header, publish, version)
                                                      : encode_publish(frame.header, publish, version);
    frame.packet_id_offset = encoded.packet_id_offset;
    frame.topic_alias_offset = encoded.topic_alias_offset;
    frame.size = encoded.size;
}

/// What the publisher sent along, in its order [MQTT-3.3.2-18], and for a stored message what a subscriber
/// needs to resume: as the last of their names, so that a publisher cannot pass for us.
ByteView FrameCache::properties_of(const Message& message, std::uint64_t reset_to) {
    if (message.seq() == 0) return message.properties();
    properties_.clear();
    properties_.append(message.properties());
    const auto given = parse_properties(message.properties(), PropertyOwner::publish, Sender::server);
    PropertyWriter writer(properties_);
    if (!given || !given->has(PropertyId::content_type)) {
        writer.text(PropertyId::content_type, content_type_of(message.encoding()));
    }
    std::array<char, 24> digits{};
    const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), message.seq()).ptr;
    const std::string_view seq(digits.data(), static_cast<std::size_t>(end - digits.data()));
    writer.user_property("seq", seq);
    writer.user_property("epoch", epoch_);
    if (message.id().empty()) {
        writer.user_property("id", epoch_ + "-" + std::string(seq));
    } else if (!given || last_user_property(*given, "id") != message.id()) {
        writer.user_property("id", message.id());
    }
    writer.user_property("type", message.kind() == MessageKind::event ? "event" : "message");
    if (reset_to != 0) {
        writer.user_property("reset", "true");
        writer.user_property("first", std::to_string(reset_to));
    }
    return properties_.view();
}

}  // namespace millrace::mqtt
