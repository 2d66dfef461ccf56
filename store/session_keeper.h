// The way of sessions into the store.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"
#include "store/session_log.h"

namespace millrace {
class Shard;
}

namespace millrace::store {

/// One of the subscriptions of a session that was away.
struct OwedFilter {
    std::string filter;
    std::int64_t after_us = 0;  ///< only what was committed later
};

/// A stored channel with messages for a session that it has not had.
struct Owed {
    std::string channel;
    std::uint64_t after = 0;  ///< they have later numbers than this
};

/// One thread with one SessionLog. What queued up while a transaction was being committed is the next one,
/// and of several changes of one session only their sum is written. save(), ask() and stop() belong to any
/// thread. While the store is away changes wait; they are never lost, but whoever waits for one is told after
/// a while. Lives as long as its Store.
class SessionKeeper {
  public:
    struct Limits {
        std::size_t changes = 100'000;           ///< sessions with a change that is queued
        std::chrono::milliseconds wait{30'000};  ///< how long somebody waits for a store that is away
    };
    using Saved = std::function<void(error_code)>;
    using Answered = std::function<void(std::vector<Owed>)>;

    SessionKeeper(std::unique_ptr<SessionLog> log, Limits limits);
    ~SessionKeeper();
    SessionKeeper(const SessionKeeper&) = delete;
    SessionKeeper& operator=(const SessionKeeper&) = delete;

    /// Before start(): what the last process left, and what was said in the meantime. `news` is for ask().
    Result<std::vector<RestoredSession>> load();
    error_code learn_news(std::int64_t since_us);
    void start();

    /// For a session that begins; never given out before.
    std::int64_t new_id() { return next_id_.fetch_add(1, std::memory_order_relaxed); }
    /// False: too much is queued, and nothing follows. An end is always taken.
    [[nodiscard]] bool save(SessionChange change);
    /// `done` runs on `shard` when the change is durable, or when it is not and the wait is over.
    [[nodiscard]] bool save(SessionChange change, Shard& shard, Saved done);
    /// What the log has for a restored session; `answer` runs on `shard`, however long the store is away.
    void ask(std::vector<OwedFilter> filters, Shard& shard, Answered answer);
    /// Writes what is queued and ends the thread; what an unreachable store does not take is lost.
    void stop();

  private:
    struct Waiter {
        Shard* shard;
        Saved done;
        TimePoint since;
    };
    struct Pending {
        SessionChange change;
        std::vector<Waiter> waiters;
    };
    struct Question {
        std::vector<OwedFilter> filters;
        Shard* shard;
        Answered answer;
    };
    struct State {
        std::unordered_map<std::int64_t, Pending> pending;
        std::deque<std::int64_t> order;  ///< ids of `pending`, the oldest change first
        std::deque<Question> questions;
        bool stopping = false;
    };

    bool push(SessionChange change, std::vector<Waiter> waiters);
    void run();
    bool take(std::vector<Pending>& batch, std::vector<Question>& questions);
    bool write(std::vector<Pending>& batch);
    error_code apply(std::span<Pending> batch);
    bool write_one_by_one(std::vector<Pending>& batch);
    void put_back(std::vector<Pending>& batch);
    bool pause();
    bool answer(std::vector<Question>& questions);
    Result<std::vector<Owed>> look_up(const std::vector<OwedFilter>& filters);
    static void merge(SessionChange& older, SessionChange newer);
    static void tell(Waiter& waiter, error_code result);

    const std::unique_ptr<SessionLog> log_;
    const Limits limits_;
    std::vector<ChannelNews> news_;
    std::atomic<std::int64_t> next_id_{1};
    Guarded<State> state_;
    std::thread thread_;
};

}  // namespace millrace::store
