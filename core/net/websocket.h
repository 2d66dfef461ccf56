// RFC 6455 framing, server side: bytes to messages, messages to bytes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/bytes.h"

namespace millrace::websocket {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Close codes of RFC 6455 7.4.1 and the ones this project sends.
enum class CloseCode : std::uint16_t {
    normal = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    invalid_payload = 1007,
    policy_violation = 1008,
    message_too_big = 1009,
    internal_error = 1011,
    service_restart = 1012,
    try_again_later = 1013,
    unauthorised = 4401,
};

/// Who gets what a Decoder finds. The views are valid during the call only.
class Receiver {
  public:
    /// A whole message; a text one has been checked to be UTF-8.
    virtual void on_message(Opcode opcode, ByteView payload) = 0;
    virtual void on_ping(ByteView payload) = 0;
    virtual void on_pong(ByteView payload) = 0;
    virtual void on_close(std::uint16_t code, std::string_view reason) = 0;

  protected:
    ~Receiver() = default;
};

/// Takes client frames apart: unmasks in place of a copy, joins fragments, checks every rule that binds a
/// server. One per connection, on its shard; holds memory only while a fragmented message is under way.
class Decoder {
  public:
    /// `message_bytes_max`: longer messages fail with 1009.
    explicit Decoder(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

    struct Outcome {
        std::size_t consumed = 0;
        CloseCode failure = CloseCode::normal;  ///< anything else: fail the connection with it
        const char* why = nullptr;              ///< set when it failed
    };
    /// Consumes whole frames; a partial one is left for the next call. Stops early when `receiver` asks by
    /// calling stop().
    Outcome feed(ByteView bytes, Receiver& receiver);
    void stop() { stopped_ = true; }

  private:
    struct Frame;
    static bool parse_header(ByteView bytes, Frame& frame);
    const char* check(const Frame& frame, CloseCode& failure) const;
    bool deliver_data(const Frame& frame, Receiver& receiver, Outcome& outcome);
    bool deliver_control(const Frame& frame, Receiver& receiver, Outcome& outcome);
    bool deliver_close(ByteView payload, Receiver& receiver, Outcome& outcome);

    std::size_t message_bytes_max_;
    ByteBuffer assembled_;
    ByteBuffer unmasked_;
    Opcode fragmented_ = Opcode::continuation;
    bool stopped_ = false;
};

/// The header of an unmasked, unfragmented server frame.
void append_frame_header(ByteBuffer& out, Opcode opcode, std::size_t payload_size);
void append_frame(ByteBuffer& out, Opcode opcode, ByteView payload);
void append_close(ByteBuffer& out, CloseCode code, std::string_view reason);
/// What answers a close frame with that code; 0: with none.
CloseCode answer_to_close(std::uint16_t code);

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 4.2.2); empty when the key is not 16 bytes of
/// base64.
std::string accept_key(std::string_view key);

}  // namespace millrace::websocket
