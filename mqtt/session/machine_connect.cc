// Machine: CONNECT and its answer (3.1, 3.2).
#include <algorithm>

#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"
#include "mqtt/codec/topic.h"
#include "mqtt/codec/wire.h"
#include "mqtt/session/machine.h"
#include "mqtt/session/refusal_text.h"

namespace millrace::mqtt {
namespace {

/// CONNACK of 5.0 that only says no.
constexpr std::size_t kRefusalBytes = 5;
/// More than any CONNACK that says yes has: its properties are numbers, and a client id that we have made.
constexpr std::size_t kAcceptanceBytesMax = 128;

}  // namespace

void Machine::on_connect(const Frame& frame) {
    const auto connect = decode_connect(frame);
    if (!connect) return refuse_undecoded(connect.error(), answer_version(frame.body));
    if (connect->client_id.size() > context_.limits.client_id_bytes) {
        return refuse_undecoded({ReasonCode::client_identifier_not_valid, "the client id is too long"},
                                connect->version);
    }
    remember(*connect);
    const TopicLimits topics{context_.limits.topic_bytes, context_.limits.topic_levels};
    if (connect->will && check_topic_name(connect->will->topic, topics) != TopicFault::none) {
        return refuse_undecoded({ReasonCode::topic_name_invalid, "the will topic is too long"},
                                connect->version);
    }
    state_ = State::connecting;
    if (host_.wants_trace(*connect)) {
        traced_ = true;
        tell_received(frame);
    }
    host_.on_connect(*connect);
}

/// 3.1.1 has return codes for a few reasons only, and wants silence for the others [MQTT-3.1.4-1].
void Machine::refuse_undecoded(const DecodeError& error, Version version) {
    version_ = version;
    context_.counters.closed_protocol_error.add();
    state_ = State::connecting;
    if (version == Version::v5 || error.code == ReasonCode::unsupported_protocol_version ||
        error.code == ReasonCode::client_identifier_not_valid) {
        return refuse(error.code);
    }
    end(error.code, error.why);
}

void Machine::remember(const Connect& connect) {
    const SessionLimits& limits = context_.limits;
    const Properties& properties = connect.properties;
    version_ = connect.version;
    const bool v5 = version_ == Version::v5;
    const std::uint32_t forever = connect.clean_start ? 0 : Session::kNeverExpires;
    const std::uint32_t wanted =
        v5 ? properties.integer(PropertyId::session_expiry_interval).value_or(0) : forever;
    session_expiry_s_ = std::min(wanted, limits.session_expiry_s);
    session_expiry_changed_ = session_expiry_s_ != wanted;
    wants_reasons_ = properties.integer(PropertyId::request_problem_information) != 0U;
    // [MQTT-3.1.2-24], and [MQTT-3.3.4-9] with our own limit on top.
    packet_bytes_max_ = properties.integer(PropertyId::maximum_packet_size).value_or(0xFFFFFFFF);
    const std::uint32_t maximum = properties.integer(PropertyId::receive_maximum).value_or(0xFFFF);
    window_ = static_cast<std::uint16_t>(std::min<std::uint32_t>(maximum, limits.inflight_messages));
    // [MQTT-3.1.2-26] [MQTT-3.1.2-27]
    const std::uint32_t aliases = properties.integer(PropertyId::topic_alias_maximum).value_or(0);
    alias_maximum_ = static_cast<std::uint16_t>(std::min<std::uint32_t>(aliases, limits.topic_alias_out));
    keep_alive_s_ = connect.keep_alive_s;
    // Only 5.0 can be told of another keep alive [MQTT-3.1.2-21].
    if (v5 && limits.keep_alive_max_s != 0 &&
        (keep_alive_s_ == 0 || keep_alive_s_ > limits.keep_alive_max_s)) {
        keep_alive_s_ = limits.keep_alive_max_s;
        keep_alive_changed_ = true;
    }
}

/// They lie in the scratch buffer.
Properties Machine::connack_properties(std::string_view assigned_id, std::string_view proof) const {
    const SessionLimits& limits = context_.limits;
    context_.scratch.clear();
    PropertyWriter writer(context_.scratch);
    if (session_expiry_changed_) writer.integer(PropertyId::session_expiry_interval, session_expiry_s_);
    if (limits.receive_maximum != 0xFFFF) writer.integer(PropertyId::receive_maximum, limits.receive_maximum);
    writer.integer(PropertyId::maximum_packet_size, static_cast<std::uint32_t>(limits.packet_bytes));
    if (!assigned_id.empty())
        writer.text(PropertyId::assigned_client_identifier, assigned_id);  // [MQTT-3.1.3-7]
    if (limits.topic_alias_maximum != 0) {
        writer.integer(PropertyId::topic_alias_maximum, limits.topic_alias_maximum);
    }
    if (keep_alive_changed_) writer.integer(PropertyId::server_keep_alive, keep_alive_s_);
    if (!proof.empty()) {  // [MQTT-4.12.0-5]
        writer.text(PropertyId::authentication_method, rare_->method);
        writer.binary(PropertyId::authentication_data, as_bytes(proof));
    }
    return writer.properties();
}

bool Machine::connack_fits(std::string_view assigned_id) const {
    if (version_ != Version::v5 || packet_bytes_max_ >= kAcceptanceBytesMax) return true;
    const std::size_t properties = connack_properties(assigned_id, {}).raw().size();
    const std::size_t rest = 2 + varint_size(properties) + properties;
    return 1 + varint_size(rest) + rest <= packet_bytes_max_;
}

void Machine::accept(Session& session, bool session_present, std::string_view assigned_id,
                     std::string_view proof) {
    session_ = &session;
    session.expiry_s = session_expiry_s_;
    state_ = State::connected;
    const Connack connack{session_present, ReasonCode::success, connack_properties(assigned_id, proof)};
    write([&](ByteBuffer& to) { encode_connack(to, connack, version_); });
    Outbound* outbound = session.find_outbound();
    if (outbound == nullptr) return;
    outbound->resend = outbound->window.in_order();  // [MQTT-4.4.0-1] [MQTT-4.6.0-1]
    outbound->resent = 0;
    outbound->unacknowledged = 0;
    for (const std::uint16_t id : outbound->resend) outbound->window.find(id)->sent = 0;
    pump();
}

void Machine::refuse(ReasonCode code) {
    if (state_ == State::ended) return;
    if (packet_bytes_max_ >= kRefusalBytes) {
        const Properties why = reason(refusal_text(PacketType::connack, code), 0);         // [MQTT-3.2.2-19]
        write([&](ByteBuffer& to) { encode_connack(to, {false, code, why}, version_); });  // [MQTT-3.2.2-6]
    }
    leave_session();
    host_.on_end();
}

}  // namespace millrace::mqtt
