// One socket with what is spoken on it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/net/outbox.h"
#include "core/net/poller.h"
#include "core/net/protocol.h"
#include "core/timer_wheel.h"

namespace millrace {

class Shard;

/// A non-blocking stream socket, its outbox and its protocol. Owned by its shard's ConnectionTable, destroyed
/// at the end of the turn in which it closed; used by its shard only. An idle one holds no buffer.
class Connection final : public PollHandler, private Timer {
  public:
    Connection(Shard& shard, int descriptor, ConnectionId id);
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Shard& shard() { return shard_; }
    ConnectionId id() const { return id_; }
    int descriptor() const { return descriptor_; }
    Outbox& out() { return out_; }
    Protocol& protocol() { return *protocol_; }
    /// "203.0.113.9:51234", asked from the kernel: for logs.
    std::string peer() const;
    /// True when the peer's address is a loopback one or the socket is local.
    bool peer_is_loopback() const;

    /// Begins to read. Called once, by the acceptor.
    void start(std::unique_ptr<Protocol> protocol);
    /// From inside on_bytes: what was not consumed, and everything after, goes to `next`. The old protocol is
    /// destroyed without on_closed.
    void upgrade(std::unique_ptr<Protocol> next);

    /// There is something in out(): it leaves at the end of this turn.
    void wake();
    /// Stop reading; what was not consumed is kept.
    void pause();
    /// Read on; what was kept is offered again at the end of this turn.
    void resume();
    /// Closes once everything in out() is sent and the peer has closed too, or after some seconds.
    void close_after_flush();
    /// Closes now; on_closed follows before the turn ends.
    void close(error_code reason = {});
    bool closing() const { return state_ != State::open; }

    /// One deadline at a time; it calls Protocol::on_deadline.
    void set_deadline(Milliseconds delay);
    void clear_deadline();

    void on_ready(std::uint32_t events) override;

  private:
    friend class ConnectionTable;
    enum class State : std::uint8_t { open, draining, lingering, closed };

    void on_timer(TimePoint now) override;
    void read();
    void discard();
    void feed(ByteView fresh);
    std::size_t offer(ByteView bytes);
    void flush();
    void watch();

    Shard& shard_;
    std::unique_ptr<Protocol> protocol_;
    std::unique_ptr<Protocol> next_protocol_;
    Outbox out_;
    ByteBuffer kept_;
    ConnectionId id_;
    int descriptor_;
    std::uint32_t watched_events_ = 0;
    State state_ = State::open;
    bool paused_ = false;
    bool dirty_ = false;
    bool resuming_ = false;
    bool blocked_ = false;
};

/// All connections of one shard, and the work they have at the end of a turn. Owned by the shard.
class ConnectionTable {
  public:
    explicit ConnectionTable(Shard& shard);
    ~ConnectionTable();

    /// Takes the descriptor over; it must be non-blocking.
    Connection& adopt(int descriptor);
    /// nullptr when it is gone.
    Connection* find(ConnectionId id);
    std::size_t size() const { return open_; }

    /// Tells every protocol that the server goes away.
    void shut_down();
    /// Closes every connection at once: the shard's loop is about to end.
    void close_all();
    /// The end of a turn, in this order, with the shard's TurnEnd listeners before flush().
    void resume_waiting();
    void destroy_closed();
    void flush();
    /// Whether there is work that must not wait for the next event.
    bool unfinished() const { return !resuming_.empty() || !dirty_.empty() || !closed_.empty(); }

  private:
    friend class Connection;
    struct Slot {
        std::unique_ptr<Connection> connection;
        std::uint64_t generation = 0;
    };
    struct Closed {
        ConnectionId id;
        error_code reason;
    };

    Shard& shard_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::size_t open_ = 0;
    std::uint64_t next_generation_ = 1;
    std::vector<ConnectionId> dirty_;
    std::vector<ConnectionId> resuming_;
    std::vector<Closed> closed_;
};

}  // namespace millrace
