#include "mqtt/session/machine.h"

#include <algorithm>
#include <utility>

#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"
#include "mqtt/session/refusal_text.h"

namespace millrace::mqtt {

std::size_t Machine::feed(ByteView bytes) {
    waiting_ = false;
    std::size_t used = 0;
    while (reads()) {
        const Scan scan = scan_frame(bytes.subspan(used), context_.limits.packet_bytes, version_);
        if (scan.status == ScanStatus::need_more) return used;
        if (scan.status == ScanStatus::error) {
            fail(scan.error);
            break;
        }
        // Somebody who asks and asks but reads no answers.
        waiting_ = backlog() > context_.limits.outbox_bytes;
        if (waiting_) return used;
        if (traced_) tell_received(scan.frame);
        if (!handle(scan.frame)) return used;
        if (rare_) rare_->front_told = false;
        used += scan.frame.size;
    }
    return state_ == State::ended ? bytes.size() : used;
}

/// False: the packet could not be taken now and stays where it is.
bool Machine::handle(const Frame& frame) {
    if (state_ != State::connected) {
        on_first(frame);
        return true;
    }
    switch (frame.type) {
        case PacketType::publish:
            return take_publish(frame);
        case PacketType::puback:
            on_puback(frame);
            return true;
        case PacketType::pubrec:
            on_pubrec(frame);
            return true;
        case PacketType::pubrel:
            on_pubrel(frame);
            return true;
        case PacketType::pubcomp:
            on_pubcomp(frame);
            return true;
        case PacketType::subscribe:
            return on_subscribe(frame);
        case PacketType::unsubscribe:
            return on_unsubscribe(frame);
        case PacketType::pingreq:
            on_ping(frame);
            return true;
        case PacketType::disconnect:
            on_disconnect(frame);
            return true;
        case PacketType::connect:
            fail(ReasonCode::protocol_error, "a second CONNECT");  // [MQTT-3.1.0-2]
            return true;
        case PacketType::auth:
            on_auth(frame);
            return true;
        default:
            fail(ReasonCode::protocol_error, "only a server may send this packet");
            return true;
    }
}

/// A packet before the CONNACK.
void Machine::on_first(const Frame& frame) {
    if (state_ == State::fresh) {
        if (frame.type == PacketType::connect) return on_connect(frame);
        return fail(ReasonCode::protocol_error, "the first packet is not a CONNECT");  // [MQTT-3.1.0-1]
    }
    if (frame.type == PacketType::auth) return on_auth(frame);
    if (frame.type == PacketType::disconnect) {
        leave_session();
        return host_.on_goodbye();
    }
    fail(ReasonCode::protocol_error, "neither AUTH nor DISCONNECT while authenticating");  // [MQTT-3.1.2-30]
}

void Machine::tell_received(const Frame& frame) {
    if (std::exchange(rare().front_told, true)) return;
    host_.on_packet(frame, Sender::client);
}

void Machine::tell_sent(ByteView packet) {
    host_.on_packet(scan_frame(packet, packet.size(), version_).frame, Sender::server);
}

void Machine::write_ack(PacketType type, std::uint16_t packet_id, ReasonCode code,
                        const Properties& properties) {
    write([&](ByteBuffer& to) { encode_publish_ack(to, type, packet_id, code, version_, properties); });
}

Machine::Rare& Machine::rare() {
    if (!rare_) rare_ = std::make_unique<Rare>();
    return *rare_;
}

void Machine::on_ping(const Frame& frame) {
    const auto ping = decode_ping(frame);
    if (!ping) return fail(ping.error());
    write([](ByteBuffer& to) { encode_pingresp(to); });  // [MQTT-3.12.4-1]
}

void Machine::on_disconnect(const Frame& frame) {
    const auto disconnect = decode_disconnect(frame, version_, Sender::client);
    if (!disconnect) return fail(disconnect.error());
    if (const auto expiry = disconnect->properties.integer(PropertyId::session_expiry_interval)) {
        // 3.14.2.2.2: what was to end with the connection cannot be made to stay any more.
        if (session_->expiry_s == 0 && *expiry != 0) {
            return fail(ReasonCode::protocol_error, "the session expiry was 0");
        }
        session_->expiry_s = std::min(*expiry, context_.limits.session_expiry_s);
    }
    if (disconnect->code != ReasonCode::disconnect_with_will) session_->will.reset();  // [MQTT-3.1.2-10]
    leave_session();
    host_.on_goodbye();
}

/// A Reason String, where there is one and the client takes a packet with it; `rest` is what is in the packet
/// beside it. Valid until the next.
Properties Machine::reason(std::string_view why, std::size_t rest) {
    if (why.empty() || version_ != Version::v5) return {};
    context_.scratch.clear();
    PropertyWriter writer(context_.scratch);
    writer.text(PropertyId::reason_string, why);
    constexpr std::size_t kHeaders = 12;  // type, two lengths of up to four bytes, packet identifier, code
    if (context_.scratch.size() + kHeaders + rest > packet_bytes_max_) return {};
    return writer.properties();
}

/// The same of what was refused in an acknowledgement, where the client wants it [MQTT-3.1.2-29].
Properties Machine::reason_of(PacketType answer, ReasonCode code, std::string_view why, std::size_t rest) {
    if (!wants_reasons_) return {};
    return reason(why.empty() ? refusal_text(answer, code) : why, rest);
}

void Machine::end(ReasonCode code, const char* why) {
    if (state_ == State::ended) return;
    if (state_ == State::connected && version_ == Version::v5) {
        const Properties properties = reason(why, 0);  // [MQTT-3.14.2-3]
        write([&](ByteBuffer& to) { encode_disconnect(to, code, version_, properties); });
    }
    leave_session();
    host_.on_end();
}

void Machine::fail(const DecodeError& error) {
    context_.counters.closed_protocol_error.add();
    if (state_ == State::authenticating) return refuse(error.code);
    end(error.code, error.why);
}

void Machine::abandon() {
    leave_session();
}

void Machine::leave_session() {
    state_ = State::ended;
    if (session_ != nullptr) session_->lose_pending();
    session_ = nullptr;
}

void Machine::drained() {
    if (session_ != nullptr) pump();
}

}  // namespace millrace::mqtt
