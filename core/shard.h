// A shard: one thread and everything that lives on it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/counters.h"
#include "core/mailbox.h"
#include "core/timer_wheel.h"

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

/// One thread's world. All members but post() and stop() belong to that thread, or, while it sleeps, to the
/// one shard that visits (tell(), docs/decisions/0019). A loop turn: ready sockets, the mailbox, due timers,
/// then the turn's end (batches to other shards, outboxes to sockets). Lives from start-up until every other
/// thread that might post has ended.
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

    /// As target.post(), for a letter with `messages` to deliver. When these are few and `target` sleeps at
    /// the end of this turn, this shard's thread opens the letter, which costs less than waking the other
    /// one.
    template <class Function>
    void tell(Shard& target, std::size_t messages, Function function) {
        if (messages > kVisitMessagesMax) return target.post(std::move(function));
        target.mailbox_.push(std::make_unique<FunctionLetter<Function>>(std::move(function)));
        note_told(target);
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
    static constexpr std::size_t kVisitMessagesMax = 64;
    /// Whose the shard is.
    enum class Presence : std::uint32_t {
        awake,    ///< its own thread's
        asleep,   ///< nobody's: its thread waits for something to do
        called,   ///< the same, and its thread is being woken
        visited,  ///< another shard's
        awaited,  ///< the same, and its own thread waits to have it back
    };

    void note_told(Shard& target);
    void see_to_told();
    void call();
    void visit();
    bool turn_for_visitor();
    void wait(Milliseconds longest);
    void fall_asleep();
    void come_back();
    void look_at_clocks();
    void prepare_end();
    void end_turn();

    const unsigned index_;
    TimerWheel timers_;
    Counters counters_;
    std::unique_ptr<Poller> poller_;
    std::unique_ptr<BufferPool> buffers_;
    std::unique_ptr<ConnectionTable> connections_;
    std::unique_ptr<std::byte[]> scratch_;
    std::vector<TurnEnd*> turn_end_;
    std::vector<Shard*> told_;  ///< in this turn
    std::int64_t wall_clock_us_;
    TimePoint sleeps_until_{};
    bool was_visited_ = false;  ///< while it slept
    std::atomic<Presence> presence_{Presence::awake};
    std::atomic<bool> stopping_{false};
    Mailbox mailbox_;
    std::unique_ptr<Waker> waker_;
};

}  // namespace millrace
