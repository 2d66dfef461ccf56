#include "mqtt/codec/packet_text.h"

#include <array>

#include "core/printable.h"
#include "mqtt/codec/decode.h"

namespace millrace::mqtt {
namespace {

constexpr std::size_t kItemsMax = 16;

/// The line as it grows: ", "-separated facts.
class Line {
  public:
    explicit Line(std::string_view name) : text_(name) {}
    Line& say(std::string_view fact) {
        text_ += first_ ? " " : ", ";
        first_ = false;
        text_ += fact;
        return *this;
    }
    Line& say(std::string_view name, std::size_t number) {
        return say(std::string(name) + " " + std::to_string(number));
    }
    Line& say_if(bool holds, std::string_view fact) { return holds ? say(fact) : *this; }
    Line& say_code(ReasonCode code) {
        std::array<char, 8> hex{};
        std::snprintf(hex.data(), hex.size(), "0x%02X", static_cast<unsigned>(code));
        return say(std::string(hex.data()) + " " + std::string(to_string(code)));
    }
    std::string text() && { return std::move(text_); }

  private:
    std::string text_;
    bool first_ = true;
};

void say_number(Line& line, const Properties& properties, PropertyId id, std::string_view name) {
    if (const auto number = properties.integer(id)) line.say(name, *number);
}

void tell(Line& line, const Connect& packet) {
    const char* version = packet.version == Version::v5     ? "MQTT 5.0"
                          : packet.version == Version::v311 ? "MQTT 3.1.1"
                                                            : "MQTT 3.1";
    line.say(version).say_if(packet.clean_start, "clean").say("keep alive", packet.keep_alive_s);
    line.say_if(packet.user_name.has_value(), "with a user name");
    line.say_if(packet.password.has_value(), "with a password");
    line.say_if(packet.properties.has(PropertyId::authentication_method), "with an authentication method");
    if (packet.will) line.say("will on " + printable(packet.will->topic));
    say_number(line, packet.properties, PropertyId::session_expiry_interval, "session expiry");
}

void tell(Line& line, const Connack& packet) {
    line.say_code(packet.code).say_if(packet.session_present, "session present");
}

void tell(Line& line, const Publish& packet) {
    if (!packet.topic.empty()) line.say(printable(packet.topic));
    say_number(line, packet.properties, PropertyId::topic_alias, "alias");
    line.say("QoS", static_cast<std::size_t>(packet.qos));
    if (packet.qos != Qos::at_most_once) line.say("id", packet.packet_id);
    line.say_if(packet.retain, "retain")
        .say_if(packet.dup, "dup")
        .say("payload bytes", packet.payload.size());
}

void tell(Line& line, const PublishAck& packet) {
    line.say("id", packet.packet_id).say_code(packet.code);
}

void tell(Line& line, const Subscribe& packet) {
    line.say("id", packet.packet_id);
    std::size_t told = 0;
    for (const SubscriptionRequest& request : packet.subscriptions) {
        if (++told > kItemsMax) break;
        line.say(printable(request.filter) + " QoS " + std::to_string(static_cast<unsigned>(request.qos)));
    }
    line.say_if(told > kItemsMax, "and more");
}

void tell(Line& line, const Unsubscribe& packet) {
    line.say("id", packet.packet_id);
    std::size_t told = 0;
    for (const std::string_view filter : packet.filters) {
        if (++told > kItemsMax) break;
        line.say(printable(filter));
    }
    line.say_if(told > kItemsMax, "and more");
}

void tell(Line& line, const Suback& packet) {
    line.say("id", packet.packet_id);
    for (std::size_t i = 0; i < packet.codes.size() && i < kItemsMax; ++i) line.say_code(packet.code(i));
    line.say_if(packet.codes.size() > kItemsMax, "and more");
}

/// DISCONNECT and AUTH.
template <class Packet>
void tell(Line& line, const Packet& packet) {
    line.say_code(packet.code);
}

template <class Packet>
void tell_decoded(Line& line, const Decoded<Packet>& packet) {
    if (packet) {
        tell(line, *packet);
    } else {
        line.say("refused: ").say(packet.error().why);
    }
}

void tell_frame(Line& line, const Frame& frame, Version version, Sender sender) {
    switch (frame.type) {
        case PacketType::connect:
            return tell_decoded(line, decode_connect(frame));
        case PacketType::connack:
            return tell_decoded(line, decode_connack(frame, version));
        case PacketType::publish:
            return tell_decoded(line, decode_publish(frame, version, sender));
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return tell_decoded(line, decode_publish_ack(frame, version, sender));
        case PacketType::subscribe:
            return tell_decoded(line, decode_subscribe(frame, version));
        case PacketType::suback:
            return tell_decoded(line, decode_suback(frame, version));
        case PacketType::unsubscribe:
            return tell_decoded(line, decode_unsubscribe(frame, version));
        case PacketType::unsuback:
            return tell_decoded(line, decode_unsuback(frame, version));
        case PacketType::disconnect:
            return tell_decoded(line, decode_disconnect(frame, version, sender));
        case PacketType::auth:
            return tell_decoded(line, decode_auth(frame, version, sender));
        case PacketType::pingreq:
        case PacketType::pingresp:
            return;
    }
}

}  // namespace

std::string describe(const Frame& frame, Version version, Sender sender) {
    Line line(to_string(frame.type));
    tell_frame(line, frame, version, sender);
    line.say("bytes", frame.size);
    return std::move(line).text();
}

}  // namespace millrace::mqtt
