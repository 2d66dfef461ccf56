#include "mqtt/broker/client_message.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>
#include <boost/json/value.hpp>
#include <cstdio>

#include "core/access/base64.h"
#include "core/access/sha256.h"
#include "core/utf8.h"
#include "store/message_id.h"

namespace millrace::mqtt {
namespace {

std::string socket_id_of(std::string_view client_id) {
    return std::string(kMqttSocketId).append(client_id);
}

/// How the description of a client begins.
std::string begin_writer(std::string_view socket_id) {
    return "{\"socketId\":" + boost::json::serialize(boost::json::value(socket_id));
}

}  // namespace

std::string writer_prefix(std::string_view client_id) {
    return begin_writer(socket_id_of(client_id)) + ",";
}

bool is_written_by(const Message& message, std::string_view client_id) {
    return message.client().starts_with(writer_prefix(client_id));
}

std::string describe_client(std::string_view client_id, const access::Principal& principal) {
    return describe_writer(socket_id_of(client_id), principal);
}

std::string describe_writer(std::string_view socket_id, const access::Principal& principal) {
    std::string text = begin_writer(socket_id);
    text += ",\"extras\":" + principal.extras;
    text += ",\"permissions\":{\"dbo_id\":" + std::to_string(principal.dbo_id);
    text += ",\"row_id\":" + std::to_string(principal.row_id) + "}}";
    return text;
}

void set_properties(MessageFields& fields, const Properties& properties, ByteBuffer& scratch) {
    if (properties.empty()) return;
    fields.expiry_s = properties.integer(PropertyId::message_expiry_interval);
    properties.for_each_user_property([&](std::string_view name, std::string_view value) {
        if (name == "id" && fields.id.empty()) fields.id = value;
    });
    const std::size_t size = properties.forwardable_size();
    if (size == properties.raw().size()) {
        fields.properties = properties.raw();
        return;
    }
    scratch.clear();
    properties.write_forwardable(scratch.extend(size));
    fields.properties = scratch.view();
}

bool fits_its_format(ByteView payload, const Properties& properties) {
    return properties.integer(PropertyId::payload_format_indicator) != 1U || is_utf8(as_text(payload));
}

std::string exactly_once_key(const Session& session, std::uint32_t sequence) {
    char suffix[32];
    const int size = std::snprintf(suffix, sizeof suffix, ":%llx:%x",
                                   static_cast<unsigned long long>(session.created_us()), sequence);
    const std::string message(suffix, static_cast<std::size_t>(size));
    const std::string& client = session.client_id();
    const bool fits = client.size() + message.size() <= store::kLongestId;
    return (fits ? client : access::encode_base64url(access::sha256(client))) + message;
}

}  // namespace millrace::mqtt
