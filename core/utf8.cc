#include "core/utf8.h"

#include <cstdint>
#include <cstring>

namespace millrace {
namespace {

bool continuation(unsigned char byte) {
    return (byte & 0xC0) == 0x80;
}

/// Bytes of the sequence that starts at `at`, or 0 where it is malformed or cut off.
std::size_t sequence(const unsigned char* at, std::size_t left) {
    const unsigned char lead = at[0];
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return 0;
    if (left < 2 || !continuation(at[1])) return 0;
    if (lead < 0xE0) return 2;
    if (left < 3 || !continuation(at[2])) return 0;
    if (lead < 0xF0) {
        const bool overlong = lead == 0xE0 && at[1] < 0xA0;
        const bool surrogate = lead == 0xED && at[1] > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    if (left < 4 || !continuation(at[3])) return 0;
    const bool overlong = lead == 0xF0 && at[1] < 0x90;
    const bool too_high = lead == 0xF4 && at[1] > 0x8F;
    return overlong || too_high ? 0 : 4;
}

}  // namespace

std::size_t utf8_prefix(std::string_view text) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t at = 0;
    while (at < text.size()) {
        std::uint64_t eight = 0;
        if (text.size() - at >= sizeof eight) {
            std::memcpy(&eight, bytes + at, sizeof eight);
            if ((eight & 0x8080808080808080ULL) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        const std::size_t size = sequence(bytes + at, text.size() - at);
        if (size == 0) return at;
        at += size;
    }
    return at;
}

}  // namespace millrace
