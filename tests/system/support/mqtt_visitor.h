// An MQTT client that comes, does a little, and may vanish at any moment, over TCP or WebSocket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/websocket_client.h"

namespace millrace::system_test {

/// How a visitor introduces itself.
struct Introduction {
    int level = kMqtt5;
    std::string client_id;
    bool clean = true;
    /// Seconds that the session outlives the connection; only in 5.0.
    std::uint32_t session_expiry = 0;
    std::string will_topic;  ///< empty: no will
    std::uint32_t will_delay = 0;
};
std::string mqtt_connect(const Introduction& who);

/// One connection, which answers what has to be answered while it reads. Belongs to one thread.
class MqttVisitor {
  public:
    enum class Door : std::uint8_t { tcp, websocket };
    /// Throws when nobody listens, or the server does not switch to WebSocket.
    MqttVisitor(Door door, std::uint16_t port);

    bool send(std::string_view bytes);
    /// Reads and answers until time is up or the server has closed.
    void read(Clock::duration time);
    /// The reason code of the CONNACK; nothing while none has come.
    std::optional<int> accepted() const { return accepted_; }
    bool closed() const { return closed_; }
    std::size_t messages() const { return messages_; }
    /// Ends a TCP connection with a reset.
    void reset();

  private:
    /// More bytes into unread_; false: time is up, or the server has closed.
    bool receive(const Deadline& deadline);
    void answer(const MqttPacket& packet);

    std::optional<TcpSocket> tcp_;
    std::optional<WebSocketClient> websocket_;
    std::string unread_;
    std::optional<int> accepted_;
    std::size_t messages_ = 0;
    bool closed_ = false;
};

}  // namespace millrace::system_test
