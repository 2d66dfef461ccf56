// What an MQTT client's PUBLISH becomes inside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/access/principal.h"
#include "core/bytes.h"
#include "core/message.h"
#include "mqtt/broker/presence.h"
#include "mqtt/codec/properties.h"
#include "mqtt/session/session.h"

namespace millrace::mqtt {

/// The `client` of a bridge message: {"socketId":"…","extras":{…},"permissions":{"dbo_id":…,"row_id":…}}.
std::string describe_writer(std::string_view socket_id, const access::Principal& principal);
/// That of an MQTT client, whose socketId is `mqtt:` and its client id.
std::string describe_client(std::string_view client_id, const access::Principal& principal);

/// How `client` begins in what a client of that id has written.
std::string writer_prefix(std::string_view client_id);
/// Whether a client of that id has written it; also of a message that was read from the store.
bool is_written_by(const Message& message, std::string_view client_id);

/// Properties to hand on, the expiry interval, and the idempotency key from the user property `id`. `scratch`
/// must live as long as `fields`.
void set_properties(MessageFields& fields, const Properties& properties, ByteBuffer& scratch);

/// Whether the payload is what its Payload Format Indicator says (3.3.2.3.2), if it has one.
bool fits_its_format(ByteView payload, const Properties& properties);

/// The idempotency key of a QoS 2 message that has none of its own; the store takes it whatever the length of
/// the client id.
std::string exactly_once_key(const Session& session, std::uint32_t sequence);

}  // namespace millrace::mqtt
