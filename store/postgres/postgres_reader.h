// Reading from PostgreSQL.
#pragma once

#include "store/log.h"
#include "store/postgres/prepared_connection.h"

namespace millrace::store::postgres {

class Owner;

/// A session of one reader thread, made when first needed and again when it was lost.
class PostgresReader final : public Reader {
  public:
    explicit PostgresReader(Owner& owner);
    Result<Page> read(const Range& range) override;
    Result<std::vector<MessagePtr>> retained() override;

  private:
    Result<Page> try_read(const Range& range);
    Result<std::int64_t> committed_at(std::int64_t channel_id, std::uint64_t seq);
    error_code read_messages(const Range& range, std::int64_t channel_id, Page& page);

    PreparedConnection connection_;
};

}  // namespace millrace::store::postgres
