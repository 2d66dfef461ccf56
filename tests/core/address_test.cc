#include "core/net/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string>

namespace millrace {
namespace {

Address ip(const std::string& text, std::uint16_t port = 0) {
    in6_addr bytes{};
    if (::inet_pton(AF_INET, text.c_str(), &bytes) == 1) return Address::v4(&bytes, port);
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &bytes), 1) << text;
    return Address::v6(&bytes, port);
}

TEST(Address, IsWrittenAsInAUrl) {
    EXPECT_EQ(ip("203.0.113.9", 51234).text(), "203.0.113.9:51234");
    EXPECT_EQ(ip("2001:db8::1", 1).text(), "[2001:db8::1]:1");
    EXPECT_EQ(ip("::ffff:203.0.113.9", 7).text(), "203.0.113.9:7");
    EXPECT_EQ(Address{}.text(), "unknown");
}

TEST(Address, KnowsLoopback) {
    for (const char* text : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"})
        EXPECT_TRUE(ip(text).is_loopback()) << text;
    for (const char* text : {"128.0.0.1", "::2", "1::1", "::", "0.0.0.0"})
        EXPECT_FALSE(ip(text).is_loopback()) << text;
    EXPECT_TRUE((Address{.family = Address::Family::local}.is_loopback()));
    EXPECT_FALSE(Address{}.is_loopback());
}

TEST(Network, ContainsWhatItsPrefixSays) {
    const auto in = [](const char* network, const char* address) {
        const auto parsed = Network::parse(network);
        EXPECT_TRUE(parsed) << network;
        return parsed && parsed->contains(ip(address));
    };
    EXPECT_TRUE(in("10.1.0.0/16", "10.1.255.255"));
    EXPECT_FALSE(in("10.1.0.0/16", "10.2.0.0"));
    EXPECT_TRUE(in("10.1.2.128/25", "10.1.2.129"));
    EXPECT_FALSE(in("10.1.2.128/25", "10.1.2.127"));
    EXPECT_TRUE(in("0.0.0.0/0", "1.2.3.4"));
    EXPECT_FALSE(in("0.0.0.0/0", "::1"));
    EXPECT_TRUE(in("192.0.2.1", "192.0.2.1"));
    EXPECT_FALSE(in("192.0.2.1", "192.0.2.2"));
    EXPECT_TRUE(in("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(in("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(in("192.0.2.0/24", "::ffff:192.0.2.77"));
}

TEST(Network, RefusesWhatIsNone) {
    for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8",
                             "::/129", "localhost", "10.0.0.0 /8"})
        EXPECT_FALSE(Network::parse(text)) << text;
}

}  // namespace
}  // namespace millrace
