// What kind of message its writer calls it: a user property that every door hands on.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/bytes.h"
#include "core/message.h"

namespace millrace::mqtt {

/// The user property, and how long its value may be.
inline constexpr std::string_view kMessageType = "message-type";
inline constexpr std::size_t kMessageTypeBytesMax = 255;

/// Whether a message may be called that: 1 to 255 bytes that an MQTT string can hold.
bool is_message_type(std::string_view type);

/// Adds it to the properties of a message to be.
void append_message_type(ByteBuffer& properties, std::string_view type);

/// As its writer said; else `message` or `event`, by its kind. Lives as long as the message.
std::string_view message_type(const Message& message);

}  // namespace millrace::mqtt
