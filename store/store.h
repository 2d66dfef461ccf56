// The store as the doors see it: append and be told, read and be told. Nothing here blocks.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/message.h"
#include "core/net/protocol.h"
#include "store/log.h"

namespace millrace {
class Shard;
}

namespace millrace::store {

class Housekeeper;
class Lane;
class ReaderPool;
class SessionKeeper;
class SqlRelay;
struct SqlCounters;

/// A message on its way into the log, and who waits for the answer.
struct Append {
    MessagePtr message;
    ConnectionId origin;  ///< generation 0: nobody waits
    std::uint64_t token = 0;
    std::int64_t sql_row = 0;  ///< the row of the SqlOutbox that it comes from; 0: another door
};

/// An append that has ended: committed, repeated or failed.
struct Committed {
    Append append;
    PublishResult result;
};

/// What lanes hand their results to. Called on lane threads, each lane's runs in the order of their commits;
/// within a run the order is that of the log.
class CommitSink {
  public:
    virtual void committed(std::vector<Committed> run) = 0;

  protected:
    ~CommitSink() = default;
};

/// What a purge has done.
struct Purged {
    std::uint64_t deleted = 0;
    ChannelInfo channel;  ///< as it is now
};

/// What holds for a channel; asked on the housekeeper's thread.
using RetentionPolicy = std::function<config::Retention(std::string_view channel)>;

/// Where a message that was published by SQL goes.
enum class SqlRoute : std::uint8_t { stored, live, forbidden };

/// What publishing by SQL needs to know of the rest of the server; called on the relay's thread.
struct SqlRules {
    std::function<SqlRoute(const Message&)> route;
    /// Takes messages for live channels, in order; returns when they are on their way to their readers.
    std::function<void(const std::vector<MessagePtr>&)> deliver;
};

struct Limits {
    unsigned lanes = 1;
    unsigned readers = 2;
    std::size_t lane_queue_messages = 100'000;
    std::size_t lane_queue_bytes = std::size_t{256} << 20;
    std::size_t lane_batch_messages = 4096;
    std::size_t lane_batch_bytes = std::size_t{8} << 20;
    /// How long an append may wait for a store that is away before it fails with store_unavailable.
    std::chrono::milliseconds wait{30'000};
    std::size_t reader_queue = 4096;
    /// How many messages one transaction of retention or of a purge deletes.
    std::uint32_t trim_messages = 500;
    SqlLimits sql;
    /// Sessions with a change that is queued.
    std::size_t session_changes = 100'000;
};

/// Lanes and readers over one backend. Any thread may call; lives from start-up to the end of the drain.
class Store {
  public:
    Store(std::unique_ptr<Backend> backend, const Limits& limits, CommitSink& sink);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    const std::string& epoch() const;

    /// Queues an append on the lane of its channel. False, and no result follows: the lane's queue is full.
    [[nodiscard]] bool append(Append append);
    /// Wakes lanes that were given something since the last call: once per loop turn, not once per message.
    void flush();

    /// Reads on a reader thread; `done` runs on `shard`.
    /// A full queue is Errc::overloaded.
    void read(Range range, Shard& shard, std::function<void(Result<Page>)> done);

    /// As for Housekeeper; `done` runs on `shard`.
    void list_channels(std::string after, std::uint32_t limit, Shard& shard,
                       std::function<void(Result<std::vector<ChannelInfo>>)> done);
    void purge(Trim what, Shard& shard, std::function<void(Result<Purged>)> done);
    /// Before the shards run: from now on messages go when their channel's rule says so.
    void start_retention(RetentionPolicy policy, std::chrono::milliseconds interval);

    /// Once the shards run: from now on what is published by SQL is delivered, where the database can do it.
    void start_sql(SqlRules rules);
    /// nullptr: it cannot. Any thread.
    const SqlCounters* sql_counters() const;

    /// The commit horizon: every message committed up to then has been handed to the sink, and no later one
    /// will bear such a time.
    std::int64_t settled_through();
    /// Messages are stamped later than this from now on.
    void stamp_after(std::int64_t us);

    /// Whether the last attempt to commit or read got through to the database; any thread.
    bool reachable() const;
    /// While it is not: what the database refuses, if it is there and refuses something; any thread.
    std::string complaint() { return backend_->complaint(); }

    /// nullptr: this store keeps no sessions. Outlives drain(); to be started, and stopped, by its user.
    SessionKeeper* sessions() { return sessions_.get(); }

    /// Commits what is queued, then stops the threads. Appends from now on are refused.
    void drain();

  private:
    Lane& lane_of(std::string_view channel);

    std::unique_ptr<Backend> backend_;
    const std::unique_ptr<SqlRelay> relay_;  ///< hears of every commit: goes after the lanes
    std::vector<std::unique_ptr<Lane>> lanes_;
    std::unique_ptr<ReaderPool> readers_;
    std::unique_ptr<Housekeeper> housekeeper_;
    std::unique_ptr<SessionKeeper> sessions_;
};

}  // namespace millrace::store
