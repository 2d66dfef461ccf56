// What a browser would never send over the bridge.
#include <gtest/gtest.h>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

class BadBridgeTest : public SystemTest {
  protected:
    BridgeClient connect() { return BridgeClient(server().http_port()); }
    /// The close code that these bytes lead to.
    std::optional<int> close_code_after(std::string_view bytes) {
        BridgeClient culprit = connect();
        culprit.socket().send_raw(bytes);
        return culprit.socket().wait_closed();
    }
};

TEST_P(BadBridgeTest, JunkIsIgnoredAndTheConnectionStays) {
    BridgeClient ada = connect();
    ASSERT_TRUE(ada.join("room"));
    for (const char* junk :
         {"", "nonsense", "{", "[]", "7", "null", "\"text\"", "{}", R"({"action":7})", R"({"action":""})",
          R"({"action":null,"options":{"channel":"room"}})", "{\"action\":\"message\"}}"}) {
        ada.socket().send_text(junk);
    }
    ada.message("room", "fence");
    EXPECT_EQ(at_path(ada.next("message"), "payload"), "fence");
}

TEST_P(BadBridgeTest, FramesOfTheWrongShapeNeverReachOthers) {
    BridgeClient ada = connect();
    BridgeClient bob = connect();
    ASSERT_TRUE(ada.join("room"));
    ASSERT_TRUE(bob.join("room"));
    for (const char* frame :
         {R"({"action":"message","options":7,"payload":1})", R"({"action":"message","payload":1})",
          R"({"action":"message","options":{"channel":7},"payload":1})",
          R"({"action":"message","options":{"channel":""},"payload":1})",
          R"({"action":"message","options":{"channel":"room/#"},"payload":1})",
          R"({"action":"message","options":{"channel":"room","socketId":7},"payload":1})",
          R"({"action":"join","options":{"channel":"a/#/b"},"payload":null})",
          R"({"action":"join","options":{"channel":7}})",
          R"({"action":"join","options":{"channel":"room"},"payload":7})",
          R"({"action":"history","options":{}})",
          R"({"action":"event","options":{"channel":"room"},"payload":1})",
          R"({"action":"rumour","options":{"channel":"room"}})",
          R"({"action":"connection_status","options":{"channel":"room"}})"}) {
        ada.socket().send_text(frame);
    }
    ada.message("room", "fence");
    const std::optional<boost::json::object> frame = bob.next(Deadline(kPatience));
    EXPECT_EQ(at_path(frame, "payload"), "fence");
    EXPECT_EQ(at_path(frame, "options.seq"), 1);
}

TEST_P(BadBridgeTest, OversizedMessageIsClose1009) {
    EXPECT_EQ(close_code_after(websocket_head(Opcode::text, 1ULL << 30)), 1009);
    EXPECT_EQ(close_code_after(websocket_head(Opcode::text, 1ULL << 62)), 1009);
}

// RFC 6455 5.1 (masking), 5.2 (reserved bits, opcodes), 5.5 (control frames).
TEST_P(BadBridgeTest, ProtocolErrorIsClose1002) {
    const std::string too_long_ping = websocket_frame(Opcode::ping, std::string(126, 'x'));
    std::string reserved_bit = websocket_frame(Opcode::text, "{}");
    reserved_bit[0] = static_cast<char>(reserved_bit[0] | 0x20);
    const std::string lone_continuation = websocket_frame(Opcode::continuation, "{}");
    const std::string unknown_opcode = websocket_frame(static_cast<Opcode>(5), "{}");
    std::string fragmented_ping = websocket_frame(Opcode::ping, "x");
    fragmented_ping[0] = static_cast<char>(fragmented_ping[0] & 0x7f);
    for (const std::string& bytes : {websocket_frame(Opcode::text, "{}", false), too_long_ping, reserved_bit,
                                     lone_continuation, unknown_opcode, fragmented_ping}) {
        EXPECT_EQ(close_code_after(bytes), 1002);
    }
}

// Bug class 8.
TEST_P(BadBridgeTest, TextThatIsNotUtf8IsClose1007) {
    EXPECT_EQ(close_code_after(websocket_frame(Opcode::text, "{\"action\":\"\xc3\x28\"}")), 1007);
}

TEST_P(BadBridgeTest, BinaryFrameIsIgnoredOrRefusedAndOthersGoOn) {
    BridgeClient ada = connect();
    BridgeClient culprit = connect();
    ASSERT_TRUE(ada.join("room"));
    ASSERT_TRUE(culprit.join("room"));
    culprit.socket().send_raw(websocket_frame(
        Opcode::binary, R"({"action":"message","options":{"channel":"room"},"payload":"binary"})"));
    culprit.socket().send_raw(websocket_frame(Opcode::close, "\x03\xe8"));
    EXPECT_TRUE(culprit.socket().wait_closed());
    ada.message("room", "fence");
    EXPECT_EQ(at_path(ada.next("message"), "payload"), "fence");
}

TEST_P(BadBridgeTest, ReservedTokensAndBadHandshakesAreRefused) {
    const auto handshake = [this](std::string_view headers) {
        return HttpConnection(server().http_port()).request("GET", "/rt/default", {}, headers).status;
    };
    EXPECT_EQ(handshake(""), 426);
    EXPECT_GE(handshake("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"), 400);
    EXPECT_EQ(handshake("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
              426);
    EXPECT_EQ(handshake("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://evil.example\r\n"),
              403);
}

// Bug class 30.
TEST_P(BadBridgeTest, DeeplyNestedPayloadIsHarmless) {
    BridgeClient ada = connect();
    ASSERT_TRUE(ada.join("room"));
    ada.socket().send_text(R"({"action":"message","options":{"channel":"room"},"payload":)" +
                           std::string(20000, '[') + std::string(20000, ']') + "}");
    ada.message("room", "fence");
    EXPECT_EQ(at_path(ada.next("message"), "payload"), "fence");
}

TEST_P(BadBridgeTest, CutConnectionLeavesNoGhostInTheRoster) {
    BridgeClient ada = connect();
    ASSERT_TRUE(ada.join("room", false, true));
    EXPECT_EQ(roster(ada.next("presence_full")).size(), 1U);
    for (int i = 0; i < 20; ++i) {
        TcpSocket socket(server().http_port());
        socket.send(
            "GET /rt/default HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
            websocket_frame(Opcode::text,
                            R"({"action":"join","options":{"channel":"room"},"payload":{"presence":true}})"));
        ASSERT_TRUE(ada.next("presence_update"));
        socket.reset();
        EXPECT_EQ(at_path(ada.next("presence_update"), "payload.action"), "leave");
    }
    ASSERT_TRUE(ada.join("room", false, true));
    EXPECT_EQ(roster(ada.next("presence_full")).size(), 1U);
}

MILLRACE_ON_BOTH_STORES(BadBridgeTest);

}  // namespace
}  // namespace millrace::system_test
