#include "core/access/base64.h"

#include <cstdint>

namespace millrace::access {
namespace {

constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<std::string> decode(std::string_view text, std::string_view alphabet) {
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const std::size_t value = alphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFFF;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes.push_back(static_cast<char>(bits >> count & 0xFF));
    }
    // What is left over must be zero: one value has one text (RFC 4648 3.5).
    if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
    return bytes;
}

std::string encode(std::string_view bytes, std::string_view alphabet) {
    std::string text;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : bytes) {
        bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xFFFFFF;
        for (count += 8; count >= 6; count -= 6) text.push_back(alphabet[bits >> (count - 6) & 63]);
    }
    if (count != 0) text.push_back(alphabet[bits << (6 - count) & 63]);
    return text;
}

}  // namespace

std::optional<std::string> decode_base64url(std::string_view text) {
    return decode(text, kUrl);
}

std::string encode_base64url(std::string_view bytes) {
    return encode(bytes, kUrl);
}

std::string encode_base64(std::string_view bytes) {
    std::string text = encode(bytes, kPlain);
    while (text.size() % 4 != 0) text += '=';
    return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.ends_with('=')) text.remove_suffix(1);
    if (text.ends_with('=')) text.remove_suffix(1);
    return decode(text, kPlain);
}

}  // namespace millrace::access
