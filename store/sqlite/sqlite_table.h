// Writing to SQLite.
#pragma once

#include "store/sequenced_log.h"
#include "store/sqlite/database.h"

namespace millrace::store::sqlite {

/// Opens a database file for writing with the settings that the promise needs: WAL, synchronous=FULL.
error_code open_for_writing(Database& database, const std::string& path);

/// The writing connection of one lane. A batch is one transaction; COMMIT returns after fsync of the WAL.
class SqliteTable final : public Table {
  public:
    explicit SqliteTable(std::string path) : path_(std::move(path)) {}

    error_code recover() override;
    Result<std::vector<Channel>> channels(std::span<const std::string_view> names) override;
    Result<std::vector<Receipt>> find(std::span<const Key> keys) override;
    error_code insert(std::span<const Row> rows, std::int64_t at_us) override;
    void rollback() override;
    Result<bool> stored(const Row& row, std::int64_t at_us) override;

  private:
    /// Prepared when a connection is made; goes before the connection does.
    struct Statements {
        Statement channel;
        Statement make_channel;
        Statement by_id;
        Statement insert;
        Statement stored;
    };

    error_code begin();
    Result<Channel> channel(std::string_view name);
    error_code insert(const Row& row, std::int64_t at_us);

    const std::string path_;
    Database database_;
    Statements statements_;
};

}  // namespace millrace::store::sqlite
