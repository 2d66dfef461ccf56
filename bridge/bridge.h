// The browser door of one shard.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bridge/cursors.h"
#include "bridge/dialect.h"
#include "bridge/people.h"
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
                     private People::Output,
                     private mqtt::ClientSource,
                     private mqtt::Presence,
                     private Timer {
  public:
    Bridge(mqtt::Broker& broker, const std::vector<Bridge*>& bridges);
    ~Bridge() override;
    Bridge(const Bridge&) = delete;
    Bridge& operator=(const Bridge&) = delete;

    /// For a socket that was just upgraded on /rt/<key> or /ws/<key>. `token` is the subprotocol, which the
    /// upgrade has echoed; empty: none. A wrong key is answered with one error frame and close 4401, since
    /// the published SDK retries for ever after a refused upgrade. `principal`: of the Authorization header,
    /// which only clients that are no browsers can send; nullptr: none.
    std::unique_ptr<Protocol> accept(Connection& connection, std::string_view key, std::string_view token,
                                     access::PrincipalPtr principal = nullptr,
                                     Generation generation = Generation::first);

    mqtt::Broker& broker() { return broker_; }
    Shard& shard() { return broker_.shard(); }
    const config::Limits& limits() const { return broker_.config().limits; }

    /// The message as a WebSocket frame; valid until the next call.
    ByteView encode(const Message& message, Generation generation);
    /// An empty buffer to write one frame's text to.
    ByteBuffer& scratch();

    /// The authoriser is another one: what the old one allowed is looked at again.
    void review();

    SocketId enrol(Session& session);
    void forget(const SocketId& id);
    /// nullptr: it is gone, or not of this shard.
    Session* find(const SocketId& id);

    /// The room of a channel or filter, made when there is none.
    Room& room(std::string_view name, bool wildcard, Generation generation);
    Room* find_room(std::string_view name, Generation generation);
    void release(Room& room);

    /// To the channel's home, wherever that is.
    void enter_roster(std::string_view channel, const Member& member, Generation generation, Show show);
    void leave_roster(std::string_view channel, const SocketId& socket);

    /// A message for some members of a channel, which no store keeps.
    struct Private {
        std::string channel;
        SocketId from;
        access::PrincipalPtr sender;
        std::string type;
        std::string payload;
    };
    /// Delivers on the receiver's shard; the sender is told when it could not.
    /// `authenticated_only`: both sides must be authenticated.
    void send_private(Private message, SocketId to, bool authenticated_only);

    /// What goes from shard to shard and comes back to its sender as a receipt.
    struct Round {
        std::string channel;
        SocketId from;
        std::uint64_t seq = 0;                    ///< of what was stored
        std::unique_ptr<const Private> direct{};  ///< for the sockets of one user; nullptr: only counts
        std::int64_t to_dbo_id = 0;
        std::int64_t to_row_id = 0;
        std::size_t reached = 0;
        std::size_t shards = 0;  ///< that were visited
    };
    void send_round(Round round);

    /// A reader's cursor, at the channel's home.
    struct CursorMove {
        enum class How : std::uint8_t { acknowledge, begin };
        std::string channel;
        std::string reader;
        std::uint64_t seq = 0;
        How how = How::acknowledge;
        SocketId asker{};  ///< Session::on_acknowledged follows; none: nobody asks
    };
    void move_cursor(CursorMove move);
    /// Session::on_cursor follows.
    void find_cursor(std::string_view channel, std::string reader, const SocketId& asker);

  private:
    void presence_full(const SocketId& to, std::string_view channel, SharedFrame frame) override;
    void presence_update(std::uint32_t shard, std::string_view channel, SharedFrame frame) override;
    void answer_soon(std::string_view channel) override;
    unsigned watch_mqtt(std::string_view channel, std::uint64_t round) override;
    void unwatch_mqtt(std::string_view channel) override;
    void wake_at(TimePoint deadline) override;
    void on_timer(TimePoint now) override;
    void mqtt_came(std::string_view channel, const mqtt::MqttMember& client) override;
    void mqtt_went(std::string_view channel, const std::string& client_id) override;
    void people(const SocketId& to, std::string_view channel, SharedFrame frame) override;
    void people_update(std::uint32_t shard, std::string_view channel, SharedFrame frame) override;

    void list_clients(mqtt::ClientPage& page) override;
    bool disconnect_client(std::string_view id) override;
    void list_members(std::string channel, std::string after, std::size_t limit,
                      std::function<void(mqtt::RosterPage)> done) override;
    void mqtt_entered(std::string_view channel, mqtt::MqttMember member) override;
    void mqtt_left(std::string_view channel, std::string_view client_id, mqtt::Leaving leaving) override;

    Bridge& home_of(std::string_view channel);
    void tell_socket(const SocketId& to, std::string_view channel, Generation generation, SharedFrame frame);
    void tell_room(std::uint32_t shard, std::string_view channel, Generation generation, SharedFrame frame);
    void deliver_private(const Private& message, const SocketId& to, bool authenticated_only);
    std::size_t deliver_direct(const Round& round);
    Cursors::Limits cursor_limits() const;

    mqtt::Broker& broker_;
    const std::vector<Bridge*>& bridges_;
    Rosters rosters_;
    People people_;
    Cursors cursors_;
    std::vector<Session*> sessions_;
    std::vector<std::uint32_t> free_slots_;
    using Rooms = std::unordered_map<std::string, std::unique_ptr<Room>>;
    std::array<Rooms, 2> rooms_;  ///< by generation
    ByteBuffer text_;
    ByteBuffer frame_;
    std::mt19937_64 random_;
};

}  // namespace millrace::bridge
