// Sessions in PostgreSQL.
#pragma once

#include "store/postgres/prepared_connection.h"
#include "store/session_log.h"

namespace millrace::store::postgres {

class Owner;

/// A writing connection of its own, under the owner's lock.
class PostgresSessions final : public SessionLog {
  public:
    explicit PostgresSessions(Owner& owner);
    error_code apply(std::span<const SessionChange> changes, bool durable) override;
    Result<std::vector<RestoredSession>> load() override;
    Result<std::vector<ChannelNews>> news(std::int64_t us) override;
    Result<std::uint64_t> position(std::int64_t channel_id, std::int64_t us) override;

  private:
    error_code try_to_apply(std::span<const SessionChange> changes, bool durable);
    error_code write(std::span<const SessionChange> changes, bool durable);
    error_code end(std::span<const SessionChange> changes);
    error_code save(std::span<const SessionChange> changes);
    error_code unsubscribe(std::span<const SessionChange> changes);
    error_code subscribe(std::span<const SessionChange> changes);
    error_code execute(const char* name, const Parameters& parameters);

    PreparedConnection connection_;
};

}  // namespace millrace::store::postgres
