// What one browser says and hears.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/bridge.h"
#include "bridge/dialect.h"
#include "bridge/frames_v2.h"
#include "bridge/joining.h"
#include "bridge/room.h"
#include "core/access/authoriser.h"
#include "core/net/connection.h"
#include "core/net/websocket.h"
#include "mqtt/broker/client_source.h"
#include "mqtt/broker/readable_page.h"
#include "store/log.h"

namespace millrace::bridge {

/// One browser socket after its upgrade. Takes its frames strictly in order: while a join or a history
/// request waits for its answer, the rest stays in the connection. Owned by the connection, on its shard.
class Session final : public Protocol, private websocket::Receiver {
  public:
    /// `refused`: start() says why and closes with 4401.
    Session(Bridge& bridge, Connection& connection, access::PrincipalPtr principal, Generation generation,
            bool refused);

    /// Once the socket speaks WebSocket: says what was wrong with how it came, unless that is empty.
    void start(std::string_view complaint, std::string_view code);

    std::size_t on_bytes(ByteView bytes) override;
    void on_closed(error_code reason) override;
    void on_deadline(TimePoint now) override;
    void on_drained() override;
    void on_published(std::uint64_t token, const PublishResult& result) override;
    void on_denied(std::uint64_t token, std::string_view reason) override;
    void on_shutdown() override;

    /// Leaves the channels that may not be joined any more.
    void review();

    const SocketId& id() const { return id_; }
    const access::Principal& principal() const { return *principal_; }
    Generation generation() const { return generation_; }
    Bridge& bridge() { return bridge_; }
    const access::Authoriser& authoriser() const;
    const std::string& epoch() const;

    mqtt::ClientInfo info() const;
    /// By order of an administrator.
    void send_away();

    // For rooms.
    void hold(const MessagePtr& message) { joining_->hold(message); }
    void close_slow();
    void dropped_presence();
    void moved(const Room& room, std::uint32_t index);
    /// Whether a room that comes before `room` brings this channel too.
    bool gets_elsewhere(const Room& room, std::string_view channel) const;

    // For whoever has a frame for this browser. A text becomes one WebSocket frame.
    void send(ByteView text);
    void send(const SharedFrame& frame);
    void send_message(const Message& message);
    void send_message(const Message& message, v2::Flow flow);
    void send_private(const Bridge::Private& message);
    void send_receipt(const Bridge::Round& round);
    void send_history(std::string_view channel, const mqtt::ReadablePage& page);
    void send_conversation(std::string_view channel, const mqtt::ReadablePage& page);
    void send_error(std::string_view channel, std::string_view message, std::string_view code);
    bool is_member(std::string_view channel) const;
    void on_presence_full(std::string_view channel, const SharedFrame& frame);
    void on_cursor(std::string_view channel, std::optional<Cursors::Place> cursor);
    void on_acknowledged(std::string_view channel, std::uint64_t cursor);

    // For the join under way.
    Room::Member& member(std::string_view channel);
    /// This socket has, or gets, everything behind this seq; kNotKnown: it began somewhere.
    std::uint64_t& begin_of(std::string_view channel) { return find(channel)->begin; }
    static constexpr std::uint64_t kNotKnown = std::numeric_limits<std::uint64_t>::max();
    std::size_t outbox_bytes() { return connection_.out().bytes(); }
    void read(store::Range range);
    /// The newest messages that this browser may have, as many as the channel's rule gives a joiner.
    void read_newest(std::string_view channel);
    void enter_roster(std::string_view channel, bool watch);
    /// Whose cursor it is; empty: nobody's who could be known again.
    std::string reader(std::string_view channel, std::string_view client_id) const;
    void find_cursor(std::string_view channel, std::string_view client_id);
    void leave(std::string_view channel);
    void finish_joining();

  private:
    struct Membership {
        Room* room;
        std::uint32_t index;
        bool in_roster;
        std::uint64_t begin = kNotKnown;
    };
    struct Pending {
        std::uint64_t token;
        MessagePtr message;
    };

    void on_message(websocket::Opcode opcode, ByteView payload) override;
    void on_ping(ByteView payload) override;
    void on_pong(ByteView) override {}
    void on_close(std::uint16_t code, std::string_view reason) override;

    void handle(ClientFrame frame);
    void handle_join(ClientFrame frame);
    void join(ClientFrame frame);
    void handle_leave(const ClientFrame& frame);
    void handle_message(const ClientFrame& frame);
    void handle_private(const ClientFrame& frame);
    void handle_broadcast(const ClientFrame& frame);
    void handle_direct(const ClientFrame& frame);
    void handle_ack(const ClientFrame& frame);
    void handle_presence(const ClientFrame& frame);
    void handle_ping();
    bool remember_client(const ClientFrame& frame);
    Bridge::Private letter(const ClientFrame& frame) const;
    void enter_roster(std::string_view channel, Show show);
    void handle_history(ClientFrame frame);
    void read_history(ClientFrame frame);
    bool ask_to_join(ClientFrame& frame, void (Session::*go_on)(ClientFrame));
    bool ask_to_write(const ClientFrame& frame);
    void send_private(const ClientFrame& frame);
    MessagePtr message_of(const ClientFrame& frame);
    void end_pending(std::uint64_t token, std::string_view what, std::string_view code,
                     std::uint64_t seq = 0);
    void on_history(const std::string& channel, const Result<mqtt::ReadablePage>& page);
    mqtt::ReadablePage newest(std::string_view channel) const;
    void publish(const ClientFrame& frame);
    void confirm(std::string_view channel, std::uint64_t seq);
    const Dialect& dialect() const { return dialect_of(generation_); }

    access::Decision may_join(std::string_view name, bool wildcard) const;
    void watch_time();
    bool waiting() const;
    void read_on();
    bool is_legal(std::string_view name, bool wildcard) const;
    bool check_name(std::string_view channel, bool wildcard);
    bool refuse(std::string_view channel, const access::Decision& decision);
    void repair_presence();
    void close(websocket::CloseCode code, std::string_view reason);
    Membership* find(std::string_view channel);

    Bridge& bridge_;
    Connection& connection_;
    access::PrincipalPtr principal_;
    websocket::Decoder decoder_;
    std::vector<Membership> memberships_;
    std::vector<Pending> pending_;  ///< publishes whose commit is awaited, oldest first
    std::unique_ptr<Joining> joining_;
    std::unique_ptr<const std::string> client_id_;  ///< the latest that a join gave
    SocketId id_;
    std::uint64_t next_token_ = 0;
    const std::int64_t connected_at_us_;
    std::uint8_t unanswered_pings_ = 0;
    const Generation generation_;
    const bool refused_;
    bool reading_history_ = false;
    bool asking_hooks_ = false;
    bool paused_ = false;
    bool stale_presence_ = false;
};

}  // namespace millrace::bridge
