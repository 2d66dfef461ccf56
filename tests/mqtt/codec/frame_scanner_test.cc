#include "mqtt/codec/frame_scanner.h"

#include <gtest/gtest.h>
#include <string>

#include "tests/mqtt/codec/support.h"

namespace millrace::mqtt::test {
namespace {

constexpr std::size_t kNoLimit = std::size_t{1} << 30;

Scan scan(const std::string& bytes, Version version = Version::v5, std::size_t limit = kNoLimit) {
    return scan_frame(as_bytes(bytes), limit, version);
}

TEST(FrameScanner, FindsEveryPacketFedByteByByte) {
    for (const Sample& sample : samples()) {
        const std::string bytes = packet(sample.first, sample.body);
        std::string fed;
        for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
            fed.push_back(bytes[i]);
            const Scan partial = scan(fed, sample.version);
            ASSERT_EQ(partial.status, ScanStatus::need_more) << sample.name << " at " << i;
            ASSERT_GT(partial.wanted, fed.size()) << sample.name;
            ASSERT_LE(partial.wanted, bytes.size()) << sample.name;
        }
        const std::string stream = bytes + "next";
        const Scan whole = scan(stream, sample.version);
        ASSERT_EQ(whole.status, ScanStatus::frame) << sample.name << ": " << whole.error.why;
        EXPECT_EQ(whole.frame.size, bytes.size());
        EXPECT_EQ(hex(as_text(whole.frame.body)), hex(wire(sample.body)));
        EXPECT_EQ(static_cast<unsigned>(whole.frame.type), sample.first >> 4);
        EXPECT_EQ(whole.frame.flags, sample.first & 15);
    }
}

TEST(FrameScanner, NeedsMoreOfNothing) {
    const Scan nothing = scan_frame({}, kNoLimit, Version::v5);
    EXPECT_EQ(nothing.status, ScanStatus::need_more);
    EXPECT_EQ(nothing.wanted, 2U);
}

TEST(FrameScanner, ReadsAllLengthsOfTheRemainingLength) {
    for (const std::size_t length : {0U, 127U, 128U, 16'383U, 16'384U, 2'097'151U, 2'097'152U}) {
        ByteBuffer bytes;
        bytes.u8(0x30);
        Writer(bytes.extend(varint_size(length))).varint(length);
        const std::size_t header = bytes.size();
        EXPECT_EQ(scan_frame(bytes.view(), kNoLimit, Version::v5).wanted, header + length);
        std::memset(bytes.extend(length), 'x', length);
        const Scan whole = scan_frame(bytes.view(), kNoLimit, Version::v5);
        ASSERT_EQ(whole.status, ScanStatus::frame);
        EXPECT_EQ(whole.frame.body.size(), length);
        EXPECT_EQ(whole.frame.size, header + length);
    }
}

// Bug class 2.
TEST(FrameScanner, RefusesARemainingLengthOfFiveBytes) {
    for (const Version version : {Version::v31, Version::v311, Version::v5}) {
        const Scan too_long = scan(wire("30 ff ff ff ff"), version);
        ASSERT_EQ(too_long.status, ScanStatus::error);
        EXPECT_EQ(too_long.error.code, ReasonCode::malformed_packet);
        EXPECT_EQ(scan(wire("30 ff ff ff"), version).status, ScanStatus::need_more);
    }
}

// Bug class 2.
TEST(FrameScanner, Mqtt_1_5_5_1_PaddedLengthIsMalformedIn5Only) {
    for (const auto* bytes : {"c0 80 00", "c0 80 80 00", "c0 80 80 80 00", "40 82 00 00 01"}) {
        EXPECT_EQ(scan(wire(bytes), Version::v5).status, ScanStatus::error) << bytes;
        const Scan old = scan(wire(bytes), Version::v311);
        EXPECT_EQ(old.status, ScanStatus::frame) << bytes;
        EXPECT_FALSE(old.frame.minimal_length);
    }
    EXPECT_TRUE(scan(wire("c0 00")).frame.minimal_length);
}

// Bug class 1.
TEST(FrameScanner, TooLargeShowsBeforeTheBodyArrives) {
    const Scan refused = scan(wire("30 80 01"), Version::v5, 130);
    ASSERT_EQ(refused.status, ScanStatus::error);
    EXPECT_EQ(refused.error.code, ReasonCode::packet_too_large);
    EXPECT_EQ(scan(wire("30 80 01"), Version::v5, 131).status, ScanStatus::need_more);
    EXPECT_EQ(scan(wire("30 ff ff ff 7f"), Version::v311, 1U << 20).error.code, ReasonCode::packet_too_large);
}

TEST(FrameScanner, ReservedTypesAreMalformed) {
    for (unsigned flags = 0; flags < 16; ++flags) {
        const Scan reserved = scan(std::string(1, static_cast<char>(flags)));
        ASSERT_EQ(reserved.status, ScanStatus::error);
        EXPECT_EQ(reserved.error.code, ReasonCode::malformed_packet);
    }
    EXPECT_EQ(scan("\xf0", Version::v31).status, ScanStatus::error);
    EXPECT_EQ(scan("\xf0", Version::v311).status, ScanStatus::error);
    EXPECT_EQ(scan("\xf0", Version::v5).status, ScanStatus::need_more);
}

TEST(FrameScanner, Mqtt_2_1_3_1_FlagsOutsidePublishAreFixed) {
    for (unsigned type = 1; type <= 15; ++type) {
        if (type == static_cast<unsigned>(PacketType::publish)) continue;
        const unsigned legal = type == 6 || type == 8 || type == 10 ? 2 : 0;
        for (unsigned flags = 0; flags < 16; ++flags) {
            const std::string first(1, static_cast<char>(type << 4 | flags));
            const auto expected = flags == legal ? ScanStatus::need_more : ScanStatus::error;
            EXPECT_EQ(scan(first, Version::v5).status, expected) << type << ' ' << flags;
            if (type == 15) continue;
            EXPECT_EQ(scan(first, Version::v311).status, expected) << type << ' ' << flags;
            EXPECT_EQ(scan(first, Version::v31).status, ScanStatus::need_more) << type << ' ' << flags;
        }
    }
}

TEST(FrameScanner, Mqtt_3_3_1_2_DupIsNotForQos0) {
    EXPECT_EQ(scan("\x38").status, ScanStatus::error);
    EXPECT_EQ(scan("\x39").status, ScanStatus::error);
    EXPECT_EQ(scan("\x3a").status, ScanStatus::need_more);
    EXPECT_EQ(scan("\x3d").status, ScanStatus::need_more);
}

TEST(FrameScanner, Mqtt_3_3_1_4_Qos3IsMalformed) {
    for (const auto* first : {"\x36", "\x37", "\x3e", "\x3f"}) {
        EXPECT_EQ(scan(first).error.code, ReasonCode::malformed_packet);
    }
}

}  // namespace
}  // namespace millrace::mqtt::test
