// MQTT by hand: packets as bytes, for what no proper client would send and for load that must be cheap.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tests/system/support/tcp_socket.h"

namespace millrace::system_test {

inline constexpr int kMqtt311 = 4;  // protocol levels
inline constexpr int kMqtt5 = 5;

enum class PacketType : std::uint8_t {
    connect = 1,
    connack,
    publish,
    puback,
    pubrec,
    pubrel,
    pubcomp,
    subscribe,
    suback,
    unsubscribe,
    unsuback,
    pingreq,
    pingresp,
    disconnect,
    auth
};

std::string mqtt_u16(std::size_t value);
std::string mqtt_string(std::string_view text);
std::string mqtt_variable_length(std::size_t value);
/// A whole packet: the first byte, the remaining length, the rest.
std::string mqtt_packet(unsigned first_byte, std::string_view body);
/// With a password there is a user name, too.
std::string mqtt_connect(int level, std::string_view client_id, std::string_view password = {},
                         bool clean_start = true);
/// For a session that outlives its connection: in 5.0 by so many seconds.
std::string mqtt_connect_again(int level, std::string_view client_id, unsigned expiry_s = 3600,
                               std::string_view user = {}, std::string_view password = {});
/// `user_properties` are for 5.0.
std::string mqtt_subscribe(int level, std::uint16_t id, std::string_view filter, int qos,
                           const std::map<std::string, std::string>& user_properties = {});
std::string mqtt_publish(int level, std::string_view topic, std::string_view payload, int qos,
                         std::uint16_t id);
std::string mqtt_ack(PacketType type, std::uint16_t id);

struct MqttPacket {
    std::uint8_t first = 0;
    std::string body;

    PacketType type() const { return static_cast<PacketType>(first >> 4); }
    /// Of an acknowledgement.
    std::uint16_t id() const;
    /// Of a PUBLISH that is not of QoS 0.
    std::uint16_t publish_id() const;
    /// The reason code of a 5.0 DISCONNECT, 0 when it has none.
    int disconnect_reason() const;
};

/// The whole packet at the front of `bytes`, taken off it; nothing while it is not all there.
std::optional<MqttPacket> take_packet(std::string_view& bytes);

struct MqttMessage {
    std::string topic;
    std::string payload;
    std::uint16_t id = 0;
    std::map<std::string, std::string> user_properties;
};

MqttMessage parse_publish(const MqttPacket& packet, int level);

/// One connection that does nothing by itself. Belongs to one thread.
class MqttConnection {
  public:
    /// Connects and waits for a CONNACK that says yes; throws otherwise.
    MqttConnection(std::uint16_t port, int level, std::string_view client_id, std::string_view password = {},
                   bool clean_start = true);
    /// Sends nothing yet.
    MqttConnection(std::uint16_t port, int level) : level_(level), socket_(port) {}

    int level() const { return level_; }
    bool send(std::string_view bytes) { return socket_.send(bytes); }
    std::optional<MqttPacket> read(const Deadline& deadline);
    std::optional<MqttPacket> read(Clock::duration patience = kPatience) { return read(Deadline(patience)); }
    /// Skips packets of other types.
    std::optional<MqttPacket> read_type(PacketType type, Clock::duration patience = kPatience);
    /// Subscribes and waits for the SUBACK; the granted QoS or the refusal.
    int subscribe(std::string_view filter, int qos);
    /// PINGREQ answered in time?
    bool alive();
    TcpSocket& socket() { return socket_; }

  private:
    int level_;
    TcpSocket socket_;
};

}  // namespace millrace::system_test
