// JSON as text without the white space between its tokens.
#pragma once

#include <string>
#include <string_view>

#include "core/bytes.h"

namespace millrace {

inline bool is_json_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// The size of the string token at the front of valid JSON.
std::size_t json_string_size(std::string_view text);

/// Copies valid JSON without insignificant white space.
void append_compact(ByteBuffer& out, std::string_view json);
void append_compact(std::string& out, std::string_view json);

}  // namespace millrace
