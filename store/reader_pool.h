// Reads of history, away from shards and lanes.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"
#include "store/log.h"

namespace millrace {
class Shard;
}

namespace millrace::store {

/// Some threads, each with its own Reader, over one bounded queue. read() and reachable() belong to any
/// thread. Lives as long as its Store.
class ReaderPool {
  public:
    using Done = std::function<void(Result<Page>)>;

    /// While the store is away it is asked `probe_every` so long whether it is back, though nobody reads: who
    /// sends requests here only while it is reachable never would.
    ReaderPool(Backend& backend, unsigned threads, std::size_t queue,
               Milliseconds probe_every = Milliseconds{1000});
    ~ReaderPool();
    ReaderPool(const ReaderPool&) = delete;
    ReaderPool& operator=(const ReaderPool&) = delete;

    void read(Range range, Shard& shard, Done done);
    bool reachable() const { return reachable_.load(std::memory_order_relaxed); }
    /// Answers what is queued, then ends the threads.
    void stop();

  private:
    struct Job {
        Range range;
        Shard* shard;
        Done done;
    };
    struct State {
        std::deque<Job> jobs;
        bool stopping = false;
    };

    void run(Reader& reader);
    bool take(std::optional<Job>& job);
    static void answer(Job job, Result<Page> page);

    const std::size_t queue_;
    const Milliseconds probe_every_;
    std::atomic<bool> reachable_{true};
    Guarded<State> state_;
    std::vector<std::thread> threads_;
};

}  // namespace millrace::store
