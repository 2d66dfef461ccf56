// The name of one browser socket.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::bridge {

/// Where a socket lives, and a random number, so that no other socket ever had the same name. A value.
struct SocketId {
    std::uint64_t random = 0;
    std::uint32_t shard = 0;
    std::uint32_t slot = 0;
    auto operator<=>(const SocketId&) const = default;
};

/// What clients see: 20 characters of 0-9 and a-z, the random part first.
class SocketIdText {
  public:
    static constexpr std::size_t kSize = 20;

    explicit SocketIdText(const SocketId& id);
    std::string_view view() const { return {text_.data(), text_.size()}; }

  private:
    std::array<char, kSize> text_;
};

/// Nothing when no SocketIdText looks like this.
std::optional<SocketId> parse_socket_id(std::string_view text);

}  // namespace millrace::bridge
