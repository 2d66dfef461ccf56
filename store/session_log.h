// The SessionLog port: MQTT sessions that outlive the process. Implementations: sqlite/, postgres/.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"

namespace millrace::store {

/// A subscription of a session that is kept.
struct KeptSubscription {
    std::string filter;  ///< `$share/<group>/<filter>`, too
    std::uint32_t identifier = 0;
    std::uint8_t qos = 0;
    bool no_local = false;
    bool retain_as_published = false;
    std::int64_t since_us = 0;  ///< messages committed up to then are not owed to it

    bool operator==(const KeptSubscription&) const = default;
};

/// Whom a session belongs to: as access::Principal has it.
struct SessionOwner {
    std::uint8_t kind = 0;
    std::string name;
    std::int64_t dbo_id = 0;
    std::int64_t row_id = 0;

    bool operator==(const SessionOwner&) const = default;
};

/// A session without its subscriptions.
struct KeptSession {
    std::int64_t id = 0;  ///< names one life of a session: the next one under the client id has another
    std::string client_id;
    SessionOwner owner;
    std::uint32_t expiry_s = 0;
    std::int64_t disconnected_us = 0;  ///< 0: connected
    /// Every message of a stored channel committed up to then was acknowledged, or is not for this session.
    std::int64_t caught_up_us = 0;
    std::uint16_t packet_id = 0;  ///< the last one given to a message

    bool operator==(const KeptSession&) const = default;
};

/// What has become of one session. Applying it twice is the same as once.
struct SessionChange {
    KeptSession session;
    bool ended = false;  ///< only the id counts: the session is gone, and its subscriptions with it
    /// What has changed, by filter; without a value: it is unsubscribed.
    std::map<std::string, std::optional<KeptSubscription>> subscriptions;
};

struct RestoredSession {
    KeptSession session;
    std::vector<KeptSubscription> subscriptions;
};

/// A channel that something was said in.
struct ChannelNews {
    std::int64_t id = 0;
    std::string name;
    std::int64_t newest_us = 0;  ///< when its newest message was committed
};

/// Keeps sessions, beside lanes and readers. Blocks; used by one thread. Every error but store_unavailable
/// means that what was asked for is refused for good.
class SessionLog {
  public:
    virtual ~SessionLog() = default;
    /// In one transaction; no two of the changes are of one session. Survives the process when it returns,
    /// and a loss of power if `durable`. After store_unavailable it may have happened or not.
    virtual error_code apply(std::span<const SessionChange> changes, bool durable) = 0;
    virtual Result<std::vector<RestoredSession>> load() = 0;
    /// The channels whose newest message was committed after `us`.
    virtual Result<std::vector<ChannelNews>> news(std::int64_t us) = 0;
    /// The newest seq of a channel, by id, that was committed at `us` or before; 0: there is none.
    virtual Result<std::uint64_t> position(std::int64_t channel_id, std::int64_t us) = 0;
};

}  // namespace millrace::store
