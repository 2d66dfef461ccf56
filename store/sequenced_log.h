// What every Log does the same way: numbering, repeated ids, and batches whose commit is in doubt.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/log.h"

namespace millrace::store {

/// A channel as the database knows it.
struct Channel {
    std::int64_t id = 0;
    std::uint64_t last = 0;  ///< newest seq ever assigned; 0: none
};

/// A message and where it goes.
struct Row {
    const Message* message;
    std::int64_t channel_id;
    std::uint64_t seq;
};

/// An idempotency key.
struct Key {
    std::int64_t channel_id;
    std::string_view id;
    bool operator==(const Key&) const = default;
};

/// What SequencedLog needs from a database: one writing connection, used by one thread. Every member reports
/// a lost connection as Errc::store_unavailable, and what the database refuses for good as any other error.
class Table {
  public:
    virtual ~Table() = default;
    /// Makes sure of a connection on which no earlier transaction of this table can commit any more.
    virtual error_code recover() = 0;
    /// Finds or makes channels, in the order of the names; what it makes becomes durable with the next
    /// insert.
    virtual Result<std::vector<Channel>> channels(std::span<const std::string_view> names) = 0;
    /// What is stored under these keys, in their order; seq 0: nothing.
    virtual Result<std::vector<Receipt>> find(std::span<const Key> keys) = 0;
    /// Writes the rows and commits.
    virtual error_code insert(std::span<const Row> rows, std::int64_t at_us) = 0;
    /// The same, and takes these rows out of the SqlOutbox: all or nothing. Refuses when one of those is
    /// gone, unless there is nothing to write. For a database that has an outbox.
    virtual error_code move(std::span<const Row> rows, std::int64_t at_us,
                            std::span<const std::int64_t> sql_rows) {
        static_cast<void>(sql_rows);
        return insert(rows, at_us);
    }
    /// Forgets what channels() made.
    virtual void rollback() = 0;
    /// Whether the row is there with this time, or was and has been trimmed since: one of another writer does
    /// not count.
    virtual Result<bool> stored(const Row& row, std::int64_t at_us) = 0;
};

/// A Log over a Table. Belongs to its lane's thread. The only writer of the channels it is given, so it
/// numbers messages from memory and asks the database for a channel only when it has not seen it for long.
class SequencedLog final : public Log {
  public:
    explicit SequencedLog(std::unique_ptr<Table> table) : table_(std::move(table)) {}

    Result<std::vector<Receipt>> append(std::span<const MessagePtr> batch) override {
        return move(batch, {});
    }
    Result<std::vector<Receipt>> move(std::span<const MessagePtr> batch,
                                      std::span<const std::int64_t> sql_rows) override;
    Result<std::vector<Receipt>> settle() override;
    void stamp_after(std::int64_t us) override { last_stamp_us_ = std::max(last_stamp_us_, us); }

  private:
    struct NameHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
    };
    using Channels = std::unordered_map<std::string, Channel, NameHash, std::equal_to<>>;
    /// A batch on its way into the database.
    struct Plan {
        std::vector<MessagePtr> messages;
        std::vector<Receipt> receipts;
        std::vector<Row> rows;
        std::int64_t at_us = 0;
    };
    /// Two generations of this size bound the memory for remembered channels.
    static constexpr std::size_t kGeneration = 32'768;

    Channel* known(std::string_view name);
    error_code learn_channels(std::span<const MessagePtr> batch);
    Result<std::vector<Receipt>> stored_receipts(std::span<const MessagePtr> batch);
    void number(std::span<const Receipt> stored);
    std::vector<Receipt> finish();
    error_code write(std::span<const std::int64_t> sql_rows);
    error_code fail(error_code error);
    std::int64_t next_stamp();

    std::unique_ptr<Table> table_;
    Channels young_;
    Channels old_;
    Plan plan_;
    std::int64_t last_stamp_us_ = 0;
    bool connected_ = false;
};

}  // namespace millrace::store
