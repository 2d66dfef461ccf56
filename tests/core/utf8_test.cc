#include "core/utf8.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <string>

namespace millrace {
namespace {

std::string encode(std::uint32_t code) {
    std::string text;
    const auto put = [&](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
    return text;
}

TEST(Utf8, AcceptsEveryScalarValueAndNoSurrogate) {
    for (std::uint32_t code = 0; code <= 0x10FFFF; ++code) {
        const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        ASSERT_EQ(is_utf8(encode(code)), !surrogate) << std::hex << code;
    }
    EXPECT_FALSE(is_utf8(encode(0x110000)));
}

TEST(Utf8, RefusesOverlongForms) {
    EXPECT_FALSE(is_utf8("\xC0\x80"));
    EXPECT_FALSE(is_utf8("\xC1\xBF"));
    EXPECT_FALSE(is_utf8("\xE0\x80\x80"));
    EXPECT_FALSE(is_utf8("\xE0\x9F\xBF"));
    EXPECT_FALSE(is_utf8("\xF0\x80\x80\x80"));
    EXPECT_FALSE(is_utf8("\xF0\x8F\xBF\xBF"));
    EXPECT_FALSE(is_utf8("\xF5\x80\x80\x80"));
}

TEST(Utf8, PrefixEndsBeforeTheFirstBadOrUnfinishedSequence) {
    const std::string good = "plain ascii, then \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
    EXPECT_EQ(utf8_prefix(good), good.size());
    for (std::size_t cut = 1; cut < 4; ++cut) {
        EXPECT_EQ(utf8_prefix(std::string_view(good).substr(0, good.size() - cut)), good.size() - 4);
    }
    EXPECT_EQ(utf8_prefix(good + "\xFF" + good), good.size());
    EXPECT_EQ(utf8_prefix("\x80"), 0U);
}

}  // namespace
}  // namespace millrace
