// Moments that somebody has written down.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

/// Microseconds since 1970 UTC of a moment as RFC 3339, 5.6 has it: `2026-11-23T20:13:59Z`, where a fraction
/// may follow the seconds, and an offset from UTC may stand for `Z`. A leap second is the one after it.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace millrace
