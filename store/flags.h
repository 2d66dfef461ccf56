// The small fields of a message as one number, the same in every database. The views of the schemas read it.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/message.h"

namespace millrace::store {

enum Flag : std::int16_t {
    kEvent = 1,
    kEncodingShift = 1,  ///< two bits: 1 JSON, 2 text, 3 binary
    kRetain = 8,
    kQosShift = 4,  ///< two bits
    kAuthenticatedOnly = 64,
    kHasNul = 128,  ///< text with U+0000, which SQL text cannot hold: views show it as base64
};

inline std::int16_t pack_flags(const Message& message) {
    const Encoding encoding = message.encoding();
    int flags = message.kind() == MessageKind::event ? kEvent : 0;
    flags |= static_cast<int>(encoding) << kEncodingShift;
    flags |= message.qos() << kQosShift;
    if (message.retain()) flags |= kRetain;
    if (message.audience().authenticated_only) flags |= kAuthenticatedOnly;
    if (encoding == Encoding::text && as_text(message.payload()).find('\0') != std::string_view::npos)
        flags |= kHasNul;
    return static_cast<std::int16_t>(flags);
}

inline void unpack_flags(std::int64_t flags, MessageFields& fields) {
    fields.kind = (flags & kEvent) != 0 ? MessageKind::event : MessageKind::message;
    fields.encoding = static_cast<Encoding>((flags >> kEncodingShift) & 3);
    fields.retain = (flags & kRetain) != 0;
    fields.qos = static_cast<std::uint8_t>((flags >> kQosShift) & 3);
    fields.audience.authenticated_only = (flags & kAuthenticatedOnly) != 0;
}

}  // namespace millrace::store
