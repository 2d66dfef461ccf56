// Text of somebody else's in a log.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// Text of somebody else's that can stand in one line of a log: what is not printable ASCII or whole UTF-8 is
/// escaped, and a long end is cut off.
std::string printable(std::string_view text);

}  // namespace millrace
