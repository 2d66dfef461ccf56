// Cuts a byte stream into control packets.
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "mqtt/codec/reason_code.h"

namespace millrace::mqtt {

/// One whole control packet; `body` is all after the fixed header and views the scanned bytes.
struct Frame {
    PacketType type = PacketType::connect;
    std::uint8_t flags = 0;
    bool minimal_length = true;  ///< the Remaining Length used no more bytes than it needs
    ByteView body;
    std::size_t size = 0;  ///< with the fixed header
};

enum class ScanStatus : std::uint8_t { need_more, frame, error };

struct Scan {
    ScanStatus status = ScanStatus::need_more;
    Frame frame;             ///< of `frame`
    std::size_t wanted = 2;  ///< of `need_more`: the packet's size if the header is whole, else a lower bound
    DecodeError error{ReasonCode::success, ""};  ///< of `error`
};

/// Looks at the packet at the front of `input`. Keeps no state: call again with more bytes after
/// `need_more`, or with the bytes after frame.size. Errors, a too large packet among them, show as soon as
/// the fixed header does. Pass v311 while the version is unknown: 5.0 alone forbids padded lengths, and 3.1
/// gives meaning to no flags outside PUBLISH.
Scan scan_frame(ByteView input, std::size_t max_packet_size, Version version);

}  // namespace millrace::mqtt
