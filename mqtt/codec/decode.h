// Bytes to packets: every field of a frame checked against the specification.
#pragma once

#include "mqtt/codec/frame_scanner.h"
#include "mqtt/codec/packets.h"

namespace millrace::mqtt {

// What a packet views is the frame's body. Topic names and filters are legal UTF-8 and legally formed;
// limits that a configuration sets (length, levels, topic alias maximum) are left to the caller.

Decoded<Connect> decode_connect(const Frame& frame);
/// The version in which to answer a CONNECT that does not decode.
Version answer_version(ByteView connect_body);

Decoded<Connack> decode_connack(const Frame& frame, Version version);
Decoded<Publish> decode_publish(const Frame& frame, Version version, Sender sender);
/// PUBACK, PUBREC, PUBREL and PUBCOMP.
Decoded<PublishAck> decode_publish_ack(const Frame& frame, Version version, Sender sender);
Decoded<Subscribe> decode_subscribe(const Frame& frame, Version version);
Decoded<Suback> decode_suback(const Frame& frame, Version version);
Decoded<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version);
Decoded<Unsuback> decode_unsuback(const Frame& frame, Version version);
/// PINGREQ and PINGRESP: there is nothing in them.
Decoded<void> decode_ping(const Frame& frame);
Decoded<Disconnect> decode_disconnect(const Frame& frame, Version version, Sender sender);
/// A 3.x peer must not send AUTH: type 15 is reserved there.
Decoded<Auth> decode_auth(const Frame& frame, Version version, Sender sender);

}  // namespace millrace::mqtt
