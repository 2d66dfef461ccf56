// From the outbox of the database to the lanes: the way in for what is published by SQL.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/counters.h"
#include "core/guarded.h"
#include "store/store.h"

namespace millrace::store {

/// What became of messages published by SQL. Written by the relay's thread, read by any.
struct SqlCounters {
    Counter stored;
    Counter repeated;  ///< their id was stored before
    Counter live;
    Counter refused_too_large;
    Counter refused_channel;
    Counter refused_not_authorised;
    Counter refused_malformed;  ///< the database would not store them
};

/// One thread with one SqlOutbox. It looks there every `poll`, sooner after it has found something, gives the
/// rows in their order to the lanes, which take them out of the outbox as they store them, and waits until
/// all have ended before it looks again: no row is on its way twice, and none overtakes another of its
/// channel. Stands between the lanes and their sink to hear of the end. Lives as long as its Store; start()
/// and stop() belong to the main thread.
class SqlRelay final : public CommitSink {
  public:
    SqlRelay(std::unique_ptr<SqlOutbox> outbox, const SqlLimits& limits, CommitSink& next);
    ~SqlRelay();
    SqlRelay(const SqlRelay&) = delete;
    SqlRelay& operator=(const SqlRelay&) = delete;

    /// Once. `store` is where the rows go.
    void start(SqlRules rules, Store& store);
    /// What is under way is left to the lanes.
    void stop();
    void committed(std::vector<Committed> run) override;
    const SqlCounters& counters() const { return counters_; }

  private:
    /// A row that has ended, and how.
    struct Ended {
        std::int64_t row = 0;
        error_code error;
        bool repeated = false;
    };
    struct State {
        std::vector<Ended> ended;
        bool stopping = false;
    };

    void run();
    /// One look; how long to rest after it.
    Milliseconds step();
    Milliseconds rest_after_nothing();
    bool hand_over(const std::vector<SqlRow>& rows);
    bool append(const SqlRow& row);
    void note_ends(const std::vector<Committed>& run);
    bool await_lanes();
    bool deliver_live();
    bool refuse();
    Counter& counter_of(error_code reason);

    const std::unique_ptr<SqlOutbox> outbox_;
    const SqlLimits limits_;
    CommitSink& next_;
    SqlRules rules_;
    Store* store_ = nullptr;
    SqlCounters counters_;
    Milliseconds rest_;  ///< after the last look; the thread's own

    // Of the step under way; the thread's own but for the first.
    std::atomic<std::size_t> with_lanes_{0};
    std::vector<const SqlRow*> live_;
    std::vector<std::pair<std::int64_t, error_code>> refused_;

    Guarded<State> state_;
    std::thread thread_;
};

}  // namespace millrace::store
