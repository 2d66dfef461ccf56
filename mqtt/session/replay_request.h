// History that a SUBSCRIBE asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "mqtt/codec/properties.h"
#include "mqtt/codec/reason_code.h"

namespace millrace::mqtt {

/// What is to be sent before what comes live: everything behind a position, or the newest messages, or
/// nothing. A view of the packet.
struct ReplayRequest {
    std::optional<std::uint64_t> after;
    std::string_view epoch;    ///< of `after`; empty: not said
    std::uint32_t newest = 0;  ///< 0: not asked for

    bool wanted() const { return after.has_value() || newest != 0; }
};

/// From the user properties `after`, `epoch` and `last` of a SUBSCRIBE. The error names the property.
Decoded<ReplayRequest> read_replay_request(const Properties& properties, std::uint32_t newest_max);

}  // namespace millrace::mqtt
