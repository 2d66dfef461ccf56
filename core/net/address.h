// Where a peer is, and ranges of such places.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr_storage;

namespace millrace {

/// An IP address with a port, or no address: a Unix socket's peer. IPv4 that came as mapped IPv6 is IPv4. A
/// value.
struct Address {
    enum class Family : std::uint8_t { unknown, local, v4, v6 };

    std::array<std::uint8_t, 16> bytes{};  ///< IPv4 in the first four
    std::uint16_t port = 0;
    Family family = Family::unknown;

    static Address from(const sockaddr_storage& address);
    static Address v4(const void* four_bytes, std::uint16_t port);
    static Address v6(const void* sixteen_bytes, std::uint16_t port);
    /// The other end of a connected socket; unknown when it is connected no more.
    static Address of_peer(int descriptor);

    bool is_ip() const { return family == Family::v4 || family == Family::v6; }
    /// A loopback address, or this machine by a Unix socket.
    bool is_loopback() const;
    /// "203.0.113.9:51234", "[2001:db8::1]:51234", "local" or "unknown".
    std::string text() const;
    bool operator==(const Address&) const = default;
};

/// "203.0.113.0/24", "2001:db8::/32", or one address. A value.
class Network {
  public:
    static std::optional<Network> parse(std::string_view text);
    bool contains(const Address& address) const;

  private:
    Address base_;
    unsigned prefix_ = 0;
};

}  // namespace millrace
