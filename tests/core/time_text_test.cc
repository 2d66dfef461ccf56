#include "core/time_text.h"

#include <gtest/gtest.h>
#include <string>

#include "core/message.h"

namespace millrace {
namespace {

TEST(TimeText, ReadsWhatIsWritten) {
    for (const std::int64_t at_us :
         {1'795'464'839'123'000, 0L, 951'825'600'000'000, 253'402'300'799'999'000}) {
        const auto written = rfc3339(at_us);
        EXPECT_EQ(parse_rfc3339({written.data(), written.size()}), at_us);
    }
}

TEST(TimeText, TakesFractionsAndOffsets) {
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:01Z"), 1'000'000);
    EXPECT_EQ(parse_rfc3339("1970-01-01t00:00:01.5z"), 1'500'000);
    EXPECT_EQ(parse_rfc3339("1970-01-01 00:00:01.1234567Z"), 1'123'456);
    EXPECT_EQ(parse_rfc3339("1970-01-01T01:00:00+01:00"), 0);
    EXPECT_EQ(parse_rfc3339("1969-12-31T18:30:00-05:30"), 0);
    EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), parse_rfc3339("2017-01-01T00:00:00Z"));
}

TEST(TimeText, RefusesEverythingElse) {
    for (const char* text :
         {"", "1970", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00:00.Z", "1970-01-01T24:00:00Z",
          "1970-02-29T00:00:00Z", "1970-13-01T00:00:00Z", "1970-01-01T00:00:00Z ", "1970-01-01T00:00:00+0100",
          "1970-01-01T00:60:00Z", "70-01-01T00:00:00Z", "1970-01-01T00:00:61Z", "-970-01-01T00:00:00Z"}) {
        EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace millrace
