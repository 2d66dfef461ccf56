// Every sample packet, both ways, cut at every byte and with every byte changed.
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "tests/mqtt/codec/support.h"

namespace millrace::mqtt::test {
namespace {

constexpr std::size_t kNoLimit = std::size_t{1} << 30;

/// Bytes on a heap block of exactly their size, so that a sanitizer sees a read past the end.
class ExactBytes {
  public:
    explicit ExactBytes(std::string_view bytes) : data_(new std::byte[bytes.size()]), size_(bytes.size()) {
        std::copy_n(as_bytes(bytes).begin(), size_, data_.get());
    }
    ByteView view() const { return {data_.get(), size_}; }

  private:
    std::unique_ptr<std::byte[]> data_;
    std::size_t size_;
};

class SampleTest : public testing::TestWithParam<Sample> {
  protected:
    Frame frame_of(ByteView body) const {
        Frame frame;
        frame.type = static_cast<PacketType>(GetParam().first >> 4);
        frame.flags = GetParam().first & 15;
        frame.body = body;
        return frame;
    }
    std::optional<DecodeError> decode(ByteView body) const {
        return decode_any(frame_of(body), GetParam().version, GetParam().sender);
    }
};

TEST_P(SampleTest, DecodesAndEncodesToTheSameBytes) {
    const std::string bytes = packet(GetParam().first, GetParam().body);
    const Scan scan = scan_frame(as_bytes(bytes), kNoLimit, GetParam().version);
    ASSERT_EQ(scan.status, ScanStatus::frame) << scan.error.why;
    const auto error = decode_any(scan.frame, GetParam().version, GetParam().sender);
    ASSERT_FALSE(error) << error->why;
    EXPECT_EQ(hex(reencode(scan.frame, GetParam().version, GetParam().sender)), hex(bytes));
}

// Bug class 4.
TEST_P(SampleTest, IsRefusedWhenCutBeforeItsLastNeededByte) {
    const std::string body = wire(GetParam().body);
    const std::size_t shortest = GetParam().is_fixed ? body.size() : GetParam().shortest;
    for (std::size_t size = 0; size < body.size(); ++size) {
        const ExactBytes cut(std::string_view(body).substr(0, size));
        const auto error = decode(cut.view());
        if (size < shortest) {
            EXPECT_TRUE(error) << "decoded " << size << " bytes";
        } else if (size == shortest) {
            EXPECT_FALSE(error) << error->why << " at " << size;
        }
    }
}

// Bug classes 4 and 30.
TEST_P(SampleTest, SurvivesEveryChangedByte) {
    const std::string body = wire(GetParam().body);
    for (std::size_t at = 0; at < body.size(); ++at) {
        for (const unsigned change : {0x01U, 0x02U, 0x10U, 0x7FU, 0x80U, 0xFFU}) {
            std::string changed = body;
            changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ change);
            const ExactBytes exact(changed);
            const std::string again = reencode(frame_of(exact.view()), GetParam().version, GetParam().sender);
            EXPECT_EQ(decode(exact.view()).has_value(), again.empty()) << hex(changed);
        }
    }
}

std::string name_of(const testing::TestParamInfo<Sample>& info) {
    return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Packets, SampleTest, testing::ValuesIn(samples()), name_of);

TEST(Samples, CoverEveryPacketTypeAndVersion) {
    unsigned types = 0;
    unsigned versions = 0;
    for (const Sample& sample : samples()) {
        types |= 1U << (sample.first >> 4);
        versions |= 1U << static_cast<unsigned>(sample.version);
    }
    EXPECT_EQ(types, 0xFFFEU);
    EXPECT_EQ(versions, 0x38U);
}

}  // namespace
}  // namespace millrace::mqtt::test
