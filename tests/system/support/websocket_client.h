// A WebSocket client that can also break the rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tests/system/support/http_client.h"

namespace millrace::system_test {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// The bytes of one frame [RFC 6455 5.2]; a client's frame is masked.
std::string websocket_frame(Opcode opcode, std::string_view payload, bool masked = true);
/// Only the head of a masked frame, for one that claims more than is ever sent.
std::string websocket_head(Opcode opcode, std::uint64_t size);

/// One connection. Answers pings by itself and keeps the code the server closes with. Belongs to one thread.
class WebSocketClient {
  public:
    /// Throws when the server does not switch. `protocol` is offered as the only subprotocol when not empty.
    WebSocketClient(std::uint16_t port, std::string_view target, std::string_view protocol = {});

    bool send_text(std::string_view text) { return send_raw(websocket_frame(Opcode::text, text)); }
    bool send_raw(std::string_view bytes) { return connection_.socket().send(bytes); }
    /// The payload of the next text or binary frame; nothing when none comes in time or the server closed.
    std::optional<std::string> read(const Deadline& deadline);
    std::optional<std::string> read(Clock::duration patience = kPatience) { return read(Deadline(patience)); }
    /// Reads until the server ends the connection; the code of its close frame, 1006 when there was none,
    /// nothing when it stays open.
    std::optional<int> wait_closed(Clock::duration patience = kPatience);
    /// Whether the server has ended the connection, as far as it has been read.
    bool is_closed() { return close_code_ || connection_.socket().is_closed(); }
    const std::string& protocol() const { return protocol_; }
    int pings_seen() const { return pings_seen_; }
    int pongs_seen() const { return pongs_seen_; }

  private:
    struct Frame {
        bool final = true;
        Opcode opcode = Opcode::text;
        std::string payload;
    };
    std::optional<Frame> next_frame(const Deadline& deadline);
    void on_control(const Frame& frame);

    HttpConnection connection_;
    std::string protocol_;
    std::string message_;
    std::optional<int> close_code_;
    int pings_seen_ = 0;
    int pongs_seen_ = 0;
};

}  // namespace millrace::system_test
