// Reading from SQLite.
#pragma once

#include "store/log.h"
#include "store/sqlite/database.h"

namespace millrace::store::sqlite {

/// A read-only connection of one reader thread. A page is read from one snapshot.
class SqliteReader final : public Reader {
  public:
    explicit SqliteReader(std::string path) : path_(std::move(path)) {}
    Result<Page> read(const Range& range) override;
    Result<std::vector<MessagePtr>> retained() override;

  private:
    struct Statements {
        Statement bounds;
        Statement ascending;
        Statement descending;
        Statement committed_at;
    };

    error_code connect();
    Result<Page> read_snapshot(const Range& range);
    Result<std::int64_t> committed_at(std::int64_t channel_id, std::uint64_t seq);
    error_code read_messages(const Range& range, std::int64_t channel_id, Page& page);

    const std::string path_;
    Database database_;
    Statements statements_;
};

}  // namespace millrace::store::sqlite
