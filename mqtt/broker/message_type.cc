#include "mqtt/broker/message_type.h"

#include "core/message_json.h"
#include "mqtt/codec/properties.h"
#include "mqtt/codec/utf8.h"

namespace millrace::mqtt {

bool is_message_type(std::string_view type) {
    return !type.empty() && type.size() <= kMessageTypeBytesMax && is_valid_utf8(type);
}

void append_message_type(ByteBuffer& properties, std::string_view type) {
    PropertyWriter(properties).user_property(kMessageType, type);
}

std::string_view message_type(const Message& message) {
    std::string_view type = kind_name(message.kind());
    if (message.properties().empty()) return type;
    const auto properties = parse_properties(message.properties(), PropertyOwner::publish, Sender::server);
    if (!properties) return type;
    properties->for_each_user_property([&type](std::string_view name, std::string_view value) {
        if (name == kMessageType && is_message_type(value)) type = value;
    });
    return type;
}

}  // namespace millrace::mqtt
