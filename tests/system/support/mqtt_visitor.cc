#include "tests/system/support/mqtt_visitor.h"

namespace millrace::system_test {
namespace {

std::string mqtt_u32(std::uint32_t value) {
    return mqtt_u16(value >> 16).append(mqtt_u16(value & 0xffff));
}

}  // namespace

std::string mqtt_connect(const Introduction& who) {
    const bool will = !who.will_topic.empty();
    const int flags = (who.clean ? 0x02 : 0) | (will ? 0x0c : 0);
    std::string body = mqtt_string("MQTT") + static_cast<char>(who.level) + static_cast<char>(flags);
    body += mqtt_u16(30);
    if (who.level == kMqtt5) body += "\x05\x11" + mqtt_u32(who.session_expiry);
    body += mqtt_string(who.client_id);
    if (will && who.level == kMqtt5) body += "\x05\x18" + mqtt_u32(who.will_delay);
    if (will) body += mqtt_string(who.will_topic) + mqtt_string("gone");
    return mqtt_packet(0x10, body);
}

MqttVisitor::MqttVisitor(Door door, std::uint16_t port) {
    if (door == Door::tcp) {
        tcp_.emplace(port);
    } else {
        websocket_.emplace(port, "/mqtt", "mqtt");
    }
}

bool MqttVisitor::send(std::string_view bytes) {
    return tcp_ ? tcp_->send(bytes) : websocket_->send_raw(websocket_frame(Opcode::binary, bytes));
}

bool MqttVisitor::receive(const Deadline& deadline) {
    if (tcp_) {
        const bool more = tcp_->receive(deadline);
        unread_ += tcp_->received();
        tcp_->take(tcp_->received().size());
        closed_ = tcp_->is_closed();
        return more;
    }
    const std::optional<std::string> message = websocket_->read(deadline);
    if (message) unread_ += *message;
    closed_ = websocket_->is_closed();
    return message.has_value();
}

void MqttVisitor::read(Clock::duration time) {
    const Deadline deadline(time);
    do {
        std::string_view unread = unread_;
        while (const std::optional<MqttPacket> packet = take_packet(unread)) answer(*packet);
        unread_.erase(0, unread_.size() - unread.size());
    } while (receive(deadline));
}

void MqttVisitor::answer(const MqttPacket& packet) {
    switch (packet.type()) {
        case PacketType::connack:
            if (packet.body.size() >= 2) accepted_ = static_cast<unsigned char>(packet.body[1]);
            break;
        case PacketType::publish: {
            ++messages_;
            const unsigned qos = packet.first >> 1 & 3U;
            const std::uint16_t id = packet.publish_id();
            if (qos == 1) send(mqtt_ack(PacketType::puback, id));
            if (qos == 2) send(mqtt_ack(PacketType::pubrec, id));
            break;
        }
        case PacketType::pubrec:
            send(mqtt_ack(PacketType::pubrel, packet.id()));
            break;
        case PacketType::pubrel:
            send(mqtt_ack(PacketType::pubcomp, packet.id()));
            break;
        default:
            break;
    }
}

void MqttVisitor::reset() {
    if (tcp_) tcp_->reset();
}

}  // namespace millrace::system_test
