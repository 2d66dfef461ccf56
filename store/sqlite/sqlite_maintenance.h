// Retention and lists of channels in SQLite.
#pragma once

#include "store/log.h"
#include "store/sqlite/database.h"

namespace millrace::store::sqlite {

/// A second writing connection. Its commits do not wait for the disk, so that a lane waits for them as short
/// as can be: a crash may bring back what was deleted last, and the next round deletes it again.
class SqliteMaintenance final : public Maintenance {
  public:
    explicit SqliteMaintenance(std::string path) : path_(std::move(path)) {}
    Result<std::uint32_t> trim(const Trim& trim) override;
    Result<ChannelInfo> find(std::string_view channel) override;
    Result<std::vector<ChannelInfo>> channels(std::int64_t after, std::uint32_t limit) override;
    Result<std::vector<ChannelInfo>> channels_by_name(std::string_view after, std::uint32_t limit) override;

  private:
    struct Statements {
        Statement find;
        Statement by_id;
        Statement by_name;
        Statement oldest;
        Statement remove;
        Statement raise_floor;
    };
    /// The rows from the oldest to the one at `through`.
    struct Run {
        std::uint32_t rows = 0;
        std::int64_t through = 0;
    };

    error_code connect();
    error_code prepare();
    Result<Run> find_run(const Trim& trim, std::int64_t channel_id);
    error_code remove(std::int64_t channel_id, std::int64_t through);

    const std::string path_;
    Database database_;
    Statements statements_;
};

}  // namespace millrace::store::sqlite
