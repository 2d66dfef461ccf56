// MQTT over WebSocket (6).
#pragma once

#include "core/net/outbox.h"
#include "core/net/websocket.h"
#include "mqtt/broker/client.h"

namespace millrace::mqtt {

/// A client whose bytes travel in binary frames: packets may begin and end anywhere in them [MQTT-6.0.0-2].
/// What the machine writes in a turn leaves as one frame. Owned by the upgraded connection, on its shard.
class WebSocketTransport final : public Client, private websocket::Receiver {
  public:
    WebSocketTransport(SessionTable& sessions, Connection& connection);

    std::size_t on_bytes(ByteView bytes) override;
    void before_flush() override;

  private:
    void on_message(websocket::Opcode opcode, ByteView payload) override;
    void on_ping(ByteView payload) override;
    void on_pong(ByteView) override {}
    void on_close(std::uint16_t code, std::string_view reason) override;
    void read_on() override;
    void hang_up() override;
    bool in_websocket() const override { return true; }

    void digest();
    void close(websocket::CloseCode code, const char* why);

    Outbox inner_;
    websocket::Decoder decoder_;
    ByteBuffer rest_;  ///< unframed bytes that the machine has not taken
    websocket::CloseCode close_code_ = websocket::CloseCode::normal;
    const char* close_reason_ = "";
    bool feeding_ = false;
    bool close_sent_ = false;
};

}  // namespace millrace::mqtt
