// Every decoder; what decodes must encode to something that decodes to the same again. Byte 0 of the input
// chooses version and sender, byte 1 is the packet's first, the rest is its body.
#include <string>

#include "tests/fuzz/check.h"
#include "tests/mqtt/codec/support.h"

using namespace millrace;
using namespace millrace::mqtt;
using millrace::fuzz::check;

namespace {

bool flags_are_legal(unsigned char first, Version version) {
    const std::byte byte{first};
    return scan_frame({&byte, 1}, 1U << 20, version).status != ScanStatus::error;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size < 2) return 0;
    const auto version = static_cast<Version>(3 + data[0] % 3);
    const Sender sender = (data[0] & 0x80) != 0 ? Sender::server : Sender::client;
    if (!flags_are_legal(data[1], version)) return 0;
    Frame frame;
    frame.type = static_cast<PacketType>(data[1] >> 4);
    frame.flags = data[1] & 15;
    frame.body = std::as_bytes(std::span(data + 2, size - 2));
    frame.size = size;
    if (test::decode_any(frame, version, sender)) return 0;

    const std::string once = test::reencode(frame, version, sender);
    Scan scan = scan_frame(as_bytes(once), 1U << 28, Version::v5);
    check(scan.status == ScanStatus::frame && scan.frame.size == once.size());
    check(!test::decode_any(scan.frame, version, sender));
    check(test::reencode(scan.frame, version, sender) == once);
    return 0;
}
