#include "bridge/frames.h"

#include <gtest/gtest.h>

namespace millrace::bridge {
namespace {

const SocketId kSocket{.random = 0x0123'4567'89AB'CDEF, .shard = 1, .slot = 37};

access::Principal ada() {
    access::Principal principal;
    principal.kind = access::Principal::Kind::user;
    principal.dbo_id = 7;
    principal.row_id = 42;
    principal.extras = R"({"name":"Ada"})";
    return principal;
}

std::string socket_text() {
    return std::string(SocketIdText(kSocket).view());
}
std::string ada_text() {
    return R"({"socketId":")" + socket_text() +
           R"(","extras":{"name":"Ada"},"permissions":{"dbo_id":7,"row_id":42}})";
}

MessagePtr message(std::string_view payload, MessageKind kind, std::string_view client = {},
                   std::string_view id = {}) {
    MessageFields fields;
    fields.channel = "room";
    fields.payload = as_bytes(payload);
    fields.kind = kind;
    fields.client = client;
    fields.id = id;
    MessagePtr made = Message::create(fields);
    made->stamp(0, 0);
    return made;
}

std::string text_of(const Message& message) {
    ByteBuffer out;
    append_message(out, message, "e1");
    return std::string(out.text());
}

TEST(SocketId, TextAndBack) {
    EXPECT_EQ(socket_text().size(), SocketIdText::kSize);
    EXPECT_EQ(parse_socket_id(socket_text()), kSocket);
    const SocketId greatest{.random = ~std::uint64_t{0}, .shard = 255, .slot = 10'000'000};
    EXPECT_EQ(parse_socket_id(SocketIdText(greatest).view()), greatest);
}

TEST(SocketId, OtherTextsAreNone) {
    EXPECT_FALSE(parse_socket_id(""));
    EXPECT_FALSE(parse_socket_id("s9"));
    EXPECT_FALSE(parse_socket_id("zzzzzzzzzzzzz0000000"));
    EXPECT_FALSE(parse_socket_id("0000000000000000000A"));
}

TEST(ClientFrames, NamesMayBeWrittenWithEscapes) {
    const auto frame = parse_client_frame(R"({"\u0061ction":"message","payl\u006fad":[1, 2],"\\payload":3})");
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->payload, "[1,2]");
}

TEST(ClientFrames, JoinOfTheSdk) {
    const auto frame = parse_client_frame(
        R"({"action":"join","options":{"channel":"room"},"payload":{"history":true,"presence":true}})");
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->action, ClientFrame::Action::join);
    EXPECT_EQ(frame->channel, "room");
    EXPECT_TRUE(frame->history);
    EXPECT_TRUE(frame->presence);
    EXPECT_FALSE(frame->after);
}

TEST(ClientFrames, JoinThatResumes) {
    const auto frame = parse_client_frame(
        R"({"action":"join","options":{"channel":"room","after":17,"epoch":"e1"},"payload":null})");
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->after, 17U);
    EXPECT_EQ(frame->epoch, "e1");
    EXPECT_FALSE(parse_client_frame(R"({"action":"join","options":{"after":-1}})")->after);
    EXPECT_EQ(parse_client_frame(R"({"action":"join","options":{"after":18446744073709551615}})")->after,
              9223372036854775807U);
}

TEST(ClientFrames, MessageKeepsThePayloadAsWritten) {
    const auto payload = [](std::string_view text) {
        const auto frame = parse_client_frame(text);
        return frame ? frame->payload : "no frame";
    };
    EXPECT_EQ(payload(R"({"action":"message","options":{"channel":"r"},"payload":{"t":1}})"), R"({"t":1})");
    EXPECT_EQ(
        payload(
            " {\n\"payload\" : { \"a\" : [ 1.50 , \"x \\\" y\" ] , \"b\":{} } , \"action\":\"message\" } "),
        R"({"a":[1.50,"x \" y"],"b":{}})");
    EXPECT_EQ(payload(R"({"action":"message","payload":"psst, {you}"})"), R"("psst, {you}")");
    EXPECT_EQ(payload(R"({"action":"message","payload": 12345678901234567890123 })"),
              "12345678901234567890123");
    EXPECT_EQ(payload(R"({"action":"message","payload":null})"), "null");
    EXPECT_EQ(payload(R"({"action":"message"})"), "null");
    EXPECT_EQ(payload(R"({"action":"message","payload":[]})"), "[]");
    EXPECT_EQ(payload(R"({"action":"message","payload":1,"payload":2})"), "2");
}

