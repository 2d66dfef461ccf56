// MQTT in words: steps of a scenario to packets, and packets to lines that two servers can be compared by.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/system/support/mqtt_wire.h"

namespace millrace::system_test {

using Words = std::vector<std::string>;

Words split_words(std::string_view line);

/// What a step says, as a packet: `connect`, `pub`, `sub`, `unsub`, `ack`, `auth`, `ping`, `disconnect` or
/// `raw`, then its arguments. `name=value` is a property where it is the name of one. `x*500` is 500 times x;
/// `-` is nothing. `id` is the packet identifier where the step has no `id=`, `client` the client identifier.
/// Throws on what it does not know.
std::string packet_of(const Words& step, int level, std::uint16_t id, const std::string& client);

/// One packet of a server in a line. What servers are free to choose is left out: packet identifiers of their
/// own, limits, reason strings, the client identifiers they make up.
std::string line_of(const MqttPacket& packet, int level);

}  // namespace millrace::system_test
