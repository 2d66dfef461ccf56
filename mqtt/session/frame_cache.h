// A message's PUBLISH packets, encoded once and copied to every connection that gets them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/bytes.h"
#include "core/message.h"
#include "core/net/outbox.h"
#include "mqtt/codec/reason_code.h"
#include "mqtt/session/topic_aliases.h"

namespace millrace::mqtt {

/// How one PUBLISH differs from the others of the same message.
struct Delivery {
    std::uint8_t qos = 0;
    bool retain = false;
    bool dup = false;
    std::uint16_t packet_id = 0;
    std::span<const std::uint32_t> identifiers;  ///< subscription identifiers, to 5.0
    std::uint64_t reset_to = 0;                  ///< as in Terms, to 5.0
    TopicForm topic = {};
};

/// Encodes PUBLISH packets. Remembers the frames of the message it saw last: one per layout, and what else
/// differs (QoS 1 or 2, DUP, RETAIN, packet id, topic alias) is patched into the copy. One per shard.
class FrameCache {
  public:
    explicit FrameCache(std::string epoch) : epoch_(std::move(epoch)) {}

    /// Appends the PUBLISH to `out`. `remaining_s` is what is left of the message's expiry interval, if it
    /// has one. False, and nothing is appended: it is larger than `bytes_max` [MQTT-3.1.2-24].
    bool append(Outbox& out, const MessagePtr& message, const Delivery& delivery, Version version,
                std::uint32_t remaining_s, std::size_t bytes_max);

  private:
    struct Frame {
        ByteBuffer header;  ///< the whole packet, unless its payload is long enough to be shared
        std::size_t packet_id_offset = 0;
        std::size_t topic_alias_offset = 0;
        std::size_t size = 0;
    };

    const Frame& frame_of(const MessagePtr& message, const Delivery& delivery, Version version,
                          std::uint32_t remaining_s);
    void encode(Frame& frame, const Message& message, const Delivery& delivery, Version version,
                std::uint32_t remaining_s);
    ByteView properties_of(const Message& message, std::uint64_t reset_to);

    std::string epoch_;
    MessagePtr message_;
    std::uint32_t remaining_s_ = 0;
    std::array<Frame, 8> frames_;
    std::uint8_t ready_ = 0;  ///< a bit for each of them
    Frame special_;           ///< with what the message goes to this client with only
    ByteBuffer properties_;
};

}  // namespace millrace::mqtt
