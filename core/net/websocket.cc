#include "core/net/websocket.h"

#include <array>
#include <cstring>
#include <openssl/evp.h>

#include "core/utf8.h"

namespace millrace::websocket {
namespace {

constexpr std::size_t kControlPayloadMax = 125;

bool is_control(Opcode opcode) {
    return (static_cast<std::uint8_t>(opcode) & 0x8) != 0;
}

std::uint64_t big_endian(const std::byte* at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | std::to_integer<std::uint64_t>(at[i]);
    return value;
}

void unmask(std::byte* to, const std::byte* from, std::size_t size, const std::byte* mask) {
    std::array<std::byte, 8> doubled;
    std::memcpy(doubled.data(), mask, 4);
    std::memcpy(doubled.data() + 4, mask, 4);
    std::uint64_t wide_mask = 0;
    std::memcpy(&wide_mask, doubled.data(), sizeof wide_mask);
    std::size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, from + i, sizeof word);
        word ^= wide_mask;
        std::memcpy(to + i, &word, sizeof word);
    }
    for (; i < size; ++i) to[i] = from[i] ^ mask[i % 4];
}

/// Codes a peer may put into a close frame (RFC 6455 7.4).
bool may_be_sent(std::uint16_t code) {
    if (code >= 3000 && code <= 4999) return true;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

}  // namespace

struct Decoder::Frame {
    Opcode opcode;
    bool final;
    bool reserved_bits;
    bool masked;
    bool minimal;
    std::size_t header_size;
    std::uint64_t payload_size;
    const std::byte* mask;
    const std::byte* payload;

    std::size_t size() const { return header_size + static_cast<std::size_t>(payload_size); }
    ByteView unmasked(ByteBuffer& into) const {
        const auto count = static_cast<std::size_t>(payload_size);
        unmask(into.extend(count), payload, count, mask);
        return into.view();
    }
};

/// The header at the front of `bytes`; false: it is not all there yet.
bool Decoder::parse_header(ByteView bytes, Frame& frame) {
    if (bytes.size() < 2) return false;
    const auto first = std::to_integer<std::uint8_t>(bytes[0]);
    const auto second = std::to_integer<std::uint8_t>(bytes[1]);
    const std::uint8_t length = second & 0x7F;
    const std::size_t length_size = length == 127 ? 8 : length == 126 ? 2 : 0;
    frame.opcode = static_cast<Opcode>(first & 0x0F);
    frame.final = (first & 0x80) != 0;
    frame.reserved_bits = (first & 0x70) != 0;
    frame.masked = (second & 0x80) != 0;
    frame.header_size = 2 + length_size + (frame.masked ? 4 : 0);
    if (bytes.size() < frame.header_size) return false;
    frame.payload_size = length_size == 0 ? length : big_endian(bytes.data() + 2, length_size);
    frame.minimal =
        length_size == 0 || (length_size == 2 ? frame.payload_size > 125 : frame.payload_size > 0xFFFF);
    frame.mask = bytes.data() + 2 + length_size;
    frame.payload = bytes.data() + frame.header_size;
    return true;
}

/// Everything that the header alone can get wrong, so that no byte of a bad frame is waited for.
const char* Decoder::check(const Frame& frame, CloseCode& failure) const {
    failure = CloseCode::protocol_error;
    if (frame.reserved_bits) return "a reserved bit is set (RFC 6455 5.2)";
    if (!frame.masked) return "a client frame is not masked (RFC 6455 5.1)";
    if (!frame.minimal || frame.payload_size >> 63 != 0)
        return "a payload length is not minimal (RFC 6455 5.2)";
    switch (frame.opcode) {
        case Opcode::continuation:
            if (fragmented_ == Opcode::continuation) return "nothing to continue (RFC 6455 5.4)";
            break;
        case Opcode::text:
        case Opcode::binary:
            if (fragmented_ != Opcode::continuation)
                return "a fragmented message is not finished (RFC 6455 5.4)";
            break;
        case Opcode::close:
        case Opcode::ping:
        case Opcode::pong:
            if (!frame.final) return "a control frame is fragmented (RFC 6455 5.5)";
            if (frame.payload_size > kControlPayloadMax) return "a control frame is too long (RFC 6455 5.5)";
            break;
        default:
            return "a reserved opcode (RFC 6455 5.2)";
    }
    if (frame.payload_size > message_bytes_max_ ||
        assembled_.size() + frame.payload_size > message_bytes_max_) {
        if (is_control(frame.opcode)) return nullptr;
        failure = CloseCode::message_too_big;
        return "the message is longer than limits.websocket_message_bytes";
    }
    return nullptr;
}

