// Pieces of a request target.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/number.h"

namespace millrace::http {

/// `room%2F42` → `room/42`; nothing when a percent sign is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

/// The value of the first parameter of that name, still encoded.
std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name);

/// Reads a parameter that is a number. False: it is there and is none.
bool read_number(std::string_view query, std::string_view name, std::optional<std::uint64_t>& value);

/// Reads a parameter that is a moment: RFC 3339, or milliseconds since 1970. In microseconds since then.
/// False: it is there and is none.
bool read_time(std::string_view query, std::string_view name, std::optional<std::int64_t>& value_us);

/// Whether `path` has the form of `pattern`, where a name in braces stands for one whole, non-empty segment,
/// which is then found in `parameter`.
bool match_path(std::string_view pattern, std::string_view path, std::string_view& parameter);

}  // namespace millrace::http
