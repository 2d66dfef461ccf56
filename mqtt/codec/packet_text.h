// A control packet in words, for a log.
#pragma once

#include <string>
#include <string_view>

#include "mqtt/codec/frame_scanner.h"
#include "mqtt/codec/reason_code.h"

namespace millrace::mqtt {

/// What the packet is: topics, filters, QoS, identifiers, sizes and reason codes. Never what it carries: no
/// payload, credentials, authentication data, client or user names, and no properties but those that are
/// numbers.
std::string describe(const Frame& frame, Version version, Sender sender);

}  // namespace millrace::mqtt
