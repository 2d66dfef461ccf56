// One socket with what is spoken on it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/net/address.h"
#include "core/net/outbox.h"
#include "core/net/poller.h"
#include "core/net/protocol.h"
#include "core/timer_wheel.h"

namespace millrace {

class Shard;

namespace tls {
class Stream;
}

/// A non-blocking stream socket, its outbox and its protocol. Owned by its shard's ConnectionTable, destroyed
/// at the end of the turn in which it closed; used by its shard only. An idle one holds no buffer.
class Connection final : public PollHandler, private Timer {
  public:
    Connection(Shard& shard, int descriptor, ConnectionId id);
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Shard& shard() { return shard_; }
    ConnectionId id() const;
    int descriptor() const { return descriptor_; }
    Outbox& out() { return out_; }
    Protocol& protocol() { return *protocol_; }
    /// The client's address: noted by the acceptor, or asked from the kernel.
    Address address() const;
    /// "203.0.113.9:51234": for logs.
    std::string peer() const { return address().text(); }
    /// True when the peer's address is a loopback one or the socket is local.
    bool peer_is_loopback() const { return address().is_loopback(); }
    /// The listener it came through, by its place in the configuration.
    std::uint16_t listener() const { return listener_; }
    /// The TLS that is spoken below the protocol; nullptr on a plain socket.
    const tls::Stream* secured() const { return tls_.get(); }

    /// Before start(), by the acceptor.
    void set_listener(std::uint16_t index) { listener_ = index; }
    void secure(std::unique_ptr<tls::Stream> stream);
    /// Begins to read. Called once, by the acceptor.
    void start(std::unique_ptr<Protocol> protocol);
    /// From inside on_bytes, or before resume(): what was not consumed, and everything after, goes to `next`.
    /// The old protocol is destroyed without on_closed.
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
    Outbox::Flush send();
    void watch();
    void end_of_input();

    // core/net/connection_tls.cc
    std::span<std::byte> input_space();
    void feed_sealed(ByteView sealed);
    Outbox::Flush send_sealed();
    std::size_t unsent() const;
    void say_goodbye(bool cut_off);
    void note_tls_failure();

    Shard& shard_;
    std::unique_ptr<Protocol> protocol_;
    ByteBuffer kept_;
    std::unique_ptr<tls::Stream> tls_;
    std::uint64_t generation_;
    [[no_unique_address]] Outbox out_;  // slot_ stands in what it leaves of its last word
    std::uint32_t slot_;
    int descriptor_;
    std::uint16_t listener_ = 0;
    std::uint8_t watched_events_ = 0;  // EPOLLIN and EPOLLOUT tell all
    State state_ : 2 = State::open;
    bool paused_ : 1 = false;
    bool dirty_ : 1 = false;
    bool resuming_ : 1 = false;
    bool blocked_ : 1 = false;
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

    /// Keeps an address that the kernel does not know, or will have forgotten when it is needed.
    void note_address(ConnectionId id, const Address& address) { addresses_[id.slot] = address; }
    /// Is told when a connection with a noted address is gone.
    void at_departure(std::function<void(const Address&)> departed) { departed_ = std::move(departed); }

    /// Tells every protocol that the server goes away.
    void shut_down();
    /// Tells every protocol that the configuration is another one.
    void review();
    /// Closes every connection at once: the shard's loop is about to end.
    void close_all();
    /// The end of a turn, in this order, with the shard's TurnEnd listeners before flush().
    void resume_waiting();
    void destroy_closed();
    void flush();
    std::size_t waiting_to_flush() const { return dirty_.size(); }
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

    void tell_all(void (Protocol::*what)());
    void forget_address(std::uint32_t slot);

    Shard& shard_;
    std::unordered_map<std::uint32_t, std::unique_ptr<Protocol>> upgrades_;  ///< by slot: what follows
    std::unordered_map<std::uint32_t, Address> addresses_;  ///< by slot; most connections have none
    std::function<void(const Address&)> departed_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::size_t open_ = 0;
    std::uint64_t next_generation_ = 1;
    std::vector<ConnectionId> dirty_;
    std::vector<ConnectionId> resuming_;
    std::vector<Closed> closed_;
};

}  // namespace millrace
