#include "core/bytes.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(ByteBuffer, HoldsNoMemoryUntilUsedAndAfterRelease) {
    ByteBuffer buffer;
    EXPECT_EQ(buffer.capacity(), 0U);
    buffer.append("abc");
    EXPECT_GE(buffer.capacity(), 3U);
    buffer.release();
    EXPECT_EQ(buffer.capacity(), 0U);
    EXPECT_TRUE(buffer.empty());
}

TEST(ByteBuffer, IntegersAreBigEndian) {
    ByteBuffer buffer;
    buffer.u8(1);
    buffer.u16(0x0203);
    buffer.u32(0x04050607);
    buffer.u64(0x08090A0B0C0D0E0FULL);
    for (std::size_t i = 0; i < 15; ++i) EXPECT_EQ(std::to_integer<unsigned>(buffer.data()[i]), i + 1);
    EXPECT_EQ(buffer.size(), 15U);
}

TEST(ByteBuffer, GrowsWithoutLosingWhatIsThere) {
    ByteBuffer buffer;
    std::string expected;
    for (int i = 0; i < 5000; ++i) {
        const std::string piece = std::to_string(i);
        buffer.append(piece);
        expected += piece;
    }
    EXPECT_EQ(buffer.text(), expected);
}

TEST(ByteBuffer, ConsumeDropsFromTheFrontTruncateFromTheBack) {
    ByteBuffer buffer;
    buffer.append("0123456789");
    buffer.consume(3);
    EXPECT_EQ(buffer.text(), "3456789");
    buffer.truncate(4);
    EXPECT_EQ(buffer.text(), "3456");
    buffer.consume(4);
    EXPECT_TRUE(buffer.empty());
}

TEST(ByteBuffer, MoveLeavesTheSourceEmpty) {
    ByteBuffer from;
    from.append("text");
    ByteBuffer to(std::move(from));
    EXPECT_EQ(to.text(), "text");
    EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): that is the promise
    from = std::move(to);
    EXPECT_EQ(from.text(), "text");
}

}  // namespace
}  // namespace millrace
