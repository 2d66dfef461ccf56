// What is encoded once per message and shared: MQTT packets, browser frames, WebSocket frames.
#include <array>
#include <benchmark/benchmark.h>
#include <memory>
#include <string>

#include "bench/micro/case.h"
#include "bench/micro/samples.h"
#include "bench/micro/world.h"
#include "bridge/frames.h"
#include "core/net/websocket.h"
#include "mqtt/session/frame_cache.h"

namespace millrace::bench {
namespace {

using mqtt::Version;
constexpr std::size_t kTimes = 1000;
constexpr std::size_t kBatch = 10;
constexpr std::string_view kEpoch = "7f3a9c21e5b8";

/// Frames of messages, appended to an outbox that is emptied now and then.
struct Frames {
    Socket::Pair ends = Socket::pair();
    Socket near{ends.near};
    Socket far{ends.far};
    BufferPool pool;
    Outbox out{pool};
    mqtt::FrameCache cache{std::string(kEpoch)};

    void append(const MessagePtr& message, const mqtt::Delivery& delivery, Version version) {
        benchmark::DoNotOptimize(cache.append(out, message, delivery, version, 0, 1 << 20));
    }
    void flush() {
        out.flush(ends.near);
        far.receive();
    }
};

/// `messages` take turns: with one alone the cache always knows it.
void add_cached(Cases& cases, const char* name, Version version, std::vector<MessagePtr> messages,
                mqtt::Delivery delivery) {
    cases.push_back({name, kTimes, [=] {
                         return repeat(
                             [frames = std::make_unique<Frames>(), version, messages, delivery] {
                                 for (std::size_t i = 0; i < kBatch; ++i)
                                     frames->append(messages[i % messages.size()], delivery, version);
                                 frames->flush();
                             },
                             kBatch);
                     }});
}

void add_mqtt_frames(Cases& cases) {
    static constexpr std::array<std::uint32_t, 1> kIdentifier{7};
    const mqtt::Delivery qos0{.identifiers = {}};
    const mqtt::Delivery qos1{.qos = 1, .packet_id = 7, .identifiers = {}};
    const mqtt::Delivery identified{.qos = 1, .packet_id = 7, .identifiers = kIdentifier};
    const std::vector<MessagePtr> live{sample_message(), sample_message()};
    const std::vector<MessagePtr> stored{stored_message(), stored_message()};
    add_cached(cases, "frame/mqtt_v311_first", Version::v311, live, qos0);
    add_cached(cases, "frame/mqtt_v311_again", Version::v311, {live[0]}, qos0);
    add_cached(cases, "frame/mqtt_v5_first", Version::v5, live, qos1);
    add_cached(cases, "frame/mqtt_v5_again", Version::v5, {live[0]}, qos1);
    add_cached(cases, "frame/mqtt_v5_stored_first", Version::v5, stored, qos1);
    add_cached(cases, "frame/mqtt_v5_identifier", Version::v5, {live[0]}, identified);
}

MessagePtr client_message() {
    MessageFields fields;
    fields.channel = kTopic;
    fields.payload = as_bytes(kPayload);
    fields.client = R"({"socketId":"0k3q9z","extras":{},"permissions":{"dbo_id":1,"row_id":42}})";
    const MessagePtr message = Message::create(fields);
    message->stamp(123'456, 1'792'000'000'123'000);
    return message;
}

void add_browser_frame(Cases& cases, const char* name, MessagePtr message) {
    cases.push_back({name, kTimes, [message = std::move(message)] {
                         return repeat([message, text = ByteBuffer(), frame = ByteBuffer()]() mutable {
                             text.clear();
                             frame.clear();
                             bridge::append_message(text, *message, kEpoch);
                             websocket::append_frame(frame, websocket::Opcode::text, text.view());
                             benchmark::DoNotOptimize(frame.data());
                         });
                     }});
}

void add_client_frame(Cases& cases, const char* name, std::string text) {
    cases.push_back({name, kTimes, [text = std::move(text)] {
                         return repeat(
                             [text] { benchmark::DoNotOptimize(bridge::parse_client_frame(text)); });
                     }});
}

class Listener final : public websocket::Receiver {
  public:
    void on_message(websocket::Opcode, ByteView payload) override {
        benchmark::DoNotOptimize(payload.data());
    }
    void on_ping(ByteView) override {}
    void on_pong(ByteView) override {}
    void on_close(std::uint16_t, std::string_view) override {}
};

void add_websocket_cases(Cases& cases) {
    cases.push_back({"frame/websocket_header", kTimes, [] {
                         return repeat([out = ByteBuffer()]() mutable {
                             out.clear();
                             websocket::append_frame_header(out, websocket::Opcode::text, 300);
                             benchmark::DoNotOptimize(out.data());
                         });
                     }});
    cases.push_back({"frame/websocket_decode_100", kTimes, [] {
                         constexpr std::array<unsigned char, 4> kMask{0x37, 0xfa, 0x21, 0x3d};
                         ByteBuffer frame;
                         websocket::append_frame_header(frame, websocket::Opcode::text, 100);
                         frame.data()[1] |= std::byte{0x80};
                         for (const unsigned char byte : kMask) frame.u8(byte);
                         for (unsigned i = 0; i < 100; ++i)
                             frame.u8(static_cast<std::uint8_t>('a' ^ kMask[i % 4]));
                         return repeat([frame = std::move(frame),
                                        decoder = std::make_unique<websocket::Decoder>(1 << 20)] {
                             Listener listener;
                             benchmark::DoNotOptimize(decoder->feed(frame.view(), listener).consumed);
                         });
                     }});
    cases.push_back({"frame/websocket_accept_key", kTimes, [] {
                         return repeat([] {
                             benchmark::DoNotOptimize(websocket::accept_key("dGhlIHNhbXBsZSBub25jZQ=="));
                         });
                     }});
}

}  // namespace

void add_frame_cases(Cases& cases) {
    add_mqtt_frames(cases);
    add_browser_frame(cases, "frame/browser_live", sample_message());
    add_browser_frame(cases, "frame/browser_stored", stored_message());
    add_browser_frame(cases, "frame/browser_client", client_message());
    add_client_frame(cases, "frame/browser_parse_join",
                     R"({"action":"join","options":{"channel":"chat/1"},"payload":{"history":false}})");
    add_client_frame(cases, "frame/browser_parse_message",
                     R"({"action":"message","options":{"channel":"chat/1"},"payload":{"text":"hello all"}})");
    add_websocket_cases(cases);
}

}  // namespace millrace::bench
