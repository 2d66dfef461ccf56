// Retention and lists of channels in PostgreSQL.
#pragma once

#include "store/log.h"
#include "store/postgres/prepared_connection.h"

namespace millrace::store::postgres {

class Owner;

/// A session of its own, made when first needed and again when it was lost. Its commits do not wait for the
/// disk: a crash may bring back what was deleted last, and the next round deletes it again.
class PostgresMaintenance final : public Maintenance {
  public:
    explicit PostgresMaintenance(Owner& owner);
    Result<std::uint32_t> trim(const Trim& trim) override;
    Result<ChannelInfo> find(std::string_view channel) override;
    Result<std::vector<ChannelInfo>> channels(std::int64_t after, std::uint32_t limit) override;
    Result<std::vector<ChannelInfo>> channels_by_name(std::string_view after, std::uint32_t limit) override;

  private:
    Result<std::vector<ChannelInfo>> list(const char* name, const Parameters& parameters);

    PreparedConnection connection_;
};

}  // namespace millrace::store::postgres
