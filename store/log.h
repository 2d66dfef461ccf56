// The Log port: what a store must be able to do. Implementations: sqlite/, postgres/.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/message.h"
#include "core/result.h"
#include "store/session_log.h"

namespace millrace::store {

/// Of publishing by SQL.
struct SqlLimits {
    std::chrono::milliseconds poll{50};  ///< how often is looked for new rows; 0: not at all
    std::uint32_t messages = 1000;       ///< under way to their channels at a time
    std::size_t message_bytes = 1'048'576;
    std::uint32_t refused_messages = 10'000;  ///< how many of what was refused are kept
};

/// Where one message of a batch ended up.
struct Receipt {
    std::uint64_t seq = 0;
    std::int64_t at_us = 0;
    bool repeated = false;  ///< its id was stored before: seq and at_us are those of the first
};

/// The writer of one lane. Blocks; used by its lane's thread only, which outlives it.
class Log {
  public:
    virtual ~Log() = default;
    /// Commits the batch in one transaction, all or nothing, and returns when it is durable. Assigns each
    /// message the next seq of its channel, in the order of the batch, and stamps it. A message whose id is
    /// already stored on its channel, or earlier in the batch, gets the first one's receipt and is not stored
    /// again. Errc::store_unavailable: what became of the batch is not known; settle() before the next
    /// append(). Any other error: the batch was refused as a whole, nothing of it is stored.
    virtual Result<std::vector<Receipt>> append(std::span<const MessagePtr> batch) = 0;
    /// The same, and in the same transaction takes these rows out of the SqlOutbox. A Log whose database has
    /// none is never given any.
    virtual Result<std::vector<Receipt>> move(std::span<const MessagePtr> batch,
                                              std::span<const std::int64_t> sql_rows) {
        static_cast<void>(sql_rows);
        return append(batch);
    }
    /// Finds out what became of the batch that append() left open, once the database can be reached again.
    /// Its receipts: it was committed after all. None: it was not and never will be.
    virtual Result<std::vector<Receipt>> settle() = 0;
    /// Whatever is stamped from now on is stamped later than this, and no batch before an earlier one: for a
    /// store that keeps sessions.
    virtual void stamp_after(std::int64_t) {}
};

/// Which part of a channel's history is wanted. With no bound: the newest `limit`.
struct Range {
    std::string channel;
    std::optional<std::uint64_t> after;   ///< only seq > after; the oldest `limit` of those
    std::optional<std::uint64_t> before;  ///< only seq < before; without `after` the newest `limit` of those
    std::optional<std::int64_t> since_us = {};  ///< only what was committed at this time or later; as `after`
    std::optional<std::int64_t> until_us = {};  ///< only what was committed earlier; as `before`
    std::uint32_t limit = 100;
};

/// A page ends early, with `more`, when its payloads reach this size.
constexpr std::size_t kPageBytes = std::size_t{8} << 20;

/// A part of a channel's history, ascending by seq.
struct Page {
    std::vector<MessagePtr> messages;
    std::uint64_t first = 0;  ///< oldest seq retained; 0: the channel is empty
    std::uint64_t last = 0;   ///< newest seq ever assigned; 0: none
    bool more = false;        ///< there is more in the direction of reading
};

/// Reads history. Blocks; used by one reader thread.
class Reader {
  public:
    virtual ~Reader() = default;
    virtual Result<Page> read(const Range& range) = 0;
    /// The newest message with RETAIN of every channel that has one, those with an empty payload included: of
    /// those for everybody, and of those for authenticated clients, in ascending order. What is for one user
    /// or table is not among them.
    virtual Result<std::vector<MessagePtr>> retained() = 0;
};

/// A stored channel, without its messages.
struct ChannelInfo {
    std::int64_t id = 0;  ///< 0: there is none of that name
    std::string name;
    std::uint64_t first = 0;     ///< as in Page
    std::uint64_t last = 0;      ///< as in Page
    std::int64_t oldest_us = 0;  ///< when `first` was committed; 0: the channel is empty

    /// Positions have no holes, and what goes is always the oldest.
    std::uint64_t rows() const { return first == 0 ? 0 : last - first + 1; }
};

/// Which messages of a channel may go: a run from the oldest on that ends before the first that stays.
struct Trim {
    std::string channel;
    std::uint64_t before_seq = 0;                                       ///< all with seq < this, and
    std::int64_t before_us = std::numeric_limits<std::int64_t>::min();  ///< all that were committed before
    std::uint32_t rows = 1000;                                          ///< at most so many
};

/// Looks after what is stored, beside the lanes. Blocks; used by one thread.
class Maintenance {
  public:
    virtual ~Maintenance() = default;
    /// Deletes in one transaction; how many rows. No seq is given out again, whatever is deleted, and the id
    /// of a message goes with it.
    virtual Result<std::uint32_t> trim(const Trim& trim) = 0;
    virtual Result<ChannelInfo> find(std::string_view channel) = 0;
    /// Channels by id, from the one behind `after`.
    virtual Result<std::vector<ChannelInfo>> channels(std::int64_t after, std::uint32_t limit) = 0;
    /// Channels by name, in the order of its bytes, from the one behind `after`.
    virtual Result<std::vector<ChannelInfo>> channels_by_name(std::string_view after,
                                                              std::uint32_t limit) = 0;
};

/// A message that another program has published by SQL.
struct SqlRow {
    std::int64_t id = 0;
    Result<MessagePtr> message;  ///< or why it can be none
};

/// What other programs have published in transactions of their own, until it is moved to where it goes.
/// Blocks; used by one thread.
class SqlOutbox {
  public:
    virtual ~SqlOutbox() = default;
    /// The oldest of what is committed, in the order of the commits; fewer than `limit` also when they are
    /// large.
    virtual Result<std::vector<SqlRow>> read(std::uint32_t limit) = 0;
    /// Deletes and commits; those that were there until now.
    virtual Result<std::vector<std::int64_t>> take(std::span<const std::int64_t> ids) = 0;
    /// Puts a row that cannot be delivered where people can read it, and why.
    virtual error_code refuse(std::int64_t id, error_code reason) = 0;
};

/// An opened database: migrated, locked for this process, its epoch known. Made at start-up; outlives the
/// logs and readers it opens. All members may be called from any thread.
class Backend {
  public:
    virtual ~Backend() = default;
    /// Names the life of the store: letters and digits; the same across restarts on the same data.
    virtual const std::string& epoch() const = 0;
    virtual std::unique_ptr<Log> open_log() = 0;
    virtual std::unique_ptr<Reader> open_reader() = 0;
    virtual std::unique_ptr<Maintenance> open_maintenance() = 0;
    /// nullptr: this database has none.
    virtual std::unique_ptr<SqlOutbox> open_sql_outbox(const SqlLimits& limits) {
        static_cast<void>(limits);
        return nullptr;
    }
    /// nullptr: it keeps no sessions.
    virtual std::unique_ptr<SessionLog> open_sessions() { return nullptr; }
    /// What the database refuses, in its words, for the person who looks after it. Empty: nothing.
    virtual std::string complaint() { return {}; }
};

}  // namespace millrace::store
