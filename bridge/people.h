// Who is in a channel, as the second generation sees it: users, not sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "bridge/frames_v2.h"
#include "bridge/presence.h"

namespace millrace::bridge {

/// What a socket is told of the members of a channel it is in.
enum class Show : std::uint8_t { nothing, others, everybody };

/// The channels whose home is one shard and in which somebody of the second generation watches, in the words
/// of that generation: a user's first socket or device is a joining, and the last a leaving. Whoever watches
/// here watches the roster, too, which says when everybody is known. Belongs to that shard; lives as long as
/// its bridge.
class People {
  public:
    /// Carries answers to the shards, those for one shard in the order of the calls.
    class Output {
      public:
        /// Everybody, for one socket.
        virtual void people(const SocketId& to, std::string_view channel, SharedFrame frame) = 0;
        /// One change, for every member of the second generation on `shard` who watches.
        virtual void people_update(std::uint32_t shard, std::string_view channel, SharedFrame frame) = 0;

      protected:
        ~Output() = default;
    };

    explicit People(Output& output);
    ~People();

    /// The roster has the member, or has it again.
    void entered(std::string_view channel, const Member& member);
    /// It is to be answered, and told of the changes that follow.
    void watch(std::string_view channel, const SocketId& socket, Show show);
    /// The roster answers `to`. False: it is none of those who watch here.
    bool answer(const Rosters& rosters, std::string_view channel, const SocketId& to, std::int64_t now_us);
    void left(std::string_view channel, const SocketId& socket);
    void mqtt_entered(std::string_view channel, const mqtt::MqttMember& client, std::int64_t now_us);
    void mqtt_left(std::string_view channel, const std::string& client_id);

    /// Channels with somebody who watches.
    std::size_t size() const { return crowds_.size(); }

  private:
    struct Presence;
    struct Crowd;

    /// nullptr: nobody has been told who is there.
    Crowd* known(std::string_view channel) const;
    void announce(std::string_view channel, const Crowd& crowd, const Presence& one, bool joined);
    void send(std::string_view channel, const Crowd& crowd, const SocketId& to, Show show);

    Output& output_;
    std::unordered_map<std::string, std::unique_ptr<Crowd>> crowds_;
};

}  // namespace millrace::bridge
