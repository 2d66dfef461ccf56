// Clients that live in Node: the programs of tests/system/node.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/system/support/process.h"

namespace millrace::system_test {

/// Scripts and pages take their time to start on a busy machine.
inline constexpr Clock::duration kStart = 60s;

/// One running script, which speaks JSON lines. Belongs to one thread.
class NodeClient {
  public:
    NodeClient(const std::string& script, std::vector<std::string> arguments);

    void send(const boost::json::object& command);
    /// The next line, whatever it says; nothing when none comes in time.
    std::optional<boost::json::object> next(Clock::duration patience = kPatience);
    /// The value under `key` of the next line that has it; other lines are skipped.
    std::optional<boost::json::value> next(std::string_view key, Clock::duration patience = kPatience);
    Process& process() { return process_; }

  private:
    Process process_;
};

/// chromium_server.mjs: one Chromium for the members of many an sdk_client.cjs. Throws when it does not
/// start. It trusts that certificate, and connects to `port` where pages dial port 443 of localhost.
class Chromium {
  public:
    Chromium(const std::string& certificate, const std::string& port);
    ~Chromium();

    /// For sdk_client.cjs --browser.
    const std::string& address() const { return address_; }

  private:
    NodeClient client_;
    std::string address_;
};

/// sdk_client.cjs: a member of `channel` with @xano/js-sdk of that major version. An address of https:// is
/// that of a server on port 443, or where --port or the Chromium of --browser leads.
class SdkClient {
  public:
    SdkClient(int major, const std::string& url, const std::string& channel,
              std::vector<std::string> more_arguments = {}, const std::string& key = "default");

    void message(boost::json::value payload, boost::json::object options = {}) {
        client_.send({{"do", "message"}, {"payload", std::move(payload)}, {"options", std::move(options)}});
    }
    void command(const boost::json::object& command) { client_.send(command); }
    /// The next frame the SDK hands to the application with that action; others are skipped. Those of the
    /// second channel stand under "second".
    std::optional<boost::json::object> frame(std::string_view action, Clock::duration patience = kPatience,
                                             std::string_view key = "frame");
    /// The value under `key` of the next line of the script that has it.
    std::optional<boost::json::value> next(std::string_view key, Clock::duration patience = kPatience) {
        return client_.next(key, patience);
    }
    /// The next line of the script, whatever it says.
    std::optional<boost::json::object> next_line(Clock::duration patience = kPatience) {
        return client_.next(patience);
    }
    /// What getPresence() says now.
    boost::json::array presence();

  private:
    NodeClient client_;
};

}  // namespace millrace::system_test
