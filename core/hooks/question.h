// What a backend is asked: the inputs of a Xano realtime trigger, and who signs them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/access/principal.h"
#include "core/message.h"

namespace millrace::hooks {

enum class Door : std::uint8_t { mqtt, websocket, http, sse };

struct Question {
    std::string_view channel;  ///< or the filter of a join
    Door door = Door::mqtt;
    const access::Principal& principal;
    std::string_view client;           ///< the JSON of a bridge `client`; empty: made from the principal
    const Message* message = nullptr;  ///< nullptr: it is about a join
    std::string_view receiver = {};    ///< the socketId that a private message is for
};

std::string write_question(const Question& question);

/// `sha256=` and the HMAC-SHA-256 of the body in hexadecimal.
std::string sign(std::string_view body, std::string_view secret);

}  // namespace millrace::hooks
