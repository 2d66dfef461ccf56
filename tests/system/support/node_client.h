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

/// sdk_client.cjs: a member of `channel` with @xano/js-sdk of that major version. An address of https:// is
/// that of a server on port 443.
class SdkClient {
  public:
    SdkClient(int major, const std::string& url, const std::string& channel,
              std::vector<std::string> more_arguments = {}, const std::string& key = "default");

    void message(boost::json::value payload) {
        client_.send({{"do", "message"}, {"payload", std::move(payload)}});
    }
    void command(const boost::json::object& command) { client_.send(command); }
    /// The next frame the SDK hands to the application with that action; others are skipped.
    std::optional<boost::json::object> frame(std::string_view action, Clock::duration patience = kPatience);
    /// The value under `key` of the next line of the script that has it.
    std::optional<boost::json::value> next(std::string_view key, Clock::duration patience = kPatience) {
        return client_.next(key, patience);
    }
    /// What getPresence() says now.
    boost::json::array presence();

  private:
    NodeClient client_;
};

}  // namespace millrace::system_test
