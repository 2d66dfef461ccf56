#include "core/printable.h"

#include <array>
#include <cstdio>

#include "core/utf8.h"

namespace millrace {
namespace {

constexpr std::size_t kTextBytesMax = 256;

}  // namespace

std::string printable(std::string_view text) {
    const bool cut = text.size() > kTextBytesMax;
    if (cut) text = text.substr(0, utf8_prefix(text.substr(0, kTextBytesMax)));
    const bool whole = is_utf8(text);
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !whole)) {
            std::array<char, 8> hex{};
            std::snprintf(hex.data(), hex.size(), "\\x%02X", byte);
            result += hex.data();
        } else {
            result += c;
        }
    }
    return result + (cut ? "…\"" : "\"");
}

}  // namespace millrace
