// Who is in a channel: one roster for all shards.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "bridge/frames.h"
#include "bridge/socket_id.h"
#include "core/access/principal.h"
#include "mqtt/broker/presence.h"

namespace millrace::bridge {

/// One browser socket as others see it.
struct Member {
    SocketId socket;
    access::PrincipalPtr principal;
};

/// The rosters of the channels whose home is one shard. What comes in from all shards is put into one order
/// here, and every answer follows that order. Belongs to that shard; lives as long as its bridge.
class Rosters {
  public:
    /// Carries answers to the shards, those for one shard in the order of the calls.
    class Output {
      public:
        /// The whole roster, for one socket.
        virtual void presence_full(const SocketId& to, std::string_view channel, SharedFrame frame) = 0;
        /// One change, for every member on `shard` who watches.
        virtual void presence_update(std::uint32_t shard, std::string_view channel, SharedFrame frame) = 0;

      protected:
        ~Output() = default;
    };

    explicit Rosters(Output& output);
    ~Rosters();

    /// The member is in; entering again changes nothing. Who watches is answered with the roster each time,
    /// itself included, and gets the changes that follow.
    void enter(std::string_view channel, const Member& member, bool watch);
    void leave(std::string_view channel, const SocketId& socket);

    /// Members behind `after`, in the order of their entering.
    mqtt::RosterPage list(std::string_view channel, std::uint64_t after, std::size_t limit) const;

    /// Channels with somebody in them.
    std::size_t size() const { return rosters_.size(); }

  private:
    struct Roster;

    void announce(std::string_view channel, const Roster& roster, const Member& member, bool joined);
    void answer(std::string_view channel, const Roster& roster, const SocketId& to);

    Output& output_;
    std::unordered_map<std::string, std::unique_ptr<Roster>> rosters_;
};

}  // namespace millrace::bridge
