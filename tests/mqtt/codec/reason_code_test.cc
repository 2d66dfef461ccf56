#include "mqtt/codec/reason_code.h"

#include <gtest/gtest.h>
#include <set>
#include <string_view>

#include "tests/mqtt/codec/support.h"

namespace millrace::mqtt::test {
namespace {

TEST(ReasonCode, EveryCodeOf5HasANameOfItsOwn) {
    std::set<std::string_view> names;
    unsigned known = 0;
    for (unsigned value = 0; value < 256; ++value) {
        const std::string_view name = to_string(static_cast<ReasonCode>(value));
        if (name == "unknown reason code") continue;
        ++known;
        names.insert(name);
    }
    EXPECT_EQ(known, 43U);
    EXPECT_EQ(names.size(), known);
    EXPECT_EQ(to_string(ReasonCode::quota_exceeded), "quota exceeded");
}

/// "00 10 80": the codes that may be in a packet.
std::string allowed(PacketType type, Sender sender) {
    std::string codes;
    for (unsigned value = 0; value < 256; ++value) {
        if (is_allowed(static_cast<ReasonCode>(value), type, sender))
            codes.push_back(static_cast<char>(value));
    }
    return hex(codes);
}

TEST(ReasonCode, AllowedOnesAreThoseOfTheTables) {
    for (const Sender sender : {Sender::client, Sender::server}) {
        EXPECT_EQ(allowed(PacketType::puback, sender), "00 10 80 83 87 90 91 97 99");
        EXPECT_EQ(allowed(PacketType::pubrec, sender), "00 10 80 83 87 90 91 97 99");
        EXPECT_EQ(allowed(PacketType::pubrel, sender), "00 92");
        EXPECT_EQ(allowed(PacketType::pubcomp, sender), "00 92");
        EXPECT_EQ(allowed(PacketType::publish, sender), "");
    }
    EXPECT_EQ(allowed(PacketType::connack, Sender::server),
              "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f");
    EXPECT_EQ(allowed(PacketType::suback, Sender::server), "00 01 02 80 83 87 8f 91 97 9e a1 a2");
    EXPECT_EQ(allowed(PacketType::unsuback, Sender::server), "00 11 80 83 87 8f 91");
    EXPECT_EQ(allowed(PacketType::disconnect, Sender::client), "00 04 80 81 82 83 90 93 94 95 96 97 98 99");
    EXPECT_EQ(allowed(PacketType::disconnect, Sender::server),
              "00 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2");
    EXPECT_EQ(allowed(PacketType::auth, Sender::client), "18 19");
    EXPECT_EQ(allowed(PacketType::auth, Sender::server), "00 18");
}

TEST(ReasonCode, ErrorsBeginAt0x80) {
    EXPECT_FALSE(is_error(ReasonCode::reauthenticate));
    EXPECT_TRUE(is_error(ReasonCode::unspecified_error));
}

}  // namespace
}  // namespace millrace::mqtt::test
