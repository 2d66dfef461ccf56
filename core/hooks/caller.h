// The HTTP client that asks the backends.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "config/config.h"
#include "core/hooks/call.h"

namespace boost::asio::ssl {
class context;
}

namespace millrace::hooks {

/// What a configuration says about asking. Immutable; shared.
struct Settings {
    std::string secret;                              ///< empty: questions are not signed
    std::shared_ptr<boost::asio::ssl::context> tls;  ///< whom https trusts
    std::size_t connections = 0;                     ///< per address
    std::size_t queue_calls = 0;
    std::size_t queue_bytes = 0;
    std::size_t answer_bytes = 0;
};
using SettingsPtr = std::shared_ptr<const Settings>;

/// Throws std::runtime_error with one line when `hooks.ca` cannot be read.
SettingsPtr settings_of(const config::Config& config);

/// One thread that asks over pooled keep-alive connections, so that no shard ever waits. A question has its
/// answer within its time, whatever the backend, the network and the name server do. Made when a
/// configuration names the first hook, destroyed before the shards.
class Caller final : public Asker {
  public:
    explicit Caller(SettingsPtr settings);
    ~Caller();
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    void ask(Call call) override;
    /// Any thread: from now on these hold. Questions under way end as they began.
    void use(SettingsPtr settings);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::hooks
