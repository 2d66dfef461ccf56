// Byte notation and sample packets that the codec tests share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"

namespace millrace::mqtt {

inline std::ostream& operator<<(std::ostream& out, ReasonCode code) {
    return out << to_string(code);
}
inline std::ostream& operator<<(std::ostream& out, PacketType type) {
    return out << to_string(type);
}

namespace test {

/// "10 'ab' [xyz]": hexadecimal bytes, plain text, and text behind its two byte length.
std::string wire(std::string_view notation);
/// A packet: byte 1, the Remaining Length, the body in the notation of wire().
std::string packet(unsigned first, std::string_view body);
/// The reverse, for messages: "10 02 61 62".
std::string hex(std::string_view bytes);

/// Frame of a whole packet, without the scanner's opinion.
Frame raw_frame(std::string_view bytes);

/// Decodes what the frame's type says; nothing if it is fine.
std::optional<DecodeError> decode_any(const Frame& frame, Version version, Sender sender);
/// Decodes and encodes again; empty if it does not decode.
std::string reencode(const Frame& frame, Version version, Sender sender);

struct Sample {
    const char* name;
    Version version;
    Sender sender;
    unsigned first;
    const char* body;
    std::size_t shortest;  ///< how many bytes of the body are legal by themselves, unless
    bool is_fixed = true;  ///< only the whole body is
};
/// Well-formed packets of all types and versions, written as the encoders write them.
const std::vector<Sample>& samples();

}  // namespace test
}  // namespace millrace::mqtt
