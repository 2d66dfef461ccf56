// Machine: enhanced authentication (3.15, 4.12). What the data means is the host's business.
#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"
#include "mqtt/session/machine.h"

namespace millrace::mqtt {
namespace {

/// What an AUTH and the CONNACK after it have beside the client's and our data.
constexpr std::size_t kPacketBytesMin = 256;

}  // namespace

void Machine::challenge(std::string_view method, std::string_view data) {
    const bool connects = state_ == State::connecting;
    if (packet_bytes_max_ < kPacketBytesMin + data.size()) {  // [MQTT-3.1.2-24]
        return connects ? refuse(ReasonCode::packet_too_large)
                        : end(ReasonCode::packet_too_large, "no AUTH fits what the client takes");
    }
    rare().method = method;
    if (connects) state_ = State::authenticating;
    write_auth(ReasonCode::continue_authentication, data);  // [MQTT-4.12.0-2]
}

void Machine::reauthenticated(std::string_view proof) {
    write_auth(ReasonCode::success, proof);  // 4.12.1
}

void Machine::write_auth(ReasonCode code, std::string_view data) {
    context_.scratch.clear();
    PropertyWriter writer(context_.scratch);
    writer.text(PropertyId::authentication_method, rare_->method);  // [MQTT-4.12.0-5]
    writer.binary(PropertyId::authentication_data, as_bytes(data));
    write([&](ByteBuffer& to) { encode_auth(to, code, writer.properties()); });
}

void Machine::on_auth(const Frame& frame) {
    const auto auth = decode_auth(frame, version_, Sender::client);
    if (!auth) return fail(auth.error());
    if (!rare_ || rare_->method.empty())  // [MQTT-4.12.0-7]
        return fail(ReasonCode::protocol_error, "AUTH without an authentication method");
    // [MQTT-4.12.0-5] [MQTT-4.12.1-1]
    if (auth->properties.text(PropertyId::authentication_method) != rare_->method)
        return fail(ReasonCode::bad_authentication_method,
                    "another authentication method than that of CONNECT");
    const bool begins = auth->code == ReasonCode::reauthenticate;
    const bool awaited = state_ == State::authenticating || rare_->reauthenticates;
    if (begins == awaited) return fail(ReasonCode::protocol_error, "an AUTH that is not its turn");
    if (state_ == State::authenticating) {
        state_ = State::connecting;
    } else {
        rare_->reauthenticates = begins;
    }
    host_.on_auth(auth->properties.binary(PropertyId::authentication_data).value_or(ByteView{}), begins);
}

}  // namespace millrace::mqtt
