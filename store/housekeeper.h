// What is done to the store beside writing and reading messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"
#include "store/store.h"

namespace millrace::store {

/// One thread with one Maintenance: retention, purges, lists of channels. Everything long is done in steps of
/// a transaction each, so that lanes write and other tasks get their turn in between. list(), purge() and
/// stop() belong to any thread. Lives as long as its Store.
class Housekeeper {
  public:
    Housekeeper(std::unique_ptr<Maintenance> maintenance, std::uint32_t step_rows);
    ~Housekeeper();
    Housekeeper(const Housekeeper&) = delete;
    Housekeeper& operator=(const Housekeeper&) = delete;

    /// Channels by name behind `after`.
    void list(std::string after, std::uint32_t limit, Shard& shard,
              std::function<void(Result<std::vector<ChannelInfo>>)> done);
    /// Deletes everything that `what` lets go, however many rows; without a bound all that is there now.
    void purge(Trim what, Shard& shard, std::function<void(Result<Purged>)> done);
    /// A round over all channels now, and then after every `interval`, or later where rounds take long. Once,
    /// before anything else.
    void start_retention(RetentionPolicy policy, std::chrono::milliseconds interval);
    /// What is queued fails; what is under way ends with its step.
    void stop();

  private:
    /// Does one step. True: it has to be called again. nullptr: it will not be, and has to say so.
    using Task = std::function<bool(Maintenance*)>;
    struct State {
        std::deque<Task> tasks;
        bool stopping = false;
    };

    void push(Task task);
    void run();
    /// Waits for a task, or until it is time for a step; false: it is over.
    bool take(Task& task);
    void run_task(Task task);

    void step();
    bool load_channels();
    bool trim_next();
    bool lets_go(const ChannelInfo& channel, Trim& trim) const;

    const std::unique_ptr<Maintenance> maintenance_;
    const std::uint32_t step_rows_;
    Guarded<State> state_;

    // Of the round under way; the thread's own.
    RetentionPolicy policy_;
    std::chrono::milliseconds interval_{0};
    bool in_round_ = false;
    bool listed_all_ = false;
    std::int64_t last_channel_ = 0;
    std::deque<Trim> due_;
    TimePoint round_began_{};
    TimePoint next_step_{};

    std::thread thread_;
};

}  // namespace millrace::store
