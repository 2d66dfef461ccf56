// Messages, and pieces of them, as JSON: the same in every door.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/message.h"

namespace millrace {

/// `text`, which must be UTF-8, as a JSON string with its quotes.
void append_json_string(ByteBuffer& out, std::string_view text);

/// The payload as a JSON value: JSON as it is, other text as a string, other bytes as a base64 string. A
/// binary one is announced by `"encoding":"base64"` beside it.
void append_json_data(ByteBuffer& out, const Message& message);

/// `2026-11-23T20:13:59.123Z` in quotes.
void append_json_time(ByteBuffer& out, std::int64_t at_us);

void append_decimal(ByteBuffer& out, std::uint64_t value);

/// A stored message: `{"seq","id","type","at","data","encoding"?,"client"?}`. Its id is given by the caller
/// (store/message_id.h).
void append_json_message(ByteBuffer& out, const Message& message, std::string_view id);

inline std::string_view kind_name(MessageKind kind) {
    return kind == MessageKind::event ? "event" : "message";
}

}  // namespace millrace
