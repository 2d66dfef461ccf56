// SHA-256, and what is made with it of a secret.
#pragma once

#include <string>
#include <string_view>

namespace millrace::access {

inline constexpr std::size_t kSha256Bytes = 32;

std::string sha256(std::string_view text);
/// RFC 2104.
std::string hmac_sha256(std::string_view key, std::string_view text);
/// In a time that tells nothing of where they differ.
bool equal_secrets(std::string_view a, std::string_view b);

}  // namespace millrace::access
