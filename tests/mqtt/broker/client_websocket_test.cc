// MQTT over WebSocket: frames and packets do not have to agree (bug classes 3 and 20).
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/websocket.h"
#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

std::string masked_frame(unsigned opcode, std::string_view payload) {
    const std::string mask = "\x11\x22\x33\x44";
    std::string frame(1, static_cast<char>(0x80U | opcode));
    if (payload.size() < 126) {
        frame += static_cast<char>(0x80U | payload.size());
    } else {
        frame += static_cast<char>(0x80U | 126U);
        frame += static_cast<char>(payload.size() >> 8);
        frame += static_cast<char>(payload.size());
    }
    frame += mask;
    for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
    return frame;
}

class WebSocketTest : public testing::Test {
  protected:
    WebSocketTest() {
        Connect connect;
        connect.client_id = "id";
        encode_connect(hello, connect);
        encode_pingreq(hello);
    }
    ~WebSocketTest() override { ::close(descriptor); }

    void write(std::string_view bytes) {
        EXPECT_EQ(::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    /// The frames that came, as opcode and payload (short ones only).
    std::vector<std::pair<unsigned, std::string>> read() {
        server.turn();
        char chunk[4096];
        const ssize_t got = ::recv(descriptor, chunk, sizeof chunk, 0);
        std::string_view rest(chunk, got > 0 ? static_cast<std::size_t>(got) : 0);
        std::vector<std::pair<unsigned, std::string>> frames;
        while (rest.size() >= 2) {
            const auto size = static_cast<std::size_t>(rest[1]);
            frames.emplace_back(static_cast<unsigned char>(rest[0]) & 0x0FU, rest.substr(2, size));
            rest.remove_prefix(2 + size);
        }
        return frames;
    }

    TestServer server{1};
    int descriptor = server.connect(0, true);
    ByteBuffer hello;
};

TEST_F(WebSocketTest, WhatATurnWritesLeavesAsOneBinaryFrame) {
    write(masked_frame(2, hello.text()));
    const auto frames = read();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].first, 2U);
    EXPECT_EQ(frames[0].second.front(), '\x20');
    EXPECT_EQ(frames[0].second.substr(frames[0].second.size() - 2), std::string("\xD0\x00", 2));
}

// Bug class 3.
TEST_F(WebSocketTest, Mqtt_6_0_0_2_PacketsMayBeSplitAnywhere) {
    std::string bytes;
    for (const char byte : hello.text()) bytes += masked_frame(2, {&byte, 1});
    write(bytes);
    std::string received;
    for (const auto& [opcode, payload] : read()) received += payload;
    EXPECT_EQ(received.substr(received.size() - 2), std::string("\xD0\x00", 2));
}

TEST_F(WebSocketTest, Mqtt_6_0_0_1_TextIsRefused) {
    write(masked_frame(1, "hello"));
    const auto frames = read();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].first, 8U);
    EXPECT_EQ(frames[0].second.substr(0, 2), "\x03\xEB");
}

TEST_F(WebSocketTest, PingIsAnswered) {
    write(masked_frame(9, "are you there"));
    const auto frames = read();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].first, 10U);
    EXPECT_EQ(frames[0].second, "are you there");
}

TEST_F(WebSocketTest, CloseIsAnsweredWithItsCodeAndTheWillPublished) {
    TestClient watcher(server, 0);
    watcher.connect("watcher");
    watcher.subscribe("wills", 1);
    Connect connect;
    connect.client_id = "id";
    connect.will.emplace();
    connect.will->topic = "wills";
    connect.will->payload = as_bytes("gone");
    ByteBuffer bytes;
    encode_connect(bytes, connect);
    write(masked_frame(2, bytes.text()));
    read();
    write(masked_frame(8, "\x0F\xA0"));
    const auto frames = read();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].first, 8U);
    EXPECT_EQ(frames[0].second, "\x0F\xA0");
    server.turn();
    watcher.read();
    ASSERT_EQ(watcher.messages.size(), 1U);
    EXPECT_EQ(watcher.messages[0].payload, "gone");
}

TEST_F(WebSocketTest, MqttErrorIsSaidInBothProtocols) {
    write(masked_frame(2, hello.text()));
    read();
    write(masked_frame(2, std::string_view("\xD0\x00", 2)));
    const auto frames = read();
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].first, 2U);
    EXPECT_EQ(frames[0].second.front(), '\xE0');
    EXPECT_EQ(frames[1].first, 8U);
}

}  // namespace
}  // namespace millrace::mqtt
