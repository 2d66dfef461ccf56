// Who receives: the port that MQTT sessions and browser rooms implement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/message.h"
#include "mqtt/broker/presence.h"

namespace millrace::mqtt {

/// What a subscriber asked for with one filter [MQTT 5.0, 3.8.3.1].
struct SubscriptionOptions {
    std::uint8_t qos = 0;
    bool no_local = false;
    bool retain_as_published = false;
    std::uint32_t identifier = 0;  ///< subscription identifier; 0: none
};

/// How a message matched one subscriber, its overlapping subscriptions taken together.
struct Match {
    std::uint8_t qos = 0;  ///< the highest that any matching subscription granted [MQTT-3.3.4-2]
    bool retain_as_published = false;
    bool retained = false;                       ///< delivered because of a new subscription [MQTT-3.3.1-8]
    std::span<const std::uint32_t> identifiers;  ///< valid during deliver()
};

/// Belongs to one shard; must take itself out of the shard's SubscriptionIndex before it dies.
class Subscriber {
  public:
    virtual void deliver(const MessagePtr& message, const Match& match) = 0;
    /// For No Local [MQTT-3.8.3-3]: equal to Message::origin() of what this subscriber published itself.
    virtual const void* origin() const { return nullptr; }
    /// How many clients stand behind it.
    virtual std::size_t clients() const { return 1; }
    /// As the roster of a channel it has subscribed to has it; nothing: it is no MQTT client, or not
    /// connected.
    virtual std::optional<MqttMember> mqtt_member() const { return std::nullopt; }

  protected:
    Subscriber() = default;
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;
    ~Subscriber() = default;

  private:
    friend class SubscriptionIndex;
    std::uint64_t matched_at_ = 0;  ///< SubscriptionIndex: the walk that found it last,
    std::uint32_t match_slot_ = 0;  ///< and where in that walk's result
};

}  // namespace millrace::mqtt