bool Decoder::deliver_close(ByteView payload, Receiver& receiver, Outcome& outcome) {
    if (payload.empty()) {
        receiver.on_close(0, {});
        return true;
    }
    const auto code = static_cast<std::uint16_t>(payload.size() < 2 ? 0 : big_endian(payload.data(), 2));
    if (!may_be_sent(code)) {
        outcome.failure = CloseCode::protocol_error;
        outcome.why = "a close frame without a legal code (RFC 6455 7.4)";
        return false;
    }
    const std::string_view reason = as_text(payload.subspan(2));
    if (!is_utf8(reason)) {
        outcome.failure = CloseCode::invalid_payload;
        outcome.why = "a close reason is not UTF-8 (RFC 6455 5.5.1)";
        return false;
    }
    receiver.on_close(code, reason);
    return true;
}

bool Decoder::deliver_control(const Frame& frame, Receiver& receiver, Outcome& outcome) {
    std::array<std::byte, kControlPayloadMax> plain;
    const auto size = static_cast<std::size_t>(frame.payload_size);
    unmask(plain.data(), frame.payload, size, frame.mask);
    const ByteView payload(plain.data(), size);
    if (frame.opcode == Opcode::close) {
        stopped_ = true;  // nothing that follows a close frame counts (RFC 6455 1.4)
        return deliver_close(payload, receiver, outcome);
    }
    if (frame.opcode == Opcode::ping) {
        receiver.on_ping(payload);
    } else {
        receiver.on_pong(payload);
    }
    return true;
}

bool Decoder::deliver_data(const Frame& frame, Receiver& receiver, Outcome& outcome) {
    if (!frame.final) {
        frame.unmasked(assembled_);
        if (frame.opcode != Opcode::continuation) fragmented_ = frame.opcode;
        return true;
    }
    const Opcode opcode = frame.opcode == Opcode::continuation ? fragmented_ : frame.opcode;
    ByteBuffer& whole = frame.opcode == Opcode::continuation ? assembled_ : unmasked_;
    const ByteView payload = frame.unmasked(whole);
    fragmented_ = Opcode::continuation;
    if (opcode == Opcode::text && !is_utf8(as_text(payload))) {
        outcome.failure = CloseCode::invalid_payload;
        outcome.why = "a text message is not UTF-8 (RFC 6455 8.1)";
        return false;
    }
    receiver.on_message(opcode, payload);
    whole.clear();
    return true;
}

Decoder::Outcome Decoder::feed(ByteView bytes, Receiver& receiver) {
    Outcome outcome;
    stopped_ = false;
    while (!stopped_) {
        const ByteView rest = bytes.subspan(outcome.consumed);
        Frame frame{};
        if (!parse_header(rest, frame)) break;
        outcome.why = check(frame, outcome.failure);
        if (outcome.why != nullptr) break;
        outcome.failure = CloseCode::normal;
        if (rest.size() < frame.size()) break;
        outcome.consumed += frame.size();
        const bool fine = is_control(frame.opcode) ? deliver_control(frame, receiver, outcome)
                                                   : deliver_data(frame, receiver, outcome);
        if (!fine) break;
    }
    unmasked_.release();
    if (assembled_.empty()) assembled_.release();
    if (outcome.why == nullptr) outcome.failure = CloseCode::normal;
    return outcome;
}

void append_frame_header(ByteBuffer& out, Opcode opcode, std::size_t payload_size) {
    out.u8(static_cast<std::uint8_t>(0x80 | static_cast<std::uint8_t>(opcode)));
    if (payload_size <= 125) {
        out.u8(static_cast<std::uint8_t>(payload_size));
    } else if (payload_size <= 0xFFFF) {
        out.u8(126);
        out.u16(static_cast<std::uint16_t>(payload_size));
    } else {
        out.u8(127);
        out.u64(payload_size);
    }
}

void append_frame(ByteBuffer& out, Opcode opcode, ByteView payload) {
    append_frame_header(out, opcode, payload.size());
    out.append(payload);
}

void append_close(ByteBuffer& out, CloseCode code, std::string_view reason) {
    const std::string_view fitting = reason.substr(0, kControlPayloadMax - 2);
    append_frame_header(out, Opcode::close, 2 + fitting.size());
    out.u16(static_cast<std::uint16_t>(code));
    out.append(fitting);
}

CloseCode answer_to_close(std::uint16_t code) {
    // RFC 6455 5.5.1: the same one. It is what a browser tells the page: 1000 instead of the SDK's own 4000
    // keeps the SDK from coming back.
    return code == 0 ? CloseCode::normal : static_cast<CloseCode>(code);
}

std::string accept_key(std::string_view key) {
    std::array<unsigned char, 18> nonce{};
    const auto* text = reinterpret_cast<const unsigned char*>(key.data());
    if (key.size() != 24 || !key.ends_with("==")) return {};
    if (EVP_DecodeBlock(nonce.data(), text, static_cast<int>(key.size())) != 18) return {};
    std::string salted(key);
    salted += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_Digest(salted.data(), salted.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) return {};
    std::array<unsigned char, 32> encoded{};
    const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
    return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

}  // namespace millrace::websocket
