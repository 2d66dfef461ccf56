#include "mqtt/broker/websocket_transport.h"

#include "mqtt/broker/session_table.h"

namespace millrace::mqtt {

WebSocketTransport::WebSocketTransport(SessionTable& sessions, Connection& connection)
    : Client(sessions, connection, inner_),
      inner_(sessions.shard().buffers()),
      decoder_(sessions.context().limits.packet_bytes) {}

std::size_t WebSocketTransport::on_bytes(ByteView bytes) {
    if (machine().ended()) return bytes.size();
    if (machine().waiting()) {
        connection().pause();
        return 0;
    }
    const websocket::Decoder::Outcome outcome = decoder_.feed(bytes, *this);
    if (outcome.failure != websocket::CloseCode::normal) {
        close(outcome.failure, outcome.why);
        return bytes.size();
    }
    return machine().ended() ? bytes.size() : outcome.consumed;
}

void WebSocketTransport::on_message(websocket::Opcode opcode, ByteView payload) {
    if (opcode != websocket::Opcode::binary) {  // [MQTT-6.0.0-1]
        return close(websocket::CloseCode::unsupported_data, "MQTT travels in binary frames");
    }
    if (rest_.empty()) {
        feeding_ = true;
        const std::size_t used = Client::on_bytes(payload);
        feeding_ = false;
        rest_.append(payload.subspan(used));
    } else {
        rest_.append(payload);
        digest();
    }
    if (machine().waiting() || machine().ended()) decoder_.stop();
}

/// Gives the machine what it had left.
void WebSocketTransport::digest() {
    feeding_ = true;
    rest_.consume(Client::on_bytes(rest_.view()));
    feeding_ = false;
    if (rest_.empty()) rest_.release();
}

void WebSocketTransport::read_on() {
    if (feeding_) return;
    if (!rest_.empty()) digest();
    if (!machine().waiting()) connection().resume();
}

void WebSocketTransport::hang_up() {
    connection().close_after_flush();  // RFC 6455 7.1.2: with a Close frame
}

void WebSocketTransport::on_ping(ByteView payload) {
    // RFC 6455 5.5.3: of many pings only the latest needs an answer.
    if (connection().out().bytes() > outbox_limit()) return;
    websocket::append_frame(connection().out().tail(), websocket::Opcode::pong, payload);
    connection().wake();
}

void WebSocketTransport::on_close(std::uint16_t code, std::string_view) {
    close(websocket::answer_to_close(code), "");
}

void WebSocketTransport::close(websocket::CloseCode code, const char* why) {
    close_code_ = code;
    close_reason_ = why;
    decoder_.stop();
    lose();
    connection().close_after_flush();
}

void WebSocketTransport::before_flush() {
    Outbox& out = connection().out();
    if (!inner_.empty() && !close_sent_) {
        websocket::append_frame_header(out.tail(), websocket::Opcode::binary, inner_.bytes());
        out.splice(inner_);
    }
    if (!connection().closing() || close_sent_) return;
    close_sent_ = true;  // RFC 6455 5.5.1: nothing follows it
    websocket::append_close(out.tail(), close_code_, close_reason_);
}

}  // namespace millrace::mqtt
