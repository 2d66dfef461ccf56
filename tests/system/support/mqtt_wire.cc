#include "tests/system/support/mqtt_wire.h"

#include <stdexcept>

namespace millrace::system_test {
namespace {

std::size_t read_u16(std::string_view bytes, std::size_t at) {
    return bytes.size() < at + 2 ? 0
                                 : static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])) << 8 |
                                       static_cast<unsigned char>(bytes[at + 1]);
}

/// Reads from the front of a view and moves it on.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : left_(bytes) {}

    std::size_t u16() { return skip(2), read_u16(last_, 0); }
    std::string text() { return std::string(skip(u16())); }
    std::size_t variable_length() {
        std::size_t value = 0;
        for (unsigned shift = 0; shift < 28; shift += 7) {
            const auto byte = static_cast<unsigned char>(skip(1)[0]);
            value |= static_cast<std::size_t>(byte & 0x7f) << shift;
            if (byte < 0x80) break;
        }
        return value;
    }
    std::string_view skip(std::size_t count) {
        if (left_.size() < count) throw std::runtime_error("the packet is too short");
        last_ = left_.substr(0, count);
        left_.remove_prefix(count);
        return last_;
    }
    std::string_view left() const { return left_; }

  private:
    std::string_view left_;
    std::string_view last_;
};

/// The properties a PUBLISH may carry [MQTT 5.0, 3.3.2.3]; keeps the user properties.
void read_properties(Reader reader, std::map<std::string, std::string>& user_properties) {
    while (!reader.left().empty()) {
        switch (reader.skip(1)[0]) {
            case 0x01:
                reader.skip(1);
                break;
            case 0x02:
                reader.skip(4);
                break;
            case 0x03:
            case 0x08:
            case 0x09:
                reader.text();
                break;
            case 0x0b:
                reader.variable_length();
                break;
            case 0x23:
                reader.skip(2);
                break;
            case 0x26: {
                std::string name = reader.text();
                user_properties[std::move(name)] = reader.text();
                break;
            }
            default:
                throw std::runtime_error("a property that PUBLISH cannot have");
        }
    }
}

}  // namespace

