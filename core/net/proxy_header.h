// The PROXY protocol, versions 1 and 2 (HAProxy's specification of 2020/03/05): what a proxy says of its
// client.
#pragma once

#include <cstddef>

#include "core/bytes.h"
#include "core/net/address.h"

namespace millrace::proxy {

/// What stands at the beginning of a connection.
struct Header {
    enum class State : std::uint8_t {
        incomplete,  ///< all bytes so far belong to a header
        complete,
        refused,  ///< no header, or one that breaks its rules
    };
    State state = State::incomplete;
    std::size_t size = 0;   ///< of a complete header; what follows is the client's
    bool forwarded = true;  ///< false: the proxy speaks for itself (LOCAL), and its own address holds
    Address client;         ///< of a forwarded connection; unknown when the proxy does not say
};

/// The longest header that is taken, extensions (TLV) included.
inline constexpr std::size_t kHeaderBytesMax = 4096;

/// Pure; takes all bytes since the beginning.
Header parse(ByteView bytes);

}  // namespace millrace::proxy
