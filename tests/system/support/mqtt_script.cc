#include "tests/system/support/mqtt_script.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace millrace::system_test {
namespace {

enum class Kind : std::uint8_t { byte, two, four, variable, text, pair };

struct Property {
    unsigned id;
    const char* name;
    Kind kind;
    bool shown = true;  ///< of a server's packet
};

constexpr std::array kProperties{
    Property{1, "format", Kind::byte},
    Property{2, "expiry", Kind::four},
    Property{3, "content", Kind::text},
    Property{8, "response", Kind::text},
    Property{9, "correlation", Kind::text},
    Property{11, "subscription", Kind::variable},
    Property{17, "session", Kind::four},
    Property{18, "assigned", Kind::text},
    Property{19, "alive", Kind::two, false},
    Property{21, "method", Kind::text},
    Property{22, "data", Kind::text},
    Property{23, "problems", Kind::byte},
    Property{24, "delay", Kind::four},
    Property{25, "responses", Kind::byte},
    Property{31, "reason", Kind::text, false},
    Property{33, "receive", Kind::two, false},
    Property{34, "aliases", Kind::two, false},
    Property{35, "alias", Kind::two},
    Property{36, "qos", Kind::byte, false},
    Property{37, "retaining", Kind::byte, false},
    Property{38, "user", Kind::pair},
    Property{39, "packet", Kind::four, false},
    Property{40, "wildcards", Kind::byte, false},
    Property{41, "identifiers", Kind::byte, false},
    Property{42, "sharing", Kind::byte, false},
};

std::string four(std::uint32_t value) {
    return mqtt_u16(value >> 16).append(mqtt_u16(value & 0xffff));
}

/// `x*500`, `-` and everything else.
std::string text_of(const std::string& word) {
    if (word == "-") return {};
    const std::size_t star = word.rfind('*');
    if (star == std::string::npos) return word;
    std::string text;
    for (int count = std::stoi(word.substr(star + 1)); count > 0; --count) text += word.substr(0, star);
    return text;
}

std::string encoded(const Property& property, const std::string& value) {
    std::string bytes(1, static_cast<char>(property.id));
    const std::size_t colon = value.find(':');
    switch (property.kind) {
        case Kind::byte:
            return bytes + static_cast<char>(std::stoi(value));
        case Kind::two:
            return bytes + mqtt_u16(std::stoul(value));
        case Kind::four:
            return bytes + four(static_cast<std::uint32_t>(std::stoul(value)));
        case Kind::variable:
            return bytes + mqtt_variable_length(std::stoul(value));
        case Kind::text:
            return bytes + mqtt_string(text_of(value));
        case Kind::pair:
            return bytes + mqtt_string(value.substr(0, colon)) + mqtt_string(value.substr(colon + 1));
    }
    return {};
}

/// The arguments of a step, `name=value` taken apart.
class Arguments {
  public:
    explicit Arguments(const Words& step) {
        for (std::size_t i = 1; i < step.size(); ++i) {
            const std::size_t equals = step[i].find('=');
            if (equals == std::string::npos) {
                plain.push_back(step[i]);
            } else {
                named_.emplace_back(step[i].substr(0, equals), step[i].substr(equals + 1));
            }
        }
    }
    bool flag(const std::string& name) const { return std::ranges::find(plain, name) != plain.end(); }
    std::optional<std::string> named(const std::string& name) const {
        for (const auto& [key, value] : named_) {
            if (key == name) return value;
        }
        return std::nullopt;
    }
    unsigned number(const std::string& name, unsigned otherwise) const {
        const auto value = named(name);
        return value ? static_cast<unsigned>(std::stoul(*value)) : otherwise;
    }
    /// All properties whose names stand behind `prefix`, with their length; nothing in 3.1.1.
    std::string properties(int level, const std::string& prefix = {}) const {
        if (level != kMqtt5) return {};
        std::string bytes;
        for (const auto& [key, value] : named_) {
            if (!key.starts_with(prefix)) continue;
            for (const Property& property : kProperties) {
                if (key.substr(prefix.size()) == property.name) bytes += encoded(property, value);
            }
        }
        return mqtt_variable_length(bytes.size()) + bytes;
    }

    Words plain;

