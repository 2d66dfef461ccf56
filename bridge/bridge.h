// The browser door of one shard.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bridge/presence.h"
#include "bridge/room.h"
#include "bridge/socket_id.h"
#include "core/shard.h"
#include "core/timer_wheel.h"
#include "mqtt/broker/broker.h"

namespace millrace::bridge {

class Session;

/// Sessions and rooms of one shard, and the rosters of the channels that have their home here. Set up at
/// start with the list of all bridges, by shard index; used by its shard's thread; outlives the shard's
/// connections.
class Bridge final : private Rosters::Output,
                     private mqtt::ClientSource,
                     private mqtt::Presence,
                     private Timer {
  public:
    Bridge(mqtt::Broker& broker, const std::vector<Bridge*>& bridges);
    ~Bridge() override;
    Bridge(const Bridge&) = delete;
    Bridge& operator=(const Bridge&) = delete;

    /// For a socket that was just upgraded on /rt/<key>. `token` is the subprotocol, which the upgrade has
    /// echoed; empty: none. A wrong key is answered with one error frame and close 4401, since the published
    /// SDK retries for ever after a refused upgrade.
    /// `principal`: of the Authorization header, which only clients that are no browsers can send; nullptr:
    /// none.
    std::unique_ptr<Protocol> accept(Connection& connection, std::string_view key, std::string_view token,
                                     access::PrincipalPtr principal = nullptr);

    mqtt::Broker& broker() { return broker_; }
    Shard& shard() { return broker_.shard(); }
    const config::Limits& limits() const { return broker_.config().limits; }

    /// The message as a WebSocket frame; valid until the next call.
    ByteView encode(const Message& message);
    /// An empty buffer to write one frame's text to.
    ByteBuffer& scratch();

    /// The authoriser is another one: what the old one allowed is looked at again.
    void review();

    SocketId enrol(Session& session);
    void forget(const SocketId& id);
    /// nullptr: it is gone, or not of this shard.
    Session* find(const SocketId& id);

    /// The room of a channel or filter, made when there is none.
    Room& room(std::string_view name, bool wildcard);
    Room* find_room(std::string_view name);
    void release(Room& room);

    /// To the channel's home, wherever that is.
    void enter_roster(std::string_view channel, const Member& member, bool watch);
    void leave_roster(std::string_view channel, const SocketId& socket);

    /// A frame for one member of a channel.
    struct Private {
        std::string channel;
        SocketId from;
        SocketId to;
        bool authenticated_only = false;  ///< both sides must be authenticated
        SharedFrame frame;
    };
    /// Delivers on the receiver's shard; Session::private_failed tells the sender when it could not.
    void send_private(Private message);

  private:
    void presence_full(const SocketId& to, std::string_view channel, SharedFrame frame) override;
    void presence_update(std::uint32_t shard, std::string_view channel, SharedFrame frame) override;
    void answer_soon(std::string_view channel) override;
    unsigned watch_mqtt(std::string_view channel, std::uint64_t round) override;
    void unwatch_mqtt(std::string_view channel) override;
    void wake_at(TimePoint deadline) override;
    void on_timer(TimePoint now) override;

    void list_clients(mqtt::ClientPage& page) override;
    bool disconnect_client(std::string_view id) override;
    void list_members(std::string channel, std::string after, std::size_t limit,
                      std::function<void(mqtt::RosterPage)> done) override;
    void mqtt_entered(std::string_view channel, mqtt::MqttMember member) override;
    void mqtt_left(std::string_view channel, std::string_view client_id, mqtt::Leaving leaving) override;

    Bridge& home_of(std::string_view channel);
    void deliver_private(const Private& message);

    mqtt::Broker& broker_;
    const std::vector<Bridge*>& bridges_;
    Rosters rosters_;
    std::vector<Session*> sessions_;
    std::vector<std::uint32_t> free_slots_;
    std::unordered_map<std::string, std::unique_ptr<Room>> rooms_;
    ByteBuffer text_;
    ByteBuffer frame_;
    std::mt19937_64 random_;
};

}  // namespace millrace::bridge
