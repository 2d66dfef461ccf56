// The two generations of the browser protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "bridge/frames.h"

namespace millrace::bridge {

enum class Generation : std::uint8_t {
    first,   ///< /rt/<key>
    second,  ///< /ws/<key>
};

/// What both generations say, in the words of one of them. Without state; any thread; there is one of each,
/// which lives for ever.
class Dialect {
  public:
    virtual std::optional<ClientFrame> parse(std::string_view text) const = 0;
    virtual void append_message(ByteBuffer& out, const Message& message, std::string_view epoch) const = 0;
    virtual void append_private(ByteBuffer& out, const PrivateMessage& message) const = 0;
    virtual void append_leave(ByteBuffer& out, std::string_view channel) const = 0;
    virtual void append_error(ByteBuffer& out, std::string_view channel, std::string_view message,
                              std::string_view code) const = 0;
    /// For whoever has asked for something else.
    virtual std::string_view unknown_action() const = 0;
    virtual std::string_view unknown_key() const = 0;

  protected:
    ~Dialect() = default;
};

const Dialect& dialect_of(Generation generation);

}  // namespace millrace::bridge
