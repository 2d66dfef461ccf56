// A shard: one thread, one io_context, and everything that lives on it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/counters.h"
#include "core/mailbox.h"
#include "core/timer_wheel.h"

namespace boost::asio {
class io_context;
}

namespace millrace {

class BufferPool;
class ConnectionTable;
class Poller;

/// Something that wants to know when a loop turn ends: the moment to send what the turn gathered.
class TurnEnd {
  public:
    virtual void on_turn_end() = 0;

  protected:
    ~TurnEnd() = default;
};

/// One thread's world. All members but post() and stop() belong to that thread. A loop turn: what Asio has,
/// ready sockets, the mailbox, due timers, then the turn's end (batches to other shards, outboxes to
/// sockets). Lives from start-up until every other thread that might post has ended.
class Shard {
  public:
    explicit Shard(unsigned index);
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    unsigned index() const { return index_; }
    TimerWheel& timers() { return timers_; }
    Counters& counters() { return counters_; }
    Poller& poller() { return *poller_; }
    BufferPool& buffers() { return *buffers_; }
    ConnectionTable& connections() { return *connections_; }
    boost::asio::io_context& context() { return *context_; }
    /// Scratch for one read at a time; whatever must outlive the callback is copied out of it.
    std::span<std::byte> scratch() { return {scratch_.get(), kScratchBytes}; }
    /// Microseconds since 1970, read once a turn.
    std::int64_t wall_clock_us() const { return wall_clock_us_; }

    /// Any thread; never blocks. Letters of one sender arrive in order.
    void post(std::unique_ptr<Letter> letter);
    template <class Function>
    void post(Function function) {
        post(std::unique_ptr<Letter>(std::make_unique<FunctionLetter<Function>>(std::move(function))));
    }

    /// Called in the order of registration.
    void at_turn_end(TurnEnd& listener) { turn_end_.push_back(&listener); }

    /// Runs the loop on the calling thread until stop().
    void run();
    /// Any thread: run() returns at the end of its turn.
    void stop();
    /// One turn, waiting up to `longest` when there is nothing to do: for tests that hold the thread.
    void turn(Milliseconds longest);

  private:
    class Waker;
    static constexpr std::size_t kScratchBytes = 256 * 1024;

    bool serve_ready();
    void wait(Milliseconds longest);
    void finish_turn();

    const unsigned index_;
    std::unique_ptr<boost::asio::io_context> context_;
    TimerWheel timers_;
    Counters counters_;
    std::unique_ptr<Poller> poller_;
    std::unique_ptr<BufferPool> buffers_;
    std::unique_ptr<ConnectionTable> connections_;
    std::unique_ptr<std::byte[]> scratch_;
    std::vector<TurnEnd*> turn_end_;
    std::int64_t wall_clock_us_;
    unsigned busy_turns_ = 0;
    std::atomic<bool> asleep_{false};
    std::atomic<bool> stopping_{false};
    Mailbox mailbox_;
    std::unique_ptr<Waker> waker_;
};

}  // namespace millrace
