// Reading from PostgreSQL.
#pragma once

#include "store/log.h"
#include "store/postgres/connection.h"

namespace millrace::store::postgres {

/// A session of one reader thread, made when first needed and again when it was lost.
class PostgresReader final : public Reader {
  public:
    explicit PostgresReader(std::string url) : url_(std::move(url)) {}
    Result<Page> read(const Range& range) override;
    Result<std::vector<MessagePtr>> retained() override;

  private:
    error_code connect();
    Result<Page> try_read(const Range& range);
    Result<std::int64_t> committed_at(std::int64_t channel_id, std::uint64_t seq);
    error_code read_messages(const Range& range, std::int64_t channel_id, Page& page);

    const std::string url_;
    Connection connection_;
};

}  // namespace millrace::store::postgres
