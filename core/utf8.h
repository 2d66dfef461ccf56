// The one UTF-8 check that every door uses.
#pragma once

#include <cstddef>
#include <string_view>

namespace millrace {

/// The length of the longest prefix that is whole, well-formed UTF-8 (RFC 3629: no overlong forms, no
/// surrogates, nothing above U+10FFFF). U+0000 counts as well formed.
std::size_t utf8_prefix(std::string_view text);

inline bool is_utf8(std::string_view text) {
    return utf8_prefix(text) == text.size();
}

}  // namespace millrace
