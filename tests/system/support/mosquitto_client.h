// Mosquitto's own clients.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tests/system/support/process.h"

namespace millrace::system_test {

/// Runs mosquitto_pub to its end.
Outcome mosquitto_pub(std::uint16_t port, std::vector<std::string> arguments);

/// A running mosquitto_sub, which says what it does (-d).
class MosquittoSub {
  public:
    MosquittoSub(std::uint16_t port, std::vector<std::string> arguments);

    /// Waits for the SUBACK.
    bool subscribed();
    /// The next message as mosquitto_sub prints it.
    std::optional<std::string> next(Clock::duration patience = kPatience);
    Process& process() { return process_; }

  private:
    Process process_;
    std::deque<std::string> early_;  ///< printed before the SUBACK
};

}  // namespace millrace::system_test
