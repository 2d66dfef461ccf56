// WebSocket frames: how the bytes are cut does not change what is found in them, nothing longer than the
// limit comes out, and what came out says the same when it is sent again. Byte 0 is the size of the pieces.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/net/websocket.h"
#include "core/utf8.h"
#include "tests/fuzz/check.h"

using namespace millrace;
using namespace millrace::websocket;
using fuzz::check;

namespace {

constexpr std::size_t kMessageMax = 300;

struct Found {
    Opcode opcode;
    std::string payload;
    bool operator==(const Found&) const = default;
};

class Recorder final : public Receiver {
  public:
    std::vector<Found> found;

    void on_message(Opcode opcode, ByteView payload) override {
        check(opcode == Opcode::text || opcode == Opcode::binary);
        check(payload.size() <= kMessageMax && (opcode == Opcode::binary || is_utf8(as_text(payload))));
        add(opcode, payload);
    }
    void on_ping(ByteView payload) override { add(Opcode::ping, payload); }
    void on_pong(ByteView payload) override { add(Opcode::pong, payload); }
    void on_close(std::uint16_t code, std::string_view reason) override {
        check(is_utf8(reason) && (code == 0 || (code >= 1000 && code < 5000)));
        found.push_back({Opcode::close, std::to_string(code) + std::string(reason)});
    }

  private:
    void add(Opcode opcode, ByteView payload) {
        check(found.empty() || found.back().opcode != Opcode::close);
        found.push_back({opcode, std::string(as_text(payload))});
    }
};

Decoder::Outcome feed_in_pieces(ByteView bytes, std::size_t piece, Recorder& recorder) {
    Decoder decoder(kMessageMax);
    Decoder::Outcome total;
    for (std::size_t there = 0; there < bytes.size() && total.why == nullptr;) {
        there = std::min(there + piece, bytes.size());
        // A copy, so that reading behind its end is found.
        const ByteView part = bytes.subspan(total.consumed, there - total.consumed);
        const std::vector<std::byte> copy(part.begin(), part.end());
        const Decoder::Outcome step = decoder.feed(copy, recorder);
        check(step.consumed <= copy.size());
        total = {total.consumed + step.consumed, step.failure, step.why};
        if (!recorder.found.empty() && recorder.found.back().opcode == Opcode::close) break;
    }
    return total;
}

std::string client_frame(Opcode opcode, std::string_view payload) {
    constexpr std::array kMask{'\x37', '\xfa', '\x21', '\x3d'};
    ByteBuffer head;
    append_frame_header(head, opcode, payload.size());
    std::string frame(head.text());
    frame[1] = static_cast<char>(frame[1] | 0x80);
    frame.append(kMask.data(), kMask.size());
    for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ kMask[i % 4]);
    return frame;
}

void check_sent_again(const std::vector<Found>& found) {
    std::vector<Found> data;
    std::string bytes;
    for (const Found& one : found) {
        if (one.opcode == Opcode::close) continue;
        data.push_back(one);
        bytes += client_frame(one.opcode, one.payload);
    }
    Decoder decoder(kMessageMax);
    Recorder recorder;
    const Decoder::Outcome outcome = decoder.feed(as_bytes(bytes), recorder);
    check(outcome.why == nullptr && outcome.consumed == bytes.size() && recorder.found == data);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView bytes = std::as_bytes(std::span(data + 1, size - 1));
    Decoder decoder(kMessageMax);
    Recorder whole;
    const Decoder::Outcome at_once = decoder.feed(bytes, whole);
    check(at_once.consumed <= bytes.size());
    check((at_once.why == nullptr) == (at_once.failure == CloseCode::normal));
    Recorder cut;
    const Decoder::Outcome in_pieces = feed_in_pieces(bytes, 1 + data[0] % 64, cut);
    check(cut.found == whole.found && in_pieces.failure == at_once.failure);
    check(in_pieces.consumed == at_once.consumed);
    check_sent_again(whole.found);
    static_cast<void>(accept_key(as_text(bytes)));
    return 0;
}
