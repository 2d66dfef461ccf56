// A lane: the only sequencer of the channels that hash to it.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"
#include "store/store.h"

namespace millrace::store {

/// One thread with one Log. What queued up while a batch was being committed is the next batch. push(),
/// wake() and reachable() belong to any thread, everything else to its own. Lives as long as its Store.
class Lane {
  public:
    Lane(unsigned index, std::unique_ptr<Log> log, const Limits& limits, CommitSink& sink);
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// False: the queue is full, or the lane is stopping. Takes effect with the next wake() at the latest.
    [[nodiscard]] bool push(Append append);
    /// Costs two loads when the lane is at work or has nothing to do.
    void wake();
    bool reachable() const { return reachable_.load(std::memory_order_relaxed); }
    /// Any thread: whatever was stamped up to the result, `now_us` at most, is in the hands of the sink, and
    /// nothing will be stamped so early any more.
    std::int64_t settled_through(std::int64_t now_us);
    /// Any thread: whatever is stamped from now on is stamped later than this.
    void stamp_after(std::int64_t us);

    /// Commits what is queued and ends the thread; what an unreachable store does not take fails.
    void stop();

  private:
    struct Node {
        Append append;
        Node* next;
    };
    struct Waiting {
        Append append;
        TimePoint since;
        bool answered;  ///< told that it failed, while its commit was in doubt
    };

    void run();
    bool wait_for_work();
    void collect();
    void next_batch();
    void commit();
    void split(error_code error);
    bool come_back();
    void came_back();
    void give_up();
    void expire();
    void fail(std::deque<Waiting>& waiting, std::size_t count, error_code error);
    void succeed(const std::vector<Receipt>& receipts);
    void drop_answered();
    void release(const Message& message);
    bool stopping() { return *stopping_.lock(); }

    const std::unique_ptr<Log> log_;
    const Limits limits_;
    CommitSink& sink_;

    std::atomic<Node*> head_{nullptr};  ///< newest first
    std::atomic<std::size_t> queued_messages_{0};
    std::atomic<std::size_t> queued_bytes_{0};
    std::atomic<bool> asleep_{false};
    std::atomic<bool> reachable_{true};
    std::atomic<bool> closed_{false};
    std::atomic<bool> committing_{false};
    std::atomic<std::int64_t> stamp_floor_us_{0};
    std::atomic<std::int64_t> handed_over_us_{0};  ///< the newest stamp that the sink has been given
    Guarded<bool> stopping_{false};

    std::deque<Waiting> backlog_;
    std::deque<Waiting> batch_;
    std::size_t batch_limit_;
    Milliseconds backoff_;  ///< before the next attempt, while the store is away
    std::thread thread_;
};

}  // namespace millrace::store
