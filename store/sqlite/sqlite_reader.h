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
    };

    error_code connect();
    Result<Page> read_snapshot(const Range& range);
    error_code read_messages(const Range& range, std::int64_t channel_id, Page& page);

    const std::string path_;
    Database database_;
    Statements statements_;
};

}  // namespace millrace::store::sqlite
