#include "mqtt/codec/utf8.h"

#include <gtest/gtest.h>
#include <string>

namespace millrace::mqtt {
namespace {

using namespace std::string_literals;

TEST(Utf8, AcceptsEveryLengthOfSequence) {
    for (const auto& text :
         {""s, "plain"s, "\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s, "\xee\x80\x80"s,
          "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s,
          "Gr\xc3\xbc\xc3\x9f"
          "e aus K\xc3\xb6ln, \xf0\x9f\x98\x80!"s}) {
        EXPECT_TRUE(is_valid_utf8(text)) << text;
    }
}

TEST(Utf8, Mqtt_1_5_4_1_RefusesIllFormedSequences) {
    for (const auto& text :
         {"\x80"s, "\xbf"s, "\xc0\x80"s, "\xc1\xbf"s, "\xe0\x9f\xbf"s, "\xf0\x8f\xbf\xbf"s,    // overlong
          "\xed\xa0\x80"s, "\xed\xbf\xbf"s,                                                    // surrogates
          "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xff"s, "\xfe"s,                          // too high
          "\xc2"s, "\xe1\x80"s, "\xf1\x80\x80"s, "\xc2 "s, "\xe1\x80 "s, "\xf1\x80\x80 "s}) {  // cut short
        EXPECT_FALSE(is_valid_utf8(text));
        EXPECT_FALSE(is_valid_utf8("12345678" + text)) << "after a whole word";
        EXPECT_FALSE(is_valid_utf8(text + "12345678"));
    }
}

TEST(Utf8, Mqtt_1_5_4_2_RefusesNulAtEveryPosition) {
    for (std::size_t length = 1; length < 20; ++length) {
        for (std::size_t at = 0; at < length; ++at) {
            std::string text(length, 'a');
            text[at] = '\0';
            EXPECT_FALSE(is_valid_utf8(text)) << length << ' ' << at;
        }
    }
}

// Bug class 8.
TEST(Utf8, AgreesWithTheDefinitionOnEveryCodePoint) {
    for (unsigned point = 1; point <= 0x110000; ++point) {
        std::string text;
        const auto add = [&text](unsigned byte) { text.push_back(static_cast<char>(byte)); };
        if (point < 0x80) {
            add(point);
        } else if (point < 0x800) {
            add(0xC0 | point >> 6);
            add(0x80 | (point & 0x3F));
        } else if (point < 0x10000) {
            add(0xE0 | point >> 12);
            add(0x80 | (point >> 6 & 0x3F));
            add(0x80 | (point & 0x3F));
        } else {
            add(0xF0 | point >> 18);
            add(0x80 | (point >> 12 & 0x3F));
            add(0x80 | (point >> 6 & 0x3F));
            add(0x80 | (point & 0x3F));
        }
        const bool legal = point < 0x110000 && (point < 0xD800 || point > 0xDFFF);
        ASSERT_EQ(is_valid_utf8(text), legal) << std::hex << point;
    }
}

}  // namespace
}  // namespace millrace::mqtt
