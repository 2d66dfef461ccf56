// Writing to PostgreSQL.
#pragma once

#include "store/postgres/prepared_connection.h"
#include "store/sequenced_log.h"

namespace millrace::store::postgres {

class Owner;

/// The writing session of one lane. A batch is one statement, an INSERT from arrays, in one round trip; it is
/// durable when it is answered, as far as the server's `synchronous_commit` and `fsync` say (`off` is turned
/// on for us).
class PostgresTable final : public Table {
  public:
    PostgresTable(Owner& owner, unsigned lane);

    error_code recover() override;
    Result<std::vector<Channel>> channels(std::span<const std::string_view> names) override;
    Result<std::vector<Receipt>> find(std::span<const Key> keys) override;
    error_code insert(std::span<const Row> rows, std::int64_t at_us) override {
        return write("insert", rows, at_us, {});
    }
    error_code move(std::span<const Row> rows, std::int64_t at_us,
                    std::span<const std::int64_t> sql_rows) override;
    /// A channel without messages does no harm.
    void rollback() override {}
    Result<bool> stored(const Row& row, std::int64_t at_us) override;

  private:
    error_code try_everything();
    error_code write(const char* statement, std::span<const Row> rows, std::int64_t at_us,
                     std::span<const std::int64_t> sql_rows);

    PreparedConnection connection_;
};

}  // namespace millrace::store::postgres
