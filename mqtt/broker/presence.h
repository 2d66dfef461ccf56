// Who is in a channel: the port to the rosters, for doors that do not keep them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/access/principal.h"

namespace millrace::mqtt {

/// A connected client that has subscribed to exactly one channel, neither by a wildcard nor in a group.
struct MqttMember {
    std::string client_id;
    access::PrincipalPtr principal;
};

/// What the `socketId` of an MQTT client begins with; its client id follows. No browser's begins so.
inline constexpr std::string_view kMqttSocketId = "mqtt:";

/// Why an MQTT client is a member no more.
enum class Leaving : std::uint8_t {
    gone,
    moves,  ///< another connection takes its session over, and is a member at once
};

/// A part of a roster: browsers in the order of entering, then MQTT clients by client id.
struct RosterPage {
    std::string members;    ///< a JSON array of member objects
    std::size_t total = 0;  ///< of the whole roster
    std::string next;       ///< `after` of the next page; empty: this is the last
};

/// The rosters of all shards, as one shard reaches them. Belongs to that shard's thread.
class Presence {
  public:
    /// `done` runs on this shard. `after`: empty, or the `next` of the page before.
    virtual void list_members(std::string channel, std::string after, std::size_t limit,
                              std::function<void(RosterPage)> done) = 0;
    /// Of channels that Attendance watches on this shard. Entering again changes nothing; who leaves may not
    /// have been a member.
    virtual void mqtt_entered(std::string_view channel, MqttMember member) = 0;
    virtual void mqtt_left(std::string_view channel, std::string_view client_id, Leaving leaving) = 0;

  protected:
    ~Presence() = default;
};

}  // namespace millrace::mqtt
