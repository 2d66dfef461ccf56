#include "mqtt/codec/properties.h"

#include <array>
#include <initializer_list>

#include "mqtt/codec/topic.h"
#include "mqtt/codec/utf8.h"

namespace millrace::mqtt {
namespace {

using Owners = std::uint16_t;  ///< one bit per PropertyOwner

constexpr Owners owners(std::initializer_list<PropertyOwner> list) {
    unsigned bits = 0;
    for (const PropertyOwner owner : list) bits |= 1U << static_cast<unsigned>(owner);
    return static_cast<Owners>(bits);
}

struct Rule {
    PropertyKind kind = PropertyKind::none;
    Owners owners = 0;
};

constexpr std::size_t kIdCount = 43;

/// Table 2-4, indexed by identifier.
constexpr std::array<Rule, kIdCount> make_rules() {
    using enum PropertyId;
    using enum PropertyOwner;
    using Kind = PropertyKind;
    constexpr Owners kMessage = owners({publish, will});
    constexpr Owners kBothConnects = owners({connect, connack});
    constexpr Owners kAuthentication = owners({connect, connack, auth});
    constexpr Owners kAcks =
        owners({connack, puback, pubrec, pubrel, pubcomp, suback, unsuback, disconnect, auth});
    constexpr Owners kAll = kAcks | kMessage | owners({connect, subscribe, unsubscribe});
    std::array<Rule, kIdCount> rules{};
    const auto set = [&rules](PropertyId id, Kind kind, Owners allowed) {
        rules[static_cast<std::size_t>(id)] = {kind, allowed};
    };
    set(payload_format_indicator, Kind::byte, kMessage);
    set(message_expiry_interval, Kind::u32, kMessage);
    set(content_type, Kind::text, kMessage);
    set(response_topic, Kind::text, kMessage);
    set(correlation_data, Kind::binary, kMessage);
    set(subscription_identifier, Kind::varint, owners({publish, subscribe}));
    set(session_expiry_interval, Kind::u32, owners({connect, connack, disconnect}));
    set(assigned_client_identifier, Kind::text, owners({connack}));
    set(server_keep_alive, Kind::u16, owners({connack}));
    set(authentication_method, Kind::text, kAuthentication);
    set(authentication_data, Kind::binary, kAuthentication);
    set(request_problem_information, Kind::byte, owners({connect}));
    set(will_delay_interval, Kind::u32, owners({will}));
    set(request_response_information, Kind::byte, owners({connect}));
    set(response_information, Kind::text, owners({connack}));
    set(server_reference, Kind::text, owners({connack, disconnect}));
    set(reason_string, Kind::text, kAcks);
    set(receive_maximum, Kind::u16, kBothConnects);
    set(topic_alias_maximum, Kind::u16, kBothConnects);
    set(topic_alias, Kind::u16, owners({publish}));
    set(maximum_qos, Kind::byte, owners({connack}));
    set(retain_available, Kind::byte, owners({connack}));
    set(user_property, Kind::text_pair, kAll);
    set(maximum_packet_size, Kind::u32, kBothConnects);
    set(wildcard_subscription_available, Kind::byte, owners({connack}));
    set(subscription_identifier_available, Kind::byte, owners({connack}));
    set(shared_subscription_available, Kind::byte, owners({connack}));
    return rules;
}
constexpr std::array<Rule, kIdCount> kRules = make_rules();

constexpr std::uint64_t bit(PropertyId id) {
    return std::uint64_t{1} << static_cast<unsigned>(id);
}

constexpr std::uint64_t kForwardable = bit(PropertyId::payload_format_indicator) |
                                       bit(PropertyId::content_type) | bit(PropertyId::response_topic) |
                                       bit(PropertyId::correlation_data) | bit(PropertyId::user_property);

/// Three properties belong to a packet of one direction only.
bool is_from_wrong_side(PropertyId id, PropertyOwner owner, Sender sender) {
    switch (id) {
        case PropertyId::subscription_identifier:  // [MQTT-3.3.4-6]
            return owner == PropertyOwner::publish && sender == Sender::client;
        case PropertyId::session_expiry_interval:  // [MQTT-3.14.2-2]
            return owner == PropertyOwner::disconnect && sender == Sender::server;
        case PropertyId::server_reference:
            return owner == PropertyOwner::disconnect && sender == Sender::client;
        default:
            return false;
    }
}

/// All properties may appear once, but for user properties and, on its way to a client, the identifiers of
/// every subscription that a message matches (3.3.2.3.8).
bool may_repeat(PropertyId id, PropertyOwner owner) {
    return id == PropertyId::user_property ||
           (id == PropertyId::subscription_identifier && owner == PropertyOwner::publish);
}

using Fault = std::optional<DecodeError>;

Fault check_integer(PropertyId id, std::uint32_t value, PropertyKind kind) {
    if (kind == PropertyKind::byte && value > 1) {
        return DecodeError{ReasonCode::protocol_error, "a property is neither 0 nor 1"};
    }
    if (value != 0) return std::nullopt;
    switch (id) {
        case PropertyId::receive_maximum:
            return DecodeError{ReasonCode::protocol_error, "Receive Maximum is 0"};
        case PropertyId::maximum_packet_size:
            return DecodeError{ReasonCode::protocol_error, "Maximum Packet Size is 0"};
        case PropertyId::subscription_identifier:
            return DecodeError{ReasonCode::protocol_error, "Subscription Identifier is 0"};
        case PropertyId::topic_alias:  // [MQTT-3.3.2-8]
            return DecodeError{ReasonCode::topic_alias_invalid, "Topic Alias is 0"};
        default:
            return std::nullopt;
    }
}

Fault check_text(PropertyId id, std::string_view text) {
    if (!is_valid_utf8(text)) {  // [MQTT-1.5.4-1], [MQTT-1.5.4-2]
        return DecodeError{ReasonCode::malformed_packet, "a property is not valid UTF-8"};
    }
    if (id == PropertyId::response_topic && check_topic_name(text) != TopicFault::none) {  // [MQTT-3.3.2-14]
        return DecodeError{ReasonCode::protocol_error, "the Response Topic is not a topic name"};
    }
    return std::nullopt;
}

std::uint32_t read_integer(Reader& reader, PropertyKind kind) {
    switch (kind) {
        case PropertyKind::byte:
            return reader.u8();
        case PropertyKind::u16:
            return reader.u16();
        case PropertyKind::u32:
            return reader.u32();
        default:
            return reader.varint();
    }
}

Fault check_value(Reader& reader, PropertyId id, PropertyKind kind) {
    Fault fault;
    switch (kind) {
        case PropertyKind::text:
            fault = check_text(id, reader.text());
            break;
        case PropertyKind::binary:
            reader.binary();
            break;
        case PropertyKind::text_pair:  // [MQTT-1.5.7-1]
            fault = check_text(id, reader.text());
            if (!fault) fault = check_text(id, reader.text());
            break;
        default:
            fault = check_integer(id, read_integer(reader, kind), kind);
    }
    if (reader.failed()) return DecodeError{ReasonCode::malformed_packet, "a property is cut short"};
    return fault;
}

}  // namespace

PropertyKind kind_of(PropertyId id) {
    const auto index = static_cast<std::size_t>(id);
    return index < kIdCount ? kRules[index].kind : PropertyKind::none;
}

bool is_allowed(PropertyId id, PropertyOwner owner, Sender sender) {
    const auto index = static_cast<std::size_t>(id);
    return index < kIdCount && (kRules[index].owners >> static_cast<unsigned>(owner) & 1U) != 0 &&
           !is_from_wrong_side(id, owner, sender);
}

void skip_property_value(Reader& reader, PropertyKind kind) {
    switch (kind) {
        case PropertyKind::text:
        case PropertyKind::binary:
            reader.binary();
            break;
        case PropertyKind::text_pair:
            reader.binary();
            reader.binary();
            break;
        default:
            read_integer(reader, kind);
    }
}

Decoded<Properties> parse_properties(ByteView raw, PropertyOwner owner, Sender sender) {
    std::uint64_t present = 0;
    for (Reader reader(raw); !reader.at_end();) {
        const auto id = static_cast<PropertyId>(reader.u8());
        const PropertyKind kind = kind_of(id);
        if (kind == PropertyKind::none) {
            return DecodeError{ReasonCode::malformed_packet, "unknown property"};
        }
        if (!is_allowed(id, owner, sender)) {
            return is_from_wrong_side(id, owner, sender)
                       ? DecodeError{ReasonCode::protocol_error, "this side must not send this property"}
                       : DecodeError{ReasonCode::malformed_packet,
                                     "the property does not belong here"};  // 2.2.2.2
        }
        if ((present & bit(id)) != 0 && !may_repeat(id, owner)) {
            return DecodeError{ReasonCode::protocol_error, "a property appears twice"};
        }
        present |= bit(id);
        if (const Fault fault = check_value(reader, id, kind)) return *fault;
    }
    const Properties properties(raw, present);
    if (properties.has(PropertyId::authentication_data) &&
        !properties.has(PropertyId::authentication_method)) {  // 3.1.2.11.10
        return DecodeError{ReasonCode::protocol_error, "Authentication Data without a method"};
    }
    return properties;
}

std::optional<Reader> Properties::find(PropertyId id) const {
    if (!has(id)) return std::nullopt;
    for (Reader reader(raw_); !reader.at_end();) {
        const auto next = static_cast<PropertyId>(reader.u8());
        if (next == id) return reader;
        skip_property_value(reader, kind_of(next));
    }
    return std::nullopt;
}

std::optional<std::uint32_t> Properties::integer(PropertyId id) const {
    std::optional<Reader> reader = find(id);
    if (!reader) return std::nullopt;
    return read_integer(*reader, kind_of(id));
}

std::optional<std::string_view> Properties::text(PropertyId id) const {
    std::optional<Reader> reader = find(id);
    if (!reader) return std::nullopt;
    return reader->text();
}

std::optional<ByteView> Properties::binary(PropertyId id) const {
    std::optional<Reader> reader = find(id);
    if (!reader) return std::nullopt;
    return reader->binary();
}

template <class F>
void Properties::for_each_forwardable(F&& f) const {
    if ((present_ & ~kForwardable) == 0) return f(raw_);
    for (Reader reader(raw_); !reader.at_end();) {
        const ByteView from = reader.rest();
        const auto id = static_cast<PropertyId>(reader.u8());
        skip_property_value(reader, kind_of(id));
        if ((kForwardable & bit(id)) != 0) f(from.first(from.size() - reader.remaining()));
    }
}

std::size_t Properties::forwardable_size() const {
    std::size_t size = 0;
    for_each_forwardable([&size](ByteView run) { size += run.size(); });
    return size;
}

std::byte* Properties::write_forwardable(std::byte* at) const {
    Writer writer(at);
    for_each_forwardable([&writer](ByteView run) { writer.bytes(run); });
    return writer.position();
}

void PropertyWriter::begin(PropertyId id) {
    out_.u8(static_cast<std::uint8_t>(id));
    present_ |= bit(id);
}

void PropertyWriter::integer(PropertyId id, std::uint32_t value) {
    begin(id);
    switch (kind_of(id)) {
        case PropertyKind::byte:
            out_.u8(static_cast<std::uint8_t>(value));
            break;
        case PropertyKind::u16:
            out_.u16(static_cast<std::uint16_t>(value));
            break;
        case PropertyKind::u32:
            out_.u32(value);
            break;
        default:
            Writer(out_.extend(varint_size(value))).varint(value);
    }
}

void PropertyWriter::binary(PropertyId id, ByteView value) {
    begin(id);
    Writer(out_.extend(2 + value.size())).binary(value);
}

void PropertyWriter::text(PropertyId id, std::string_view value) {
    binary(id, as_bytes(value));
}

void PropertyWriter::user_property(std::string_view name, std::string_view value) {
    begin(PropertyId::user_property);
    Writer writer(out_.extend(4 + name.size() + value.size()));
    writer.text(name);
    writer.text(value);
}

}  // namespace millrace::mqtt
