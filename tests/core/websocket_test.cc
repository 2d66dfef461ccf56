#include "core/net/websocket.h"

#include <array>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

namespace millrace::websocket {
namespace {

/// What a decoder found, as text: "text:hello", "ping:", "close:1000:bye".
class Recorder final : public Receiver {
  public:
    std::vector<std::string> found;

    void on_message(Opcode opcode, ByteView payload) override {
        found.push_back((opcode == Opcode::text ? "text:" : "binary:") + std::string(as_text(payload)));
    }
    void on_ping(ByteView payload) override { found.push_back("ping:" + std::string(as_text(payload))); }
    void on_pong(ByteView payload) override { found.push_back("pong:" + std::string(as_text(payload))); }
    void on_close(std::uint16_t code, std::string_view reason) override {
        found.push_back("close:" + std::to_string(code) + ":" + std::string(reason));
    }
};

std::string client_frame(unsigned first, std::string_view payload, unsigned seed = 0x37FA213D) {
    std::string frame(1, static_cast<char>(first));
    const std::size_t size = payload.size();
    if (size <= 125) {
        frame.push_back(static_cast<char>(0x80 | size));
    } else if (size <= 0xFFFF) {
        frame.push_back(static_cast<char>(0x80 | 126));
        frame.push_back(static_cast<char>(size >> 8));
        frame.push_back(static_cast<char>(size));
    } else {
        frame.push_back(static_cast<char>(0x80 | 127));
        for (int shift = 56; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(size >> shift));
    }
    std::array<char, 4> mask{};
    for (std::size_t i = 0; i < 4; ++i) mask[i] = static_cast<char>(seed >> (8 * (3 - i)));
    frame.append(mask.data(), mask.size());
    for (std::size_t i = 0; i < size; ++i) frame.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
    return frame;
}

Decoder::Outcome feed(Decoder& decoder, std::string_view bytes, Recorder& recorder) {
    return decoder.feed(as_bytes(bytes), recorder);
}

CloseCode failure_of(std::string_view bytes, std::size_t limit = 1000) {
    Decoder decoder(limit);
    Recorder recorder;
    const Decoder::Outcome outcome = feed(decoder, bytes, recorder);
    EXPECT_EQ(outcome.why == nullptr, outcome.failure == CloseCode::normal);
    return outcome.failure;
}

TEST(WebSocketDecoder, Rfc6455_5_7_MaskedTextMessage) {
    Decoder decoder(1000);
    Recorder recorder;
    const std::string frame = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    EXPECT_EQ(feed(decoder, frame, recorder).consumed, frame.size());
    EXPECT_EQ(recorder.found, std::vector<std::string>{"text:Hello"});
}

TEST(WebSocketDecoder, JoinsFragmentsAroundControlFrames) {
    Decoder decoder(1000);
    Recorder recorder;
    feed(decoder, client_frame(0x01, "Hel") + client_frame(0x89, "p") + client_frame(0x80, "lo"), recorder);
    EXPECT_EQ(recorder.found, (std::vector<std::string>{"ping:p", "text:Hello"}));
}

// Bug class 3.
TEST(WebSocketDecoder, EverySplitGivesTheSame) {
    const std::string bytes = client_frame(0x82, std::string(300, 'b')) + client_frame(0x01, "a\xC3") +
                              client_frame(0x80, "\xA9") + client_frame(0x8A, "") +
                              client_frame(0x88, std::string("\x03\xE8", 2) + "bye");
    Recorder whole;
    Decoder at_once(1000);
    feed(at_once, bytes, whole);
    ASSERT_EQ(whole.found.size(), 4U);
    EXPECT_EQ(whole.found[3], "close:1000:bye");
    for (std::size_t split = 0; split <= bytes.size(); ++split) {
        Recorder recorder;
        Decoder decoder(1000);
        const std::size_t first = feed(decoder, std::string_view(bytes).substr(0, split), recorder).consumed;
        const Decoder::Outcome rest = feed(decoder, std::string_view(bytes).substr(first), recorder);
        ASSERT_EQ(recorder.found, whole.found) << split;
        ASSERT_EQ(first + rest.consumed, bytes.size());
    }
}

TEST(WebSocketDecoder, LongMessagesUseAllThreeLengthForms) {
    for (const std::size_t size : {0UL, 125UL, 126UL, 65535UL, 65536UL, 200000UL}) {
        Decoder decoder(200'000);
        Recorder recorder;
        const std::string payload(size, 'z');
        feed(decoder, client_frame(0x81, payload), recorder);
        ASSERT_EQ(recorder.found, std::vector<std::string>{"text:" + payload}) << size;
    }
}

// Bug class 20.
TEST(WebSocketDecoder, FailsWhatTheProtocolForbids) {
    EXPECT_EQ(failure_of("\x81\x05Hello"), CloseCode::protocol_error) << "not masked";
    EXPECT_EQ(failure_of(client_frame(0xC1, "x")), CloseCode::protocol_error) << "reserved bit";
    EXPECT_EQ(failure_of(client_frame(0x83, "x")), CloseCode::protocol_error) << "reserved opcode";
    EXPECT_EQ(failure_of(client_frame(0x8B, "x")), CloseCode::protocol_error) << "reserved control opcode";
    EXPECT_EQ(failure_of(client_frame(0x09, "x")), CloseCode::protocol_error) << "fragmented ping";
    EXPECT_EQ(failure_of(client_frame(0x89, std::string(126, 'x'))), CloseCode::protocol_error)
        << "long ping";
    EXPECT_EQ(failure_of(client_frame(0x80, "x")), CloseCode::protocol_error) << "nothing to continue";
    EXPECT_EQ(failure_of(client_frame(0x01, "x") + client_frame(0x81, "y")), CloseCode::protocol_error);
    EXPECT_EQ(failure_of(client_frame(0x88, "x")), CloseCode::protocol_error) << "half a close code";
    EXPECT_EQ(failure_of(client_frame(0x88, std::string("\x03\xED", 2))), CloseCode::protocol_error)
        << "1005";
    EXPECT_EQ(failure_of(client_frame(0x88, std::string("\x03\xE8\xFF", 3))), CloseCode::invalid_payload);
    EXPECT_EQ(failure_of(client_frame(0x81, "\xFF")), CloseCode::invalid_payload);
    EXPECT_EQ(failure_of(std::string("\x81\xFE\x00\x05", 4) + "mask12345"), CloseCode::protocol_error)
        << "not minimal";
    EXPECT_EQ(failure_of("\x81\xFF\x80\x01\x01\x01\x01\x01\x01\x01mask"), CloseCode::protocol_error)
        << "2^63";
}

// Bug class 20.
TEST(WebSocketDecoder, TooLongIsKnownFromTheHeader) {
    EXPECT_EQ(failure_of(client_frame(0x81, std::string(1000, 'x'))), CloseCode::normal);
    EXPECT_EQ(failure_of(client_frame(0x81, std::string(1001, 'x'))), CloseCode::message_too_big);
    EXPECT_EQ(failure_of(client_frame(0x81, std::string(1001, 'x')).substr(0, 8)),
              CloseCode::message_too_big);
    EXPECT_EQ(
        failure_of(client_frame(0x01, std::string(600, 'x')) + client_frame(0x80, std::string(600, 'x'))),
        CloseCode::message_too_big);
    EXPECT_EQ(failure_of(client_frame(0x01, std::string(999, 'x')) + client_frame(0x89, "ping") +
                         client_frame(0x80, "x")),
              CloseCode::normal)
        << "control frames do not count";
}

// Bug class 20.
TEST(WebSocketDecoder, NothingAfterCloseCounts) {
    Decoder decoder(1000);
    Recorder recorder;
    const std::string close = client_frame(0x88, "");
    EXPECT_EQ(feed(decoder, close + client_frame(0x81, "late"), recorder).consumed, close.size());
    EXPECT_EQ(recorder.found, std::vector<std::string>{"close:0:"});
}

// Bug class 20.
TEST(WebSocketDecoder, RandomBytesNeverConsumeMoreThanThereIs) {
    std::mt19937 random(3);
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes(random() % 40, '\0');
        for (char& byte : bytes) byte = static_cast<char>(random());
        Decoder decoder(64);
        Recorder recorder;
        ASSERT_LE(feed(decoder, bytes, recorder).consumed, bytes.size());
    }
}

TEST(WebSocketFrames, Rfc6455_5_7_UnmaskedExamples) {
    ByteBuffer out;
    append_frame(out, Opcode::text, as_bytes("Hello"));
    EXPECT_EQ(out.text(), "\x81\x05Hello");
    out.clear();
    append_frame_header(out, Opcode::binary, 256);
    EXPECT_EQ(out.text(), std::string("\x82\x7E\x01\x00", 4));
    out.clear();
    append_frame_header(out, Opcode::binary, 65536);
    EXPECT_EQ(out.text(), std::string("\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10));
    out.clear();
    append_close(out, CloseCode::service_restart, "restarting");
    EXPECT_EQ(out.text(), std::string("\x88\x0C\x03\xF4", 4) + "restarting");
    out.clear();
    append_close(out, CloseCode::normal, std::string(500, 'r'));
    EXPECT_EQ(out.size(), 127U);
}

TEST(WebSocketHandshake, Rfc6455_4_2_2_AcceptKey) {
    EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ="), "");
    EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25j!!=="), "");
    EXPECT_EQ(accept_key(""), "");
}

}  // namespace
}  // namespace millrace::websocket
