// The bytes that the cases work on.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/message.h"
#include "mqtt/codec/encode.h"

namespace millrace::bench {

// Where in a cache line a text begins decides how many steps the string functions need, so it is fixed.
alignas(64) inline constexpr char kTopicText[] = "site/4711/room/12/temperature";
alignas(64) inline constexpr char kPayloadText[] =
    R"({"sensor":"t-0815","value":21.75,"unit":"C","at":1792000000.123})";
inline constexpr std::string_view kTopic = kTopicText;
/// 64 bytes of JSON.
inline constexpr std::string_view kPayload = kPayloadText;
static_assert(kPayload.size() == 64);
/// The user properties `seq` and `type` and a content type.
inline ByteBuffer sample_properties() {
    ByteBuffer raw;
    mqtt::PropertyWriter writer(raw);
    writer.text(mqtt::PropertyId::content_type, "application/json");
    writer.user_property("region", "eu-central-1");
    writer.user_property("type", "measurement");
    return raw;
}

inline ByteBuffer sample_publish(mqtt::Version version, mqtt::Qos qos, std::uint16_t packet_id = 1,
                                 std::string_view topic = kTopic, std::string_view payload = kPayload) {
    mqtt::OutgoingPublish publish;
    publish.topic = topic;
    publish.payload = as_bytes(payload);
    publish.qos = qos;
    publish.packet_id = packet_id;
    ByteBuffer out;
    mqtt::encode_publish(out, publish, version);
    return out;
}

inline MessagePtr sample_message(std::string_view channel = kTopic, std::string_view payload = kPayload,
                                 std::uint8_t qos = 0) {
    MessageFields fields;
    fields.channel = channel;
    fields.payload = as_bytes(payload);
    fields.qos = qos;
    return Message::create(fields);
}

/// As a store numbers it.
inline MessagePtr stored_message(std::string_view payload = kPayload) {
    const MessagePtr message = sample_message(kTopic, payload, 1);
    message->stamp(123'456, 1'792'000'000'123'000);
    return message;
}

}  // namespace millrace::bench
