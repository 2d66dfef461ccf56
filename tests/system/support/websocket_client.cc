#include "tests/system/support/websocket_client.h"

#include <array>
#include <stdexcept>

namespace millrace::system_test {
namespace {

constexpr std::array<char, 4> kMask = {0x12, 0x34, 0x56, 0x78};
constexpr unsigned char kMaskBit = 0x80;

void append_big_endian(std::string& bytes, std::uint64_t value, int size) {
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
        bytes += static_cast<char>(value >> shift & 0xff);
}

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
    return value;
}

void append_head(std::string& bytes, Opcode opcode, std::uint64_t size, unsigned char mask_bit) {
    bytes += static_cast<char>(0x80 | static_cast<unsigned char>(opcode));
    if (size < 126) {
        bytes += static_cast<char>(mask_bit | size);
    } else if (size < 65536) {
        bytes += static_cast<char>(mask_bit | 126);
        append_big_endian(bytes, size, 2);
    } else {
        bytes += static_cast<char>(mask_bit | 127);
        append_big_endian(bytes, size, 8);
    }
    if (mask_bit != 0) bytes.append(kMask.data(), kMask.size());
}

}  // namespace

std::string websocket_frame(Opcode opcode, std::string_view payload, bool masked) {
    std::string bytes;
    append_head(bytes, opcode, payload.size(), masked ? kMaskBit : 0);
    for (std::size_t i = 0; i < payload.size(); ++i) {
        bytes += masked ? static_cast<char>(payload[i] ^ kMask[i % 4]) : payload[i];
    }
    return bytes;
}

std::string websocket_head(Opcode opcode, std::uint64_t size) {
    std::string bytes;
    append_head(bytes, opcode, size, kMaskBit);
    return bytes;
}

WebSocketClient::WebSocketClient(std::uint16_t port, std::string_view target, std::string_view protocol)
    : connection_(port) {
    std::string request = "GET " + std::string(target) +
                          " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                          "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    if (!protocol.empty()) request.append("Sec-WebSocket-Protocol: ").append(protocol).append("\r\n");
    connection_.socket().send(request + "\r\n");
    const HttpAnswer answer = connection_.read_answer();
    // The example key of RFC 6455 1.3 with its answer.
    if (answer.status != 101 || answer.header("sec-websocket-accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
        throw std::runtime_error("no WebSocket at " + std::string(target) + ": " +
                                 std::to_string(answer.status));
    }
    protocol_ = answer.header("sec-websocket-protocol");
}

std::optional<WebSocketClient::Frame> WebSocketClient::next_frame(const Deadline& deadline) {
    TcpSocket& socket = connection_.socket();
    for (;;) {
        const std::string_view got = socket.received();
        std::size_t head = 2;
        std::uint64_t size = got.size() < 2 ? 0 : static_cast<unsigned char>(got[1]) & 0x7f;
        if (size == 126) head += 2;
        if (size == 127) head += 8;
        if (got.size() >= head && head > 2) size = big_endian(got.substr(2, head - 2));
        if (got.size() >= head && got.size() - head >= size) {
            const auto first = static_cast<unsigned char>(got[0]);
            Frame frame{(first & 0x80) != 0, static_cast<Opcode>(first & 0x0f),
                        std::string(got.substr(head, size))};
            socket.take(head + size);
            return frame;
        }
        if (!socket.receive(deadline)) return std::nullopt;
    }
}

void WebSocketClient::on_control(const Frame& frame) {
    if (frame.opcode == Opcode::pong) ++pongs_seen_;
    if (frame.opcode == Opcode::ping) {
        ++pings_seen_;
        send_raw(websocket_frame(Opcode::pong, frame.payload));
    }
    if (frame.opcode == Opcode::close) {
        close_code_ =
            frame.payload.size() < 2 ? 1005 : static_cast<int>(big_endian(frame.payload.substr(0, 2)));
        send_raw(websocket_frame(Opcode::close, frame.payload));
    }
}

std::optional<std::string> WebSocketClient::read(const Deadline& deadline) {
    while (!close_code_) {
        std::optional<Frame> frame = next_frame(deadline);
        if (!frame) return std::nullopt;
        if (frame->opcode > Opcode::binary) {
            on_control(*frame);
            continue;
        }
        message_ += frame->payload;
        if (frame->final) return std::exchange(message_, {});
    }
    return std::nullopt;
}

std::optional<int> WebSocketClient::wait_closed(Clock::duration patience) {
    const Deadline deadline(patience);
    while (read(deadline)) {
    }
    if (!connection_.socket().closed_by_peer(std::chrono::milliseconds(deadline.left_ms())))
        return std::nullopt;
    return close_code_.value_or(1006);
}

}  // namespace millrace::system_test
