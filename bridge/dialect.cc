#include "bridge/dialect.h"

#include "bridge/frames_v2.h"

namespace millrace::bridge {
namespace {

class First final : public Dialect {
  public:
    std::optional<ClientFrame> parse(std::string_view text) const override {
        return parse_client_frame(text);
    }
    void append_message(ByteBuffer& out, const Message& message, std::string_view epoch) const override {
        bridge::append_message(out, message, epoch);
    }
    void append_private(ByteBuffer& out, const PrivateMessage& message) const override {
        bridge::append_private(out, message);
    }
    void append_leave(ByteBuffer& out, std::string_view channel) const override {
        bridge::append_leave(out, channel);
    }
    void append_error(ByteBuffer& out, std::string_view channel, std::string_view message,
                      std::string_view code) const override {
        bridge::append_error(out, channel, message, code);
    }
    std::string_view unknown_action() const override {
        return "Unknown action; known are join, leave, message and history.";
    }
    std::string_view unknown_key() const override {
        return "Unknown connection key: the last segment of the address must be realtime.key.";
    }
};

class Second final : public Dialect {
  public:
    std::optional<ClientFrame> parse(std::string_view text) const override {
        return v2::parse_client_frame(text);
    }
    void append_message(ByteBuffer& out, const Message& message, std::string_view epoch) const override {
        v2::append_message(out, message, epoch);
    }
    void append_private(ByteBuffer& out, const PrivateMessage& message) const override {
        v2::append_direct(out, message);
    }
    void append_leave(ByteBuffer& out, std::string_view channel) const override {
        v2::append_leave(out, channel);
    }
    void append_error(ByteBuffer& out, std::string_view channel, std::string_view message,
                      std::string_view code) const override {
        v2::append_error(out, channel, message, code);
    }
    std::string_view unknown_action() const override {
        return "Unknown action; known are ping, join, leave, broadcast, ack and presence.";
    }
    std::string_view unknown_key() const override { return "Unknown connection hash"; }
};

}  // namespace

const Dialect& dialect_of(Generation generation) {
    static constexpr First kFirst;
    static constexpr Second kSecond;
    if (generation == Generation::second) return kSecond;
    return kFirst;
}

}  // namespace millrace::bridge
