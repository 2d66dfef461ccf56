#include "bridge/socket_id.h"

#include <limits>

namespace millrace::bridge {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kRandomDigits = 13;
constexpr std::size_t kShardDigits = 2;
constexpr std::size_t kSlotDigits = 5;
static_assert(kRandomDigits + kShardDigits + kSlotDigits == SocketIdText::kSize);

void write(char* to, std::size_t digits, std::uint64_t value) {
    for (std::size_t i = digits; i-- > 0; value /= kDigits.size()) to[i] = kDigits[value % kDigits.size()];
}

std::optional<std::uint64_t> read(std::string_view text) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t value = 0;
    for (const char c : text) {
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos || value > (kMost - digit) / kDigits.size()) return std::nullopt;
        value = value * kDigits.size() + digit;
    }
    return value;
}

}  // namespace

SocketIdText::SocketIdText(const SocketId& id) : text_{} {
    write(text_.data(), kRandomDigits, id.random);
    write(text_.data() + kRandomDigits, kShardDigits, id.shard);
    write(text_.data() + kRandomDigits + kShardDigits, kSlotDigits, id.slot);
}

std::optional<SocketId> parse_socket_id(std::string_view text) {
    if (text.size() != SocketIdText::kSize) return std::nullopt;
    const auto random = read(text.substr(0, kRandomDigits));
    const auto shard = read(text.substr(kRandomDigits, kShardDigits));
    const auto slot = read(text.substr(kRandomDigits + kShardDigits));
    if (!random || !shard || !slot) return std::nullopt;
    return SocketId{*random, static_cast<std::uint32_t>(*shard), static_cast<std::uint32_t>(*slot)};
}

}  // namespace millrace::bridge
