// The id by which every door names a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/message.h"

namespace millrace::store {

/// Any database can index an idempotency key of this size; a longer one is refused.
inline constexpr std::size_t kLongestId = 1024;

/// The id its writer gave it; else, for a stored message, `<epoch>-<seq>`, which costs no bytes in the store;
/// empty for a live message without an id. `seq` is given apart for a repeated message, which is never
/// stamped.
inline std::string message_id(const Message& message, std::string_view epoch, std::uint64_t seq) {
    if (!message.id().empty()) return std::string(message.id());
    if (seq == 0) return {};
    return std::string(epoch) + "-" + std::to_string(seq);
}
inline std::string message_id(const Message& message, std::string_view epoch) {
    return message_id(message, epoch, message.seq());
}

}  // namespace millrace::store
