// Sessions in SQLite.
#pragma once

#include "store/session_log.h"
#include "store/sqlite/database.h"

namespace millrace::store::sqlite {

/// A writing connection of its own.
class SqliteSessions final : public SessionLog {
  public:
    explicit SqliteSessions(std::string path) : path_(std::move(path)) {}
    error_code apply(std::span<const SessionChange> changes, bool durable) override;
    Result<std::vector<RestoredSession>> load() override;
    Result<std::vector<ChannelNews>> news(std::int64_t us) override;
    Result<std::uint64_t> position(std::int64_t channel_id, std::int64_t us) override;

  private:
    struct Statements {
        Statement end;
        Statement end_subscriptions;
        Statement save;
        Statement subscribe;
        Statement unsubscribe;
        Statement position;
    };

    error_code connect();
    error_code prepare();
    error_code begin(bool durable);
    error_code apply(const SessionChange& change);
    error_code end(std::int64_t id);
    error_code save(const KeptSession& session);
    error_code subscribe(std::int64_t id, const KeptSubscription& subscription);
    error_code unsubscribe(std::int64_t id, std::string_view filter);
    Result<std::vector<RestoredSession>> load_sessions();
    error_code load_subscriptions(std::vector<RestoredSession>& sessions);
    void give_up();

    const std::string path_;
    Database database_;
    Statements statements_;
};

}  // namespace millrace::store::sqlite