std::string mqtt_u16(std::size_t value) {
    return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

std::string mqtt_string(std::string_view text) {
    return mqtt_u16(text.size()).append(text);
}

std::string mqtt_variable_length(std::size_t value) {
    std::string bytes;
    do {
        bytes += static_cast<char>((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value != 0);
    return bytes;
}

std::string mqtt_packet(unsigned first_byte, std::string_view body) {
    return (std::string(1, static_cast<char>(first_byte)) + mqtt_variable_length(body.size())).append(body);
}

std::string mqtt_connect(int level, std::string_view client_id, std::string_view password, bool clean_start) {
    const char flags = static_cast<char>((password.empty() ? 0 : 0xc0) | (clean_start ? 2 : 0));
    std::string body = mqtt_string("MQTT") + static_cast<char>(level) + flags + mqtt_u16(60);
    if (level == kMqtt5) body += '\0';
    body += mqtt_string(client_id);
    if (!password.empty()) body += mqtt_string("user") + mqtt_string(password);
    return mqtt_packet(0x10, body);
}

std::string mqtt_connect_again(int level, std::string_view client_id, unsigned expiry_s,
                               std::string_view user, std::string_view password) {
    const char flags = user.empty() ? '\0' : '\xc0';
    std::string body = mqtt_string("MQTT") + static_cast<char>(level) + flags + mqtt_u16(60);
    if (level == kMqtt5) body += "\x05\x11" + mqtt_u16(expiry_s >> 16) + mqtt_u16(expiry_s & 0xffff);
    body += mqtt_string(client_id);
    if (!user.empty()) body += mqtt_string(user) + mqtt_string(password);
    return mqtt_packet(0x10, body);
}

std::string mqtt_subscribe(int level, std::uint16_t id, std::string_view filter, int qos,
                           const std::map<std::string, std::string>& user_properties) {
    std::string body = mqtt_u16(id);
    std::string properties;
    for (const auto& [name, value] : user_properties)
        properties += '\x26' + mqtt_string(name) + mqtt_string(value);
    if (level == kMqtt5) body += mqtt_variable_length(properties.size()) + properties;
    return mqtt_packet(0x82, body + mqtt_string(filter) + static_cast<char>(qos));
}

std::string mqtt_publish(int level, std::string_view topic, std::string_view payload, int qos,
                         std::uint16_t id) {
    std::string body = mqtt_string(topic);
    if (qos > 0) body += mqtt_u16(id);
    if (level == kMqtt5) body += '\0';
    return mqtt_packet(0x30U | static_cast<unsigned>(qos) << 1, body.append(payload));
}

std::string mqtt_ack(PacketType type, std::uint16_t id) {
    const unsigned flags = type == PacketType::pubrel ? 2 : 0;
    return mqtt_packet(static_cast<unsigned>(type) << 4 | flags, mqtt_u16(id));
}

std::uint16_t MqttPacket::id() const {
    return static_cast<std::uint16_t>(read_u16(body, 0));
}

int MqttPacket::disconnect_reason() const {
    return body.empty() ? 0 : static_cast<unsigned char>(body[0]);
}

std::optional<MqttPacket> take_packet(std::string_view& bytes) {
    std::size_t size = 0;
    for (std::size_t at = 1; at < bytes.size() && at < 5; ++at) {
        const auto byte = static_cast<unsigned char>(bytes[at]);
        size |= static_cast<std::size_t>(byte & 0x7f) << 7 * (at - 1);
        if (byte > 0x7f) continue;
        if (bytes.size() < at + 1 + size) break;
        MqttPacket packet{static_cast<std::uint8_t>(bytes[0]), std::string(bytes.substr(at + 1, size))};
        bytes.remove_prefix(at + 1 + size);
        return packet;
    }
    return std::nullopt;
}

std::uint16_t MqttPacket::publish_id() const {
    return static_cast<std::uint16_t>(read_u16(body, 2 + read_u16(body, 0)));
}

MqttMessage parse_publish(const MqttPacket& packet, int level) {
    Reader reader(packet.body);
    MqttMessage message;
    message.topic = reader.text();
    if ((packet.first & 0x06) != 0) message.id = static_cast<std::uint16_t>(reader.u16());
    if (level == kMqtt5) {
        const std::size_t size = reader.variable_length();
        read_properties(Reader(reader.skip(size)), message.user_properties);
    }
    message.payload = reader.left();
    return message;
}

MqttConnection::MqttConnection(std::uint16_t port, int level, std::string_view client_id,
                               std::string_view password, bool clean_start)
    : level_(level), socket_(port) {
    send(mqtt_connect(level, client_id, password, clean_start));
    const std::optional<MqttPacket> answer = read();
    if (!answer || answer->type() != PacketType::connack || answer->body.size() < 2 || answer->body[1] != 0) {
        throw std::runtime_error("no CONNACK that says yes for " + std::string(client_id));
    }
}

std::optional<MqttPacket> MqttConnection::read(const Deadline& deadline) {
    for (;;) {
        std::string_view got = socket_.received();
        const std::size_t there = got.size();
        const std::optional<MqttPacket> packet = take_packet(got);
        socket_.take(there - got.size());
        if (packet) return packet;
        if (!socket_.receive(deadline)) return std::nullopt;
    }
}

std::optional<MqttPacket> MqttConnection::read_type(PacketType type, Clock::duration patience) {
    const Deadline deadline(patience);
    std::optional<MqttPacket> packet;
    do {
        packet = read(deadline);
    } while (packet && packet->type() != type);
    return packet;
}

int MqttConnection::subscribe(std::string_view filter, int qos) {
    send(mqtt_subscribe(level_, 1, filter, qos));
    const std::optional<MqttPacket> answer = read_type(PacketType::suback);
    return answer && !answer->body.empty() ? static_cast<unsigned char>(answer->body.back()) : -1;
}

bool MqttConnection::alive() {
    send(mqtt_packet(0xc0, {}));
    return read_type(PacketType::pingresp).has_value();
}

}  // namespace millrace::system_test
