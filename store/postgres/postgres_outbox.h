// What other programs publish with millrace.publish().
#pragma once

#include <string>

#include "core/bytes.h"
#include "store/log.h"
#include "store/postgres/prepared_connection.h"

namespace millrace::store::postgres {

class Owner;

/// A session of its own, made when first needed and again when it was lost; it tells the database how large a
/// message may be. Belongs to the relay's thread. The rows go with their messages in the transactions of the
/// lanes (PostgresTable::move); here goes only what no lane takes.
class PostgresOutbox final : public SqlOutbox {
  public:
    PostgresOutbox(Owner& owner, const SqlLimits& limits);
    Result<std::vector<SqlRow>> read(std::uint32_t limit) override;
    Result<std::vector<std::int64_t>> take(std::span<const std::int64_t> ids) override;
    error_code refuse(std::int64_t id, error_code reason) override;

  private:
    Result<Answer> execute(const char* name, const Parameters& parameters);
    Result<MessagePtr> message_of(const Answer& answer, int row);

    const SqlLimits limits_;
    PreparedConnection connection_;
    ByteBuffer scratch_;
};

}  // namespace millrace::store::postgres
