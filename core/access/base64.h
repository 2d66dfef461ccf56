// Base64, as JSON Web Tokens and password files write it (RFC 4648 4 and 5).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::access {

/// Without padding, the alphabet safe for URLs. Nothing when any character, or any left-over bit, is wrong.
std::optional<std::string> decode_base64url(std::string_view text);
std::string encode_base64url(std::string_view bytes);
/// With padding, the plain alphabet.
std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

}  // namespace millrace::access
