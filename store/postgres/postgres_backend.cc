#include "store/postgres/postgres_backend.h"

#include <atomic>

#include "store/postgres/owner.h"
#include "store/postgres/postgres_maintenance.h"
#include "store/postgres/postgres_outbox.h"
#include "store/postgres/postgres_reader.h"
#include "store/postgres/postgres_sessions.h"
#include "store/postgres/postgres_table.h"

namespace millrace::store::postgres {
namespace {

class PostgresBackend final : public Backend {
  public:
    explicit PostgresBackend(const std::string& url) : owner_(url) {}

    bool take(std::string& why) { return owner_.take(epoch_, why); }
    const std::string& epoch() const override { return epoch_; }
    std::unique_ptr<Log> open_log() override {
        return std::make_unique<SequencedLog>(std::make_unique<PostgresTable>(owner_, lanes_++));
    }
    std::unique_ptr<Reader> open_reader() override { return std::make_unique<PostgresReader>(owner_); }
    std::unique_ptr<Maintenance> open_maintenance() override {
        return std::make_unique<PostgresMaintenance>(owner_);
    }
    std::unique_ptr<SqlOutbox> open_sql_outbox(const SqlLimits& limits) override {
        return std::make_unique<PostgresOutbox>(owner_, limits);
    }
    std::unique_ptr<SessionLog> open_sessions() override {
        return std::make_unique<PostgresSessions>(owner_);
    }
    std::string complaint() override { return owner_.complaint(); }

  private:
    Owner owner_;
    std::string epoch_;
    std::atomic<unsigned> lanes_{0};
};

}  // namespace

Result<std::unique_ptr<Backend>> open(const std::string& url, std::string& why) {
    auto backend = std::make_unique<PostgresBackend>(url);
    if (backend->take(why)) return std::unique_ptr<Backend>(std::move(backend));
    why = "store in PostgreSQL: " + why;
    return make_error_code(Errc::store_unavailable);
}

}  // namespace millrace::store::postgres