TEST(ClientFrames, MessageOptions) {
    const auto frame = parse_client_frame(
        R"({"action":"message","options":{"authenticated":true,"channel":"room","socketId":"s9"},"payload":1})");
    ASSERT_TRUE(frame);
    EXPECT_TRUE(frame->authenticated);
    EXPECT_EQ(frame->socket_id, "s9");
    EXPECT_TRUE(frame->is_private);
}

TEST(ClientFrames, WrongSocketIdDoesNotMakeAPrivateMessagePublic) {
    const auto is_private = [](const std::string& socket_id) {
        const auto frame =
            parse_client_frame(R"({"action":"message","options":{"channel":"room","socketId":)" + socket_id +
                               R"(},"payload":1})");
        return frame && frame->is_private;
    };
    for (const char* wrong : {"7", "\"\"", "{}", "[]", "false"}) EXPECT_TRUE(is_private(wrong)) << wrong;
    EXPECT_FALSE(is_private("null"));
}

TEST(ClientFrames, JunkIsNone) {
    EXPECT_FALSE(parse_client_frame("not json"));
    EXPECT_FALSE(parse_client_frame("[1]"));
    EXPECT_FALSE(parse_client_frame(R"({"noaction":1})"));
    EXPECT_FALSE(parse_client_frame(R"({"action":7})"));
    EXPECT_FALSE(parse_client_frame(R"({"action":"join"} trailing)"));
    EXPECT_FALSE(parse_client_frame(std::string(100'000, '[')));
    EXPECT_EQ(parse_client_frame(R"({"action":"dance"})")->action, ClientFrame::Action::unknown);
}

TEST(ServerFrames, JoinAndLeave) {
    ByteBuffer out;
    append_join(out, {.channel = "room", .socket = kSocket});
    EXPECT_EQ(out.text(), R"({"action":"join","options":{"channel":"room","socketId":")" + socket_text() +
                              R"("},"payload":null})");
    out.clear();
    append_join(out, {.channel = "room", .socket = kSocket, .reset = true, .first = 5});
    EXPECT_EQ(out.text(), R"({"action":"join","options":{"channel":"room","socketId":")" + socket_text() +
                              R"(","reset":true,"first":5},"payload":null})");
    out.clear();
    append_leave(out, "ro\"om");
    EXPECT_EQ(out.text(), R"({"action":"leave","options":{"channel":"ro\"om"},"payload":null})");
}

TEST(ServerFrames, LiveMessage) {
    const std::string client = ada_text();
    EXPECT_EQ(text_of(*message(R"({"t":1})", MessageKind::message, client)),
              R"({"action":"message","client":)" + client +
                  R"(,"options":{"channel":"room","at":"1970-01-01T00:00:00.000Z"},"payload":{"t":1}})");
}

TEST(ServerFrames, StoredMessageCarriesItsPosition) {
    const MessagePtr stored = message("hello", MessageKind::message);
    stored->stamp(9, 1'000'000);
    EXPECT_EQ(text_of(*stored),
              R"({"action":"message","options":{"channel":"room","seq":9,"epoch":"e1","id":"e1-9",)"
              R"("at":"1970-01-01T00:00:01.000Z"},"payload":"hello"})");
}

TEST(ServerFrames, EventWrapsItsData) {
    EXPECT_EQ(
        text_of(*message(R"({"n":1})", MessageKind::event, {}, "key 1")),
        R"({"action":"event","options":{"channel":"room","id":"key 1","at":"1970-01-01T00:00:00.000Z"},)"
        R"("payload":{"data":{"n":1}}})");
}