  private:
    std::vector<std::pair<std::string, std::string>> named_;
};

/// `clean=0`, `as=<client id>`, `keep=<seconds>`, `name=`, `password=`, `will=<topic>`, `payload=`, `wqos=`,
/// `wretain=1`, `level=`; properties, and those of the will behind `will.`.
std::string connect_of(const Arguments& arguments, int level, const std::string& client) {
    const auto will = arguments.named("will");
    const auto name = arguments.named("name");
    const auto password = arguments.named("password");
    unsigned flags = arguments.number("clean", 1) << 1 | (name ? 0x80U : 0U) | (password ? 0x40U : 0U);
    if (will) flags |= 4U | arguments.number("wqos", 0) << 3 | arguments.number("wretain", 0) << 5;
    std::string body = mqtt_string(arguments.named("protocol").value_or("MQTT"));
    body += static_cast<char>(arguments.number("level", static_cast<unsigned>(level)));
    body += static_cast<char>(arguments.number("flags", flags));
    body += mqtt_u16(arguments.number("keep", 60)) + arguments.properties(level);
    body += mqtt_string(text_of(arguments.named("as").value_or(client)));
    if (will) body += arguments.properties(level, "will.") + mqtt_string(text_of(*will));
    if (will) body += mqtt_string(text_of(arguments.named("payload").value_or("gone")));
    if (name) body += mqtt_string(*name);
    if (password) body += mqtt_string(*password);
    return mqtt_packet(0x10, body);
}

/// `pub <topic> <payload> q1 retain dup`
std::string publish_of(const Arguments& arguments, int level, std::uint16_t id) {
    const unsigned qos = arguments.flag("q3")   ? 3U
                         : arguments.flag("q2") ? 2U
                         : arguments.flag("q1") ? 1U
                                                : 0U;
    const unsigned flags =
        qos << 1 | (arguments.flag("retain") ? 1U : 0U) | (arguments.flag("dup") ? 8U : 0U);
    std::string body = mqtt_string(text_of(arguments.plain.at(0)));
    if (qos > 0) body += mqtt_u16(arguments.number("id", id));
    return mqtt_packet(0x30U | flags, body + arguments.properties(level) + text_of(arguments.plain.at(1)));
}

/// `sub <filter>@<qos>[,nl][,rap][,rh1][,rh2] …`
std::string subscribe_of(const Arguments& arguments, int level, std::uint16_t id) {
    std::string body = mqtt_u16(arguments.number("id", id)) + arguments.properties(level);
    for (const std::string& word : arguments.plain) {
        const std::size_t at = word.rfind('@');
        const std::string options = word.substr(at + 1);
        int byte = options.empty() ? 0 : std::stoi(options);
        if (options.find("nl") != std::string::npos) byte |= 4;
        if (options.find("rap") != std::string::npos) byte |= 8;
        if (const std::size_t handling = options.find("rh"); handling != std::string::npos)
            byte |= (options.at(handling + 2) - '0') << 4;
        body += mqtt_string(text_of(word.substr(0, at))) + static_cast<char>(byte);
    }
    return mqtt_packet(0x82, body);
}

std::string unsubscribe_of(const Arguments& arguments, int level, std::uint16_t id) {
    std::string body = mqtt_u16(arguments.number("id", id)) + arguments.properties(level);
    for (const std::string& filter : arguments.plain) body += mqtt_string(text_of(filter));
    return mqtt_packet(0xa2, body);
}

/// `ack puback [code=<n>]`
std::string acknowledgement_of(const Arguments& arguments, int level, std::uint16_t id) {
    static const std::map<std::string, PacketType> kTypes{{"puback", PacketType::puback},
                                                          {"pubrec", PacketType::pubrec},
                                                          {"pubrel", PacketType::pubrel},
                                                          {"pubcomp", PacketType::pubcomp}};
    const PacketType type = kTypes.at(arguments.plain.at(0));
    const unsigned code = arguments.number("code", 0);
    const auto packet_id = static_cast<std::uint16_t>(arguments.number("id", id));
    if (code == 0 || level != kMqtt5) return mqtt_ack(type, packet_id);
    const std::string body = mqtt_u16(packet_id) + static_cast<char>(code);
    return mqtt_packet(static_cast<unsigned>(type) << 4 | (type == PacketType::pubrel ? 2U : 0U), body);
}

std::string raw_of(const Arguments& arguments) {
    std::string bytes;
    for (const std::string& word : arguments.plain) {
        for (std::size_t i = 0; i + 1 < word.size(); i += 2)
            bytes += static_cast<char>(std::stoi(word.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

/// `disconnect code=4 session=10`, `auth code=24`
std::string with_code(unsigned first, const Arguments& arguments, int level) {
    if (level != kMqtt5) return mqtt_packet(first, {});
    return mqtt_packet(
        first, std::string(1, static_cast<char>(arguments.number("code", 0))) + arguments.properties(level));
}

unsigned byte_at(std::string_view text, std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}

/// Reads the front of a server's packet.
class Front {
  public:
    explicit Front(std::string_view text) : left(text) {}
    unsigned number(std::size_t bytes) {
        unsigned value = 0;
        for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | byte_at(left, i);
        left.remove_prefix(std::min(bytes, left.size()));
        return value;
    }
    unsigned variable() {
        unsigned value = 0;
        for (unsigned shift = 0; shift < 28; shift += 7) {
            const unsigned byte = number(1);
            value |= (byte & 0x7f) << shift;
            if (byte < 0x80) break;
        }
        return value;
    }
    std::string text() {
        const std::size_t size = number(2);
        std::string taken(left.substr(0, size));
        left.remove_prefix(taken.size());
        return taken;
    }

    std::string_view left;
};

std::string value_of(const Property& property, Front& front) {
    switch (property.kind) {
        case Kind::byte:
            return std::to_string(front.number(1));
        case Kind::two:
            return std::to_string(front.number(2));
        case Kind::four:
            return std::to_string(front.number(4));
        case Kind::variable:
            return std::to_string(front.variable());
        case Kind::text:
            return front.text();
        case Kind::pair: {
            const std::string name = front.text();
            return name + ":" + front.text();
        }
    }
    return {};
}

/// ` name=value` of each that is shown, by name; user properties keep their order.
std::string take_properties(Front& front, int level) {
    if (level != kMqtt5 || front.left.empty()) return {};
    const std::size_t size = front.variable();
    Front properties(front.left.substr(0, size));
    front.left.remove_prefix(std::min(size, front.left.size()));
    Words shown;
    while (!properties.left.empty()) {
        const unsigned id = properties.number(1);
        const auto* property = std::ranges::find(kProperties, id, &Property::id);
        if (property == kProperties.end()) return " property-" + std::to_string(id);
        std::string value = value_of(*property, properties);
        // What a server counts down or makes up.
        if (id == 2 || id == 18) value = "…";
        if (property->shown) shown.push_back(" " + std::string(property->name) + "=" + value);
    }
    std::ranges::stable_sort(shown, {}, [](const std::string& one) { return one.substr(0, one.find('=')); });
    std::string line;
    for (const std::string& one : shown) line += one;
    return line;
}

/// Long text as its length.
std::string shortened(const std::string& text) {
    return text.size() <= 40 ? text : std::to_string(text.size()) + " bytes";
}

std::string publish_line(const MqttPacket& packet, int level) {
    Front front(packet.body);
    std::string line = "publish " + shortened(front.text());
    const unsigned qos = packet.first >> 1 & 3U;
    if (qos > 0) front.number(2);
    const std::string properties = take_properties(front, level);
    line += " '" + shortened(std::string(front.left)) + "' q" + std::to_string(qos);
    if ((packet.first & 1) != 0) line += " retain";
    if ((packet.first & 8) != 0) line += " dup";
    return line + properties;
}

/// Of an acknowledgement, or of CONNACK, DISCONNECT and AUTH, whose `id` has no bytes.
std::string coded_line(const char* name, const MqttPacket& packet, std::size_t id_bytes, int level) {
    Front front(packet.body);
    std::string line = name;
    if (id_bytes > 0) line += " " + std::to_string(front.number(id_bytes));
    if (level == kMqtt5 && !front.left.empty()) line += " code=" + std::to_string(front.number(1));
    return line + take_properties(front, level);
}

std::string list_line(const char* name, const MqttPacket& packet, int level) {
    Front front(packet.body);
    std::string line = name + (" " + std::to_string(front.number(2)));
    const std::string properties = take_properties(front, level);
    while (!front.left.empty()) line += " " + std::to_string(front.number(1));
    return line + properties;
}

}  // namespace

Words split_words(std::string_view line) {
    std::istringstream stream{std::string(line)};
    Words words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

std::string packet_of(const Words& step, int level, std::uint16_t id, const std::string& client) {
    const Arguments arguments(step);
    const std::string& verb = step.at(0);
    if (verb == "connect") return connect_of(arguments, level, client);
    if (verb == "pub") return publish_of(arguments, level, id);
    if (verb == "sub") return subscribe_of(arguments, level, id);
    if (verb == "unsub") return unsubscribe_of(arguments, level, id);
    if (verb == "ack") return acknowledgement_of(arguments, level, id);
    if (verb == "raw") return raw_of(arguments);
    if (verb == "ping") return mqtt_packet(0xc0, {});
    if (verb == "disconnect") return with_code(0xe0, arguments, level);
    if (verb == "auth") return with_code(0xf0, arguments, level);
    throw std::runtime_error("no step begins with " + verb);
}

std::string line_of(const MqttPacket& packet, int level) {
    Front front(packet.body);
    switch (packet.type()) {
        case PacketType::connack: {
            const unsigned present = front.number(1);
            const unsigned code = front.number(1);
            return "connack present=" + std::to_string(present) + " code=" + std::to_string(code) +
                   take_properties(front, level);
        }
        case PacketType::publish:
            return publish_line(packet, level);
        case PacketType::puback:
            return coded_line("puback", packet, 2, level);
        case PacketType::pubrec:
            return coded_line("pubrec", packet, 2, level);
        case PacketType::pubrel:
            return "pubrel";
        case PacketType::pubcomp:
            return coded_line("pubcomp", packet, 2, level);
        case PacketType::suback:
            return list_line("suback", packet, level);
        case PacketType::unsuback:
            return list_line("unsuback", packet, level);
        case PacketType::pingresp:
            return "pingresp";
        case PacketType::disconnect:
            return coded_line("disconnect", packet, 0, level);
        case PacketType::auth:
            return coded_line("auth", packet, 0, level);
        default:
            return "packet type " + std::to_string(packet.first >> 4);
    }
}

}  // namespace millrace::system_test
