// What all sessions of one shard share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/counters.h"
#include "mqtt/session/frame_cache.h"

namespace millrace::mqtt {

/// The limits that the protocol keeps; each is a key of the configuration.
struct SessionLimits {
    std::size_t packet_bytes = 1 << 20;
    std::size_t outbox_bytes = 16 << 20;
    std::size_t client_id_bytes = 65'535;
    std::size_t topic_bytes = 65'535;
    std::size_t topic_levels = 128;
    std::size_t subscriptions = 10'000;
    std::size_t queue_messages = 100'000;
    std::size_t queue_bytes = 64 << 20;
    std::size_t queued_messages = 10'000'000;  ///< of all sessions
    std::size_t queued_bytes = 1 << 30;
    std::size_t publish_rate = 0;  ///< a second; 0: any
    std::size_t publish_burst = 0;
    std::uint32_t session_expiry_s = 86'400;
    std::uint32_t replay_messages = 1000;  ///< that a subscription may ask for at most
    std::uint16_t keep_alive_max_s = 0;    ///< 0: any
    std::uint16_t receive_maximum = 256;
    std::uint16_t inflight_messages = 100;
    std::uint16_t topic_alias_maximum = 16;
    std::uint16_t topic_alias_out = 16;
};

/// What waits in the sessions of all shards.
struct QueueTotals {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
};
class QueueCensus {
  public:
    virtual QueueTotals queued() const = 0;

  protected:
    ~QueueCensus() = default;
};

/// The room that limits.queued_messages and queued_bytes leave. Other shards' figures are not looked at for
/// each message, so the limits may be passed by a few messages a shard. Belongs to a SessionContext.
class QueueRoom {
  public:
    /// Without a census there is no limit.
    void watch(const QueueCensus& census) { census_ = &census; }
    /// False: there is no room for a message of so many bytes.
    bool take(std::size_t bytes, const SessionLimits& limits);

  private:
    bool fits(std::size_t bytes) const { return messages_ != 0 && bytes_ >= bytes; }

    const QueueCensus* census_ = nullptr;
    unsigned fresh_ = 0;  ///< messages until the next look
    std::uint64_t messages_ = 0;
    std::uint64_t bytes_ = 0;
};

/// One per shard, on its thread; outlives the shard's sessions.
struct SessionContext {
    SessionContext(const SessionLimits& wanted, std::string epoch, Counters& counted)
        : limits(wanted), counters(counted), frames(std::move(epoch)) {}

    SessionLimits limits;
    Counters& counters;
    FrameCache frames;
    QueueRoom queue_room;
    ByteBuffer scratch;  ///< for whoever builds a packet; nothing in it outlives the function that used it
};

}  // namespace millrace::mqtt
