#include "core/net/proxy_header.h"

#include <gtest/gtest.h>
#include <string>

namespace millrace::proxy {
namespace {

using State = Header::State;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string binary(int version_and_command, int family, std::string_view body) {
    std::string text = kSignature;
    for (const std::size_t byte : {static_cast<std::size_t>(version_and_command),
                                   static_cast<std::size_t>(family), body.size() >> 8, body.size() & 0xff})
        text.push_back(static_cast<char>(byte));
    return text.append(body);
}

const std::string kV4Body("\xCB\x00\x71\x09\xC0\x00\x02\x01\xC8\x22\x07\x5B", 12);  // 203.0.113.9:51234
const std::string kV6Body = std::string("\x20\x01\x0D\xB8", 4) + std::string(11, '\0') + "\x01" +
                            std::string(16, '\x02') + "\xC8\x22\x07\x5B";

Header parse_text(std::string_view text) {
    return parse(as_bytes(text));
}

/// Its client's address; "incomplete", "refused" and "itself" for what has none.
std::string client(std::string_view text) {
    const Header header = parse_text(text);
    if (header.state == State::incomplete) return "incomplete";
    if (header.state == State::refused) return "refused";
    return header.forwarded ? header.client.text() : "itself";
}

/// Every shorter beginning is incomplete; what follows is not looked at.
void expect_whole(const std::string& text, const std::string& wanted) {
    for (std::size_t size = 0; size < text.size(); ++size)
        EXPECT_EQ(client(std::string_view(text).substr(0, size)), "incomplete")
            << wanted << " cut at " << size;
    EXPECT_EQ(client(text), wanted);
    EXPECT_EQ(parse_text(text).size, text.size());
    EXPECT_EQ(client(text + "\x10 more"), wanted);
    EXPECT_EQ(parse_text(text + text).size, text.size());
}

TEST(ProxyHeader, Version1CutAnywhere) {
    expect_whole("PROXY TCP4 203.0.113.9 192.0.2.1 51234 1883\r\n", "203.0.113.9:51234");
    expect_whole("PROXY TCP6 2001:db8::1 2001:db8::2 51234 1883\r\n", "[2001:db8::1]:51234");
    expect_whole("PROXY TCP6 ::ffff:203.0.113.9 ::1 1 0\r\n", "203.0.113.9:1");
    expect_whole("PROXY UNKNOWN\r\n", "unknown");
    expect_whole("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "unknown");
    expect_whole("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", "unknown");
}

TEST(ProxyHeader, Version2CutAnywhere) {
    expect_whole(binary(0x21, 0x11, kV4Body), "203.0.113.9:51234");
    expect_whole(binary(0x21, 0x12, kV4Body), "203.0.113.9:51234");
    expect_whole(binary(0x21, 0x21, kV6Body), "[2001:db8::1]:51234");
    expect_whole(binary(0x21, 0x11, kV4Body + std::string("\x04\x00\x03xyz", 6)), "203.0.113.9:51234");
    expect_whole(binary(0x21, 0x31, std::string(216, 'u')), "unknown");
    expect_whole(binary(0x21, 0x00, ""), "unknown");
}

TEST(ProxyHeader, LocalIsTheProxyItself) {
    expect_whole(binary(0x20, 0x00, ""), "itself");
    expect_whole(binary(0x20, 0x11, kV4Body), "itself");
}

TEST(ProxyHeader, Version1RulesAreKept) {
    for (const char* text :
         {"PROXY TCP4 203.0.113.9 192.0.2.1 51234\r\n", "PROXY TCP4 203.0.113.9 192.0.2.1 51234 1883 \r\n",
          "PROXY  TCP4 203.0.113.9 192.0.2.1 51234 1883\r\n",
          "PROXY TCP4 203.0.113.999 192.0.2.1 51234 1883\r\n", "PROXY TCP4 ::1 ::1 51234 1883\r\n",
          "PROXY TCP6 203.0.113.9 192.0.2.1 51234 1883\r\n",
          "PROXY TCP4 203.0.113.9 192.0.2.1 65536 1883\r\n",
          "PROXY TCP4 203.0.113.9 192.0.2.1 051234 1883\r\n", "PROXY TCP4 203.0.113.9 192.0.2.1 -1 1883\r\n",
          "PROXY TCP4 203.0.113.9 192.0.2.1 51234 1883\n", "PROXY TCP5 203.0.113.9 192.0.2.1 51234 1883\r\n",
          "PROXY UNKNOWNX\r\n", "PROXY UNKNOWN a\rb\r\n", "PROXY \r\n", "PROXY \rUNKNOWN",
          "proxy TCP4 203.0.113.9 192.0.2.1 51234 1883\r\n", "PROXY\r\n"})
        EXPECT_EQ(client(text), "refused") << text;
}

TEST(ProxyHeader, Version1LinesHaveALimit) {
    EXPECT_EQ(client("PROXY UNKNOWN " + std::string(92, 'x')), "incomplete");
    EXPECT_EQ(client("PROXY UNKNOWN " + std::string(93, 'x')), "refused");
    EXPECT_EQ(client("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"), "refused");
}

TEST(ProxyHeader, Version2RulesAreKept) {
    for (const int version_and_command : {0x11, 0x22, 0x2f, 0x31, 0x00})
        EXPECT_EQ(client(binary(version_and_command, 0x11, kV4Body)), "refused") << version_and_command;
    for (const int family : {0x41, 0xf1, 0x13, 0x1f})
        EXPECT_EQ(client(binary(0x21, family, kV4Body)), "refused") << family;
    EXPECT_EQ(client(binary(0x21, 0x11, kV4Body.substr(1))), "refused");
    EXPECT_EQ(client(binary(0x21, 0x21, kV6Body.substr(1))), "refused");
    EXPECT_EQ(client(binary(0x21, 0x31, std::string(215, 'u'))), "refused");
}

TEST(ProxyHeader, Version2SizeHasALimitThatIsSeenEarly) {
    const std::string longest = binary(0x21, 0x11, kV4Body + std::string(kHeaderBytesMax - 16 - 12, 't'));
    EXPECT_EQ(client(longest), "203.0.113.9:51234");
    const std::string longer = binary(0x21, 0x11, kV4Body + std::string(kHeaderBytesMax - 16 - 11, 't'));
    EXPECT_EQ(client(longer), "refused");
    EXPECT_EQ(client(std::string_view(longer).substr(0, 16)), "refused");
}

TEST(ProxyHeader, WhatIsNoHeaderIsSeenAtOnce) {
    for (const char* text : {"\x10", "GET / HTTP/1.1\r\n", "PROXZ", "\r\n\r\nX", "Q"})
        EXPECT_EQ(client(text), "refused") << text;
}

}  // namespace
}  // namespace millrace::proxy
