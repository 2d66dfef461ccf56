#include "core/net/proxy_header.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <netinet/in.h>
#include <optional>
#include <string>

namespace millrace::proxy {
namespace {

using State = Header::State;

constexpr Header kRefused{.state = State::refused};

// 2.1: version 1, a line of text.
constexpr std::string_view kText = "PROXY ";
constexpr std::size_t kTextBytesMax = 107;  // with CRLF

// 2.2: version 2, binary.
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kFixedBytes = 16;
constexpr std::size_t kV4Bytes = 12;
constexpr std::size_t kV6Bytes = 36;
constexpr std::size_t kUnixBytes = 216;

/// Whether one of them begins with the other.
bool agree(std::string_view a, std::string_view b) {
    const std::size_t shorter = std::min(a.size(), b.size());
    return a.substr(0, shorter) == b.substr(0, shorter);
}

/// Cuts off what stands before the next space; nothing when there is no space.
std::optional<std::string_view> next_field(std::string_view& rest) {
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const std::string_view field = rest.substr(0, space);
    rest.remove_prefix(space + 1);
    return field;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, port);
    if (error != std::errc{} || rest != end || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    return port;
}

std::optional<Address> address_of(bool v6, std::string_view host, std::uint16_t port) {
    in6_addr bytes{};
    if (::inet_pton(v6 ? AF_INET6 : AF_INET, std::string(host).c_str(), &bytes) != 1) return std::nullopt;
    return v6 ? Address::v6(&bytes, port) : Address::v4(&bytes, port);
}

/// `fields` is the line after "PROXY " and without CRLF.
Header parse_fields(std::string_view fields, std::size_t size) {
    Header header{.state = State::complete, .size = size};
    if (fields == "UNKNOWN" || fields.starts_with("UNKNOWN ")) return header;
    const auto family = next_field(fields);
    if (!family || (*family != "TCP4" && *family != "TCP6")) return kRefused;
    const bool v6 = *family == "TCP6";
    const auto source = next_field(fields);
    const auto destination = next_field(fields);
    const auto source_port = next_field(fields);
    if (!source || !destination || !source_port) return kRefused;
    const auto port = port_of(*source_port);
    const auto other_port = port_of(fields);
    if (!port || !other_port || !address_of(v6, *destination, *other_port)) return kRefused;
    const auto client = address_of(v6, *source, *port);
    if (!client) return kRefused;
    header.client = *client;
    return header;
}

Header parse_text(std::string_view text) {
    const std::size_t end = text.substr(0, kTextBytesMax).find('\n');
    if (end == std::string_view::npos) {
        // A lone CR may yet become the end of the line; anywhere else it is none of its bytes.
        const std::size_t cr = text.find('\r');
        const bool broken =
            text.size() >= kTextBytesMax || (cr != std::string_view::npos && cr + 1 < text.size());
        return broken ? kRefused : Header{};
    }
    if (end < kText.size() || text.find('\r') != end - 1) return kRefused;
    return parse_fields(text.substr(kText.size(), end - 1 - kText.size()), end + 1);
}

std::uint16_t u16(std::string_view bytes, std::size_t at) {
    const auto high = static_cast<unsigned char>(bytes[at]);
    const auto low = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<std::uint16_t>(high << 8 | low);
}

/// `body` is what follows the fixed part: addresses, then extensions, which are passed over.
Header parse_body(unsigned family, std::string_view body) {
    Header header{.state = State::complete, .size = kFixedBytes + body.size()};
    switch (family) {
        case 0:  // unspecified
            return header;
        case 1:
            if (body.size() < kV4Bytes) return kRefused;
            header.client = Address::v4(body.data(), u16(body, 8));
            return header;
        case 2:
            if (body.size() < kV6Bytes) return kRefused;
            header.client = Address::v6(body.data(), u16(body, 32));
            return header;
        case 3:  // a Unix socket of the proxy's machine, which is no address of ours
            return body.size() < kUnixBytes ? kRefused : header;
        default:
            return kRefused;
    }
}

Header parse_binary(std::string_view bytes) {
    if (bytes.size() > kSignature.size()) {
        const auto version_and_command = static_cast<unsigned char>(bytes[kSignature.size()]);
        if (version_and_command != 0x20 && version_and_command != 0x21) return kRefused;
    }
    if (bytes.size() < kFixedBytes) return {};
    const auto family = static_cast<unsigned char>(bytes[13]);
    const std::size_t size = kFixedBytes + u16(bytes, 14);
    if (family >> 4 > 3 || (family & 0x0F) > 2 || size > kHeaderBytesMax) return kRefused;
    if (bytes.size() < size) return {};
    if (bytes[kSignature.size()] == 0x20) return {.state = State::complete, .size = size, .forwarded = false};
    return parse_body(family >> 4, bytes.substr(kFixedBytes, size - kFixedBytes));
}

}  // namespace

Header parse(ByteView bytes) {
    const std::string_view text = as_text(bytes);
    if (text.empty()) return {};
    if (agree(text, kText)) return parse_text(text);
    if (agree(text, kSignature)) return parse_binary(text);
    return kRefused;
}

}  // namespace millrace::proxy
