#include "mqtt/codec/frame_scanner.h"

#include <algorithm>

#include "mqtt/codec/wire.h"

namespace millrace::mqtt {
namespace {

constexpr unsigned kFlagsOfTwo = 1U << static_cast<unsigned>(PacketType::pubrel) |
                                 1U << static_cast<unsigned>(PacketType::subscribe) |
                                 1U << static_cast<unsigned>(PacketType::unsubscribe);

Scan refuse(ReasonCode code, const char* why) {
    Scan scan;
    scan.status = ScanStatus::error;
    scan.error = {code, why};
    return scan;
}

/// Why byte 1 is wrong; nullptr if it is not.
const char* fault_of_first_byte(unsigned type, unsigned flags, Version version) {
    if (type == 0) return "packet type 0 is reserved";
    if (type == static_cast<unsigned>(PacketType::publish)) {
        const unsigned qos = flags >> 1 & 3U;
        if (qos == 3) return "QoS 3 does not exist";                                // [MQTT-3.3.1-4]
        if (qos == 0 && (flags & 8U) != 0) return "DUP is set on a QoS 0 message";  // [MQTT-3.3.1-2]
        return nullptr;
    }
    if (version == Version::v31) {
        return type == static_cast<unsigned>(PacketType::auth) ? "packet type 15 is reserved" : nullptr;
    }
    if (type == static_cast<unsigned>(PacketType::auth) && version == Version::v311) {
        return "packet type 15 is reserved";
    }
    const unsigned expected = (kFlagsOfTwo >> type & 1U) << 1;
    return flags == expected ? nullptr : "wrong flags in the fixed header";  // [MQTT-2.1.3-1]
}

}  // namespace

Scan scan_frame(ByteView input, std::size_t max_packet_size, Version version) {
    Scan scan;
    if (input.empty()) return scan;
    const auto first = std::to_integer<unsigned>(input[0]);
    if (const char* why = fault_of_first_byte(first >> 4, first & 0xFU, version)) {
        return refuse(ReasonCode::malformed_packet, why);
    }
    std::size_t length = 0;
    std::size_t header = 1;
    for (unsigned more = 0x80; more != 0; ++header) {
        if (header == 5) return refuse(ReasonCode::malformed_packet, "the Remaining Length is too long");
        if (header == input.size()) {
            scan.wanted = header + 1;
            return scan;
        }
        const auto next = std::to_integer<unsigned>(input[header]);
        length |= std::size_t{next & 0x7FU} << (7 * (header - 1));
        more = next & 0x80U;
    }
    scan.frame.minimal_length = header - 1 == varint_size(length);
    if (!scan.frame.minimal_length && version == Version::v5) {
        return refuse(ReasonCode::malformed_packet, "the Remaining Length is padded");  // [MQTT-1.5.5-1]
    }
    scan.wanted = header + length;
    if (scan.wanted > max_packet_size) {
        return refuse(ReasonCode::packet_too_large, "the packet is larger than allowed");
    }
    if (input.size() < scan.wanted) return scan;
    scan.status = ScanStatus::frame;
    scan.frame.type = static_cast<PacketType>(first >> 4);
    scan.frame.flags = static_cast<std::uint8_t>(first & 0xFU);
    scan.frame.body = input.subspan(header, length);
    scan.frame.size = scan.wanted;
    return scan;
}

}  // namespace millrace::mqtt
