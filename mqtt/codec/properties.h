// The properties of MQTT 5.0: a validated view to read them, and a writer.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/bytes.h"
#include "mqtt/codec/reason_code.h"
#include "mqtt/codec/wire.h"

namespace millrace::mqtt {

/// Table 2-4.
enum class PropertyId : std::uint8_t {
    payload_format_indicator = 1,
    message_expiry_interval = 2,
    content_type = 3,
    response_topic = 8,
    correlation_data = 9,
    subscription_identifier = 11,
    session_expiry_interval = 17,
    assigned_client_identifier = 18,
    server_keep_alive = 19,
    authentication_method = 21,
    authentication_data = 22,
    request_problem_information = 23,
    will_delay_interval = 24,
    request_response_information = 25,
    response_information = 26,
    server_reference = 28,
    reason_string = 31,
    receive_maximum = 33,
    topic_alias_maximum = 34,
    topic_alias = 35,
    maximum_qos = 36,
    retain_available = 37,
    user_property = 38,
    maximum_packet_size = 39,
    wildcard_subscription_available = 40,
    subscription_identifier_available = 41,
    shared_subscription_available = 42,
};

/// How the value of a property is written.
enum class PropertyKind : std::uint8_t { none, byte, u16, u32, varint, text, binary, text_pair };
/// `none` for a number that is no property.
PropertyKind kind_of(PropertyId id);

/// What a block of properties belongs to: a packet type, or the Will inside a CONNECT.
enum class PropertyOwner : std::uint8_t {
    will = 0,
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
    disconnect = 14,
    auth,
};
bool is_allowed(PropertyId id, PropertyOwner owner, Sender sender);

/// A view of validated property bytes (without their length prefix) that knows which are present. A missing
/// one costs a bit test, a present one a walk over the bytes before it. Lives as long as the bytes do.
class Properties {
  public:
    Properties() = default;

    bool empty() const { return raw_.empty(); }
    bool has(PropertyId id) const { return (present_ >> static_cast<unsigned>(id) & 1U) != 0; }
    ByteView raw() const { return raw_; }

    /// Byte, two byte, four byte and variable byte integers; of subscription identifiers the first.
    std::optional<std::uint32_t> integer(PropertyId id) const;
    std::optional<std::string_view> text(PropertyId id) const;
    std::optional<ByteView> binary(PropertyId id) const;

    /// f(std::string_view name, std::string_view value), in the order of the packet.
    template <class F>
    void for_each_user_property(F&& f) const;
    /// f(std::uint32_t identifier), in the order of the packet.
    template <class F>
    void for_each_subscription_identifier(F&& f) const;

    /// What a server hands on unaltered ([MQTT-3.3.2-4], -15, -16, -17, -20): payload format indicator,
    /// content type, response topic, correlation data, user properties in their order. Message expiry is
    /// not in it, because its value is rewritten.
    std::size_t forwardable_size() const;
    /// Writes exactly forwardable_size() bytes and answers the address after them.
    std::byte* write_forwardable(std::byte* at) const;

  private:
    friend Decoded<Properties> parse_properties(ByteView, PropertyOwner, Sender);
    friend class PropertyWriter;
    Properties(ByteView raw, std::uint64_t present) : raw_(raw), present_(present) {}

    /// The bytes from the value of the first `id` on; nothing if it is absent.
    std::optional<Reader> find(PropertyId id) const;
    template <class F>
    void for_each_forwardable(F&& f) const;

    ByteView raw_;
    std::uint64_t present_ = 0;
};

/// Validates property bytes (without their length prefix) in one pass.
Decoded<Properties> parse_properties(ByteView raw, PropertyOwner owner, Sender sender);

/// Appends properties to a buffer, without the length prefix: the encoders write that. The caller chooses
/// legal ones; the value's width follows from the id. Lives on the stack of whoever builds a packet.
class PropertyWriter {
  public:
    explicit PropertyWriter(ByteBuffer& out) : out_(out), start_(out.size()) {}

    void integer(PropertyId id, std::uint32_t value);
    void text(PropertyId id, std::string_view value);
    void binary(PropertyId id, ByteView value);
    void user_property(std::string_view name, std::string_view value);

    /// What was written so far; valid until the buffer changes.
    Properties properties() const { return {out_.view().subspan(start_), present_}; }

  private:
    void begin(PropertyId id);

    ByteBuffer& out_;
    std::size_t start_;
    std::uint64_t present_ = 0;
};

/// Moves a reader that stands behind a property's id over its value.
void skip_property_value(Reader& reader, PropertyKind kind);

template <class F>
void Properties::for_each_user_property(F&& f) const {
    if (!has(PropertyId::user_property)) return;
    for (Reader reader(raw_); !reader.at_end();) {
        const auto id = static_cast<PropertyId>(reader.u8());
        if (id == PropertyId::user_property) {
            const std::string_view name = reader.text();
            const std::string_view value = reader.text();
            f(name, value);
        } else {
            skip_property_value(reader, kind_of(id));
        }
    }
}

template <class F>
void Properties::for_each_subscription_identifier(F&& f) const {
    if (!has(PropertyId::subscription_identifier)) return;
    for (Reader reader(raw_); !reader.at_end();) {
        const auto id = static_cast<PropertyId>(reader.u8());
        if (id == PropertyId::subscription_identifier) {
            f(reader.varint());
        } else {
            skip_property_value(reader, kind_of(id));
        }
    }
}

}  // namespace millrace::mqtt