TEST(ServerFrames, BytesTravelAsBase64) {
    EXPECT_EQ(
        text_of(*message("\xFF\x01", MessageKind::event)),
        R"({"action":"event","options":{"channel":"room","at":"1970-01-01T00:00:00.000Z","encoding":"base64"},)"
        R"("payload":{"data":"/wE="}})");
}

TEST(ServerFrames, HistoryHoldsWholeFrames) {
    ByteBuffer out;
    append_history(out, "room", {}, "e1");
    EXPECT_EQ(out.text(), R"({"action":"history","options":{"channel":"room"},"payload":{"history":[]}})");
    out.clear();
    const std::vector<MessagePtr> messages{message("1", MessageKind::message),
                                           message("2", MessageKind::event)};
    append_history(out, "room", messages, "e1");
    EXPECT_EQ(out.text(), R"({"action":"history","options":{"channel":"room"},"payload":{"history":[)" +
                              text_of(*messages[0]) + "," + text_of(*messages[1]) + "]}}");
}

TEST(ServerFrames, PresenceFull) {
    ByteBuffer out;
    PresenceFull full(out, "room");
    full.add(kSocket, ada());
    full.add(kSocket, *access::anonymous());
    full.finish();
    EXPECT_EQ(out.text(),
              R"({"action":"presence_full","options":{"channel":"room"},"payload":{"presence":[)" +
                  ada_text() + R"(,{"socketId":")" + socket_text() +
                  R"(","extras":{},"permissions":{"dbo_id":0,"row_id":0}}]}})");
}

TEST(ServerFrames, MqttMembersAreMarked) {
    ByteBuffer out;
    append_member(out, mqtt::MqttMember{"a\"b", access::anonymous()});
    EXPECT_EQ(
        out.text(),
        R"({"socketId":"mqtt:a\"b","extras":{"mqtt_client_id":"a\"b"},"permissions":{"dbo_id":0,"row_id":0}})");
    out.clear();
    append_member(out, mqtt::MqttMember{"dev1", std::make_shared<const access::Principal>(ada())});
    EXPECT_EQ(out.text(), R"({"socketId":"mqtt:dev1","extras":{"name":"Ada","mqtt_client_id":"dev1"},)"
                          R"("permissions":{"dbo_id":7,"row_id":42}})");
}

TEST(ServerFrames, PresenceUpdate) {
    ByteBuffer out;
    append_presence_update(out, {"room", true, ada_text()});
    EXPECT_EQ(
        out.text(),
        R"({"action":"presence_update","options":{"channel":"room"},"payload":{"action":"join","presence":)" +
            ada_text() + "}}");
    out.clear();
    append_presence_update(out, {"room", false, ada_text()});
    EXPECT_NE(out.text().find(R"("payload":{"action":"leave","presence":)"), std::string_view::npos);
}

TEST(ServerFrames, PrivateMessageNamesItsSender) {
    ByteBuffer out;
    const access::Principal sender = ada();
    append_private(out, {"room", kSocket, sender, R"({"text":"psst"})"});
    EXPECT_EQ(out.text(), R"({"action":"message","client":)" + ada_text() +
                              R"(,"options":{"channel":"room","socketId":")" + socket_text() +
                              R"("},"payload":{"text":"psst"}})");
}

TEST(ServerFrames, Error) {
    ByteBuffer out;
    append_error(out, "locked", "not allowed", "not_authorised");
    EXPECT_EQ(out.text(), R"({"action":"error","options":{"channel":"locked"},)"
                          R"("payload":{"message":"not allowed","code":"not_authorised"}})");
    out.clear();
    append_error(out, {}, "no", "failed");
    EXPECT_EQ(out.text(), R"({"action":"error","options":{},"payload":{"message":"no","code":"failed"}})");
}

TEST(ServerFrames, SharedFrameIsOneTextFrame) {
    EXPECT_EQ(as_text(share_text_frame(as_bytes("{}"))->payload()), "\x81\x02{}");
}

}  // namespace
}  // namespace millrace::bridge
