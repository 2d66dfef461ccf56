// The server under test: the real binary with a configuration of the test's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/system/support/process.h"
#include "tests/system/support/temp_dir.h"

namespace millrace::system_test {

/// $MILLRACE_BINARY, or build/release/millrace of this tree.
std::string millrace_binary();
/// The root of this source tree.
std::filesystem::path source_directory();

/// One `millrace serve` with two shards, on ports that stay the same over restarts. `live/#` is not stored,
/// everything else is; everybody may do everything. Its log is kept over restarts.
class Server {
  public:
    explicit Server(std::string store_url, std::string more_yaml = {});
    /// With this configuration; MQTT and HTTP listeners stand before it.
    struct Yaml {
        std::string text;
    };
    explicit Server(const Yaml& yaml);

    /// Starts it and waits for /readyz; throws with its log when that does not come.
    void start();
    /// kill -9
    void kill();
    void send_term() { process_->signal(15); }
    /// SIGHUP
    void reload() { process_->signal(1); }
    /// SIGTERM; its exit status, nothing when it does not end in time.
    std::optional<int> stop();
    bool running() { return process_ && process_->running(); }
    /// Waits for an end that was asked for; the exit status.
    std::optional<int> wait(Clock::duration patience = kPatience) { return process_->wait(patience); }

    pid_t pid() const { return process_->pid(); }
    std::uint16_t mqtt_port() const { return mqtt_port_; }
    std::uint16_t http_port() const { return http_port_; }
    std::string http_url(const std::string& path = {}) const;
    std::string websocket_url(const std::string& path = {}) const;
    /// Of that user, as `millrace token` makes it from the configuration; throws when it does not.
    std::string token(const std::string& user, std::vector<std::string> more_arguments = {}) const;
    std::string log() const { return read_file(log_path()); }
    const std::filesystem::path& directory() const { return directory_.path(); }

  private:
    std::string listeners() const;
    std::string configuration(const std::string& store_url, const std::string& more_yaml) const;
    std::filesystem::path log_path() const { return directory_.path() / "server.log"; }
    bool ready();

    TempDir directory_;
    std::uint16_t mqtt_port_;
    std::uint16_t http_port_;
    std::unique_ptr<Process> process_;
};

}  // namespace millrace::system_test
