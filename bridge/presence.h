// Who is in a channel: one roster for all shards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bridge/frames.h"
#include "bridge/socket_id.h"
#include "core/access/principal.h"
#include "core/clock.h"
#include "mqtt/broker/presence.h"

namespace millrace::bridge {

/// One browser socket as others see it.
struct Member {
    SocketId socket;
    access::PrincipalPtr principal;
    std::int64_t since_us = 0;  ///< when it entered
};

/// The rosters of the channels whose home is one shard. What comes in from all shards is put into one order
/// here, and every answer follows that order. Browsers are always known. MQTT clients are only while somebody
/// watches, when every shard is asked and tells what changes (docs/decisions/0020). Belongs to that shard and
/// lives as long as its bridge.
class Rosters {
  public:
    /// Carries answers and questions to the shards, those for one shard in the order of the calls.
    class Output {
      public:
        /// The whole roster, for one socket.
        virtual void presence_full(const SocketId& to, std::string_view channel, SharedFrame frame) = 0;
        /// One change, for every member on `shard` who watches.
        virtual void presence_update(std::uint32_t shard, std::string_view channel, SharedFrame frame) = 0;
        /// Somebody waits for a roster: answer() is to be called soon, once for all that come until then.
        virtual void answer_soon(std::string_view channel) = 0;
        /// Every shard is to give its MQTT members to mqtt_members(), and then each change. How many shards
        /// there are.
        virtual unsigned watch_mqtt(std::string_view channel, std::uint64_t round) = 0;
        virtual void unwatch_mqtt(std::string_view channel) = 0;
        /// A change among the MQTT members, told to those who watch.
        virtual void mqtt_came(std::string_view channel, const mqtt::MqttMember& client) = 0;
        virtual void mqtt_went(std::string_view channel, const std::string& client_id) = 0;
        /// expire() is to be called at that time.
        virtual void wake_at(TimePoint deadline) = 0;

      protected:
        ~Output() = default;
    };

    explicit Rosters(Output& output);
    ~Rosters();

    /// The member is in; entering again changes nothing. Who watches is answered with the roster each time,
    /// itself included, and gets the changes that follow.
    void enter(std::string_view channel, const Member& member, bool watch);
    void leave(std::string_view channel, const SocketId& socket);
    void answer(std::string_view channel);

    using MqttMembers = std::vector<mqtt::MqttMember>;
    void mqtt_members(std::string_view channel, std::uint32_t shard, std::uint64_t round,
                      const MqttMembers& members);
    void mqtt_entered(std::string_view channel, std::uint32_t shard, const mqtt::MqttMember& member);
    /// A session that moves has a moment to appear in its new place.
    void mqtt_left(std::string_view channel, std::uint32_t shard, const std::string& client_id,
                   mqtt::Leaving leaving, TimePoint now);
    /// Those that should have moved and have not appeared are gone.
    void expire(TimePoint now);
    static constexpr Milliseconds kMoving{2000};

    /// The browsers, and the MQTT clients while somebody watches; in no particular order.
    std::vector<Member> members(std::string_view channel) const;
    MqttMembers clients(std::string_view channel) const;

    /// `after`: empty, or the `next` of the page before. `clients`: the MQTT members of all shards.
    mqtt::RosterPage list(std::string_view channel, std::string_view after, std::size_t limit,
                          MqttMembers clients) const;

    /// Channels with a browser in them.
    std::size_t size() const { return rosters_.size(); }

  private:
    struct Roster;
    struct Watching;
    struct Move {
        TimePoint deadline;
        std::string channel;
        std::string client_id;
    };

    Roster* find(std::string_view channel) const;
    /// nullptr: nobody watches, or what that shard tells now belongs to an earlier time.
    Watching* watching(std::string_view channel, std::uint32_t shard) const;
    void announce(std::string_view channel, bool joined, ByteView member);
    void add(std::string_view channel, Watching& watching, const mqtt::MqttMember& member);
    void remove(std::string_view channel, Watching& watching, const std::string& client_id);

    Output& output_;
    std::unordered_map<std::string, std::unique_ptr<Roster>> rosters_;
    std::deque<Move> moves_;  ///< by deadline
    std::uint64_t round_ = 0;
};

}  // namespace millrace::bridge
