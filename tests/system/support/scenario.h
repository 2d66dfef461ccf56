// Scenarios that two servers are compared by, read from tests/system/differential/*.txt.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/system/support/mqtt_script.h"

namespace millrace::system_test {

/// What a server said, a line for each packet: `a: connack present=0 code=0`.
using Transcript = std::vector<std::string>;

/// What is expected of one version of the protocol.
struct Expectation {
    Transcript millrace;
    Transcript mosquitto;  ///< differs from the other only where there is a `because`
    std::string because;   ///< the name of the difference in docs/conformance.md
};

/// The file has for each: `== name`, `:: 5.0` when it is not for both versions, a step a line, and then what
/// is expected: `-- 3.1.1 5.0`, or `-- 5.0 mosquitto because name` for what differs there, above its lines.
struct Scenario {
    std::string name;
    std::vector<std::string> versions;
    std::vector<std::string> steps;
    std::map<std::string, Expectation> expected;
};

std::vector<Scenario> read_scenarios(const std::filesystem::path& folder);
/// The scenario as a file has it.
std::string to_text(const Scenario& scenario);

/// Plays the steps of a scenario against the server on that port, in the version "3.1.1" or "5.0". After each
/// step every connected client sends PINGREQ and reads up to its PINGRESP: with a server that works in one
/// thread, what the step caused has then arrived, without waiting for time to pass. Leaves no session and no
/// retained message. Steps beside those of packet_of(): `a open` opens a connection and says nothing, `a
/// drop` ends the connection without DISCONNECT, `a second` sends CONNECT once more, `a await` waits for the
/// next packet or the end of the connection, `sleep 1.5` lets time pass.
Transcript play(const Scenario& scenario, const std::string& version, std::uint16_t port);

}  // namespace millrace::system_test
