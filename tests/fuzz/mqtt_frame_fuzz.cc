// The scanner over arbitrary bytes, and whether feeding them in pieces changes what it finds.

#include "mqtt/codec/frame_scanner.h"
#include "tests/fuzz/check.h"

using millrace::ByteView;
using namespace millrace::mqtt;
using millrace::fuzz::check;

namespace {

constexpr std::size_t kMaxPacketSize = 4096;

void scan_all(ByteView input, Version version) {
    while (!input.empty()) {
        const Scan whole = scan_frame(input, kMaxPacketSize, version);
        if (whole.status == ScanStatus::error) {
            check(is_error(whole.error.code));
            return;
        }
        if (whole.status == ScanStatus::need_more) {
            check(whole.wanted > input.size());
            return;
        }
        check(whole.frame.size <= input.size() && whole.frame.size <= kMaxPacketSize);
        check(scan_frame(input.first(whole.frame.size - 1), kMaxPacketSize, version).status ==
              ScanStatus::need_more);
        input = input.subspan(whole.frame.size);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const ByteView input = std::as_bytes(std::span(data, size));
    for (const Version version : {Version::v31, Version::v311, Version::v5}) scan_all(input, version);
    return 0;
}
