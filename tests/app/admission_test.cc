#include "app/admission.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace millrace::app {
namespace {

using Verdict = Admission::Verdict;

Address ip(const char* text) {
    in6_addr bytes{};
    if (::inet_pton(AF_INET, text, &bytes) == 1) return Address::v4(&bytes, 1234);
    EXPECT_EQ(::inet_pton(AF_INET6, text, &bytes), 1) << text;
    return Address::v6(&bytes, 1234);
}

TimePoint at_ms(int ms) {
    return TimePoint{} + Milliseconds{1'000'000 + ms};
}

TEST(Admission, WithoutLimitsEverybodyComesAndNothingIsKept) {
    Admission admission({});
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(admission.admit(ip("192.0.2.1"), at_ms(0)), Verdict::admitted);
    EXPECT_EQ(admission.remembered(), 0U);
    EXPECT_FALSE(admission.counts_open());
}

TEST(Admission, ConnectionsAreCountedByAddressUntilTheyEnd) {
    Admission admission({.connections = 2});
    EXPECT_EQ(admission.admit(ip("192.0.2.1"), at_ms(0)), Verdict::admitted);
    EXPECT_EQ(admission.admit(ip("192.0.2.1"), at_ms(0)), Verdict::admitted);
    EXPECT_EQ(admission.admit(ip("192.0.2.1"), at_ms(0)), Verdict::too_many);
    EXPECT_EQ(admission.admit(ip("192.0.2.2"), at_ms(0)), Verdict::admitted);
    admission.depart(ip("192.0.2.1"));
    EXPECT_EQ(admission.admit(ip("192.0.2.1"), at_ms(0)), Verdict::admitted);
    for (int i = 0; i < 3; ++i) admission.depart(ip("192.0.2.1"));
    admission.depart(ip("192.0.2.2"));
    EXPECT_EQ(admission.remembered(), 0U);
}

TEST(Admission, AnIpv6NetworkOf64BitsIsOneAddress) {
    Admission admission({.connections = 1});
    EXPECT_EQ(admission.admit(ip("2001:db8:0:1::1"), at_ms(0)), Verdict::admitted);
    EXPECT_EQ(admission.admit(ip("2001:db8:0:1:ffff::2"), at_ms(0)), Verdict::too_many);
    EXPECT_EQ(admission.admit(ip("2001:db8:0:2::1"), at_ms(0)), Verdict::admitted);
    EXPECT_EQ(admission.admit(ip("::ffff:192.0.2.1"), at_ms(0)), Verdict::admitted);
    EXPECT_EQ(admission.admit(ip("192.0.2.1"), at_ms(0)), Verdict::too_many);
}

TEST(Admission, UnixSocketsAreNotCountedAndUnknownOnesAreOne) {
    Admission admission({.connections = 1, .per_second = 1});
    const Address local{.family = Address::Family::local};
    for (int i = 0; i < 5; ++i) EXPECT_EQ(admission.admit(local, at_ms(0)), Verdict::admitted);
    EXPECT_EQ(admission.admit(Address{}, at_ms(0)), Verdict::admitted);
    EXPECT_EQ(admission.admit(Address{}, at_ms(5000)), Verdict::too_many);
}

TEST(Admission, TheRateAllowsABurstAndThenSoManyASecond) {
    Admission admission({.per_second = 4});
    const Address fast = ip("192.0.2.1");
    for (int i = 0; i < 4; ++i) EXPECT_EQ(admission.admit(fast, at_ms(0)), Verdict::admitted);
    EXPECT_EQ(admission.admit(fast, at_ms(0)), Verdict::too_fast);
    EXPECT_EQ(admission.admit(ip("192.0.2.2"), at_ms(0)), Verdict::admitted);
    EXPECT_EQ(admission.admit(fast, at_ms(200)), Verdict::too_fast);
    EXPECT_EQ(admission.admit(fast, at_ms(260)), Verdict::admitted);
    EXPECT_EQ(admission.admit(fast, at_ms(270)), Verdict::too_fast);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(admission.admit(fast, at_ms(60'000)), Verdict::admitted);
    EXPECT_EQ(admission.admit(fast, at_ms(60'000)), Verdict::too_fast);
}

TEST(Admission, AddressesThatCameAndWentAreForgotten) {
    Admission admission({.connections = 10, .per_second = 10});
    for (int i = 0; i < 100'000; ++i) {
        const std::uint32_t number = htonl(static_cast<std::uint32_t>(i));
        const Address address = Address::v4(&number, 1);
        EXPECT_EQ(admission.admit(address, at_ms(i)), Verdict::admitted);
        admission.depart(address);
    }
    EXPECT_LE(admission.remembered(), 4096U);
}

}  // namespace
}  // namespace millrace::app
