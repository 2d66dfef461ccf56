#include "core/net/address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

namespace millrace {
namespace {

/// RFC 4291 2.5.5.2
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::string ip_text(int family, const std::uint8_t* bytes) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(family, bytes, text.data(), text.size());
    return text.data();
}

}  // namespace

Address Address::v4(const void* four_bytes, std::uint16_t port) {
    Address address;
    address.family = Family::v4;
    address.port = port;
    std::memcpy(address.bytes.data(), four_bytes, 4);
    return address;
}

Address Address::v6(const void* sixteen_bytes, std::uint16_t port) {
    Address address;
    address.family = Family::v6;
    address.port = port;
    std::memcpy(address.bytes.data(), sixteen_bytes, address.bytes.size());
    if (!std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) return address;
    return v4(address.bytes.data() + kMapped.size(), port);
}

Address Address::from(const sockaddr_storage& address) {
    if (address.ss_family == AF_INET) {
        const auto& in = reinterpret_cast<const sockaddr_in&>(address);
        return v4(&in.sin_addr, ntohs(in.sin_port));
    }
    if (address.ss_family == AF_INET6) {
        const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
        return v6(&in.sin6_addr, ntohs(in.sin6_port));
    }
    Address other;
    if (address.ss_family == AF_UNIX) other.family = Family::local;
    return other;
}

Address Address::of_peer(int descriptor) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    return from(address);
}

bool Address::is_loopback() const {
    switch (family) {
        case Family::v4:
            return bytes[0] == 127;
        case Family::v6:
            return std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t b) { return b == 0; }) &&
                   bytes.back() == 1;
        case Family::local:
            return true;
        case Family::unknown:
            break;
    }
    return false;
}

std::string Address::text() const {
    switch (family) {
        case Family::v4:
            return ip_text(AF_INET, bytes.data()) + ":" + std::to_string(port);
        case Family::v6:
            return "[" + ip_text(AF_INET6, bytes.data()) + "]:" + std::to_string(port);
        case Family::local:
            return "local";
        case Family::unknown:
            break;
    }
    return "unknown";
}

std::optional<Network> Network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string host(text.substr(0, slash));
    Network network;
    in6_addr address{};
    if (::inet_pton(AF_INET, host.c_str(), &address) == 1) {
        network.base_ = Address::v4(&address, 0);
    } else if (::inet_pton(AF_INET6, host.c_str(), &address) == 1) {
        network.base_ = Address::v6(&address, 0);
    } else {
        return std::nullopt;
    }
    const unsigned longest = network.base_.family == Address::Family::v4 ? 32 : 128;
    network.prefix_ = longest;
    if (slash == std::string_view::npos) return network;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + slash + 1, end, network.prefix_);
    if (error != std::errc{} || rest != end || network.prefix_ > longest) return std::nullopt;
    return network;
}

bool Network::contains(const Address& address) const {
    if (address.family != base_.family) return false;
    const std::size_t whole = prefix_ / 8;
    const unsigned rest = prefix_ % 8;
    if (!std::equal(base_.bytes.begin(), base_.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                    address.bytes.begin()))
        return false;
    if (rest == 0) return true;
    const unsigned mask = 0xFFU << (8 - rest);
    return ((base_.bytes[whole] ^ address.bytes[whole]) & mask & 0xFFU) == 0;
}

}  // namespace millrace
