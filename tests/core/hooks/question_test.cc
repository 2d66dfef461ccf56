#include "core/hooks/question.h"

#include <gtest/gtest.h>

namespace millrace::hooks {
namespace {

TEST(Question, AJoinIsAskedAboutInTheWordsOfATrigger) {
    access::Principal user;
    user.kind = access::Principal::Kind::user;
    user.name = "al\"ice";
    user.dbo_id = 5;
    user.row_id = 7;
    user.extras = R"({"name":"Alice"})";
    EXPECT_EQ(
        write_question({.channel = "chat/+", .door = Door::sse, .principal = user, .client = {}}),
        R"({"action":"join","channel":"chat/+","options":{"channel":"chat/+"},"client":{"user":"al\"ice",)"
        R"("extras":{"name":"Alice"},"permissions":{"dbo_id":5,"row_id":7}},"door":"sse"})");
    EXPECT_EQ(
        write_question({.channel = "chat/1",
                        .door = Door::websocket,
                        .principal = *access::anonymous(),
                        .client = R"({"socketId":"s","extras":{},"permissions":{"dbo_id":0,"row_id":0}})"}),
        R"({"action":"join","channel":"chat/1","options":{"channel":"chat/1"},"client":{"socketId":"s",)"
        R"("extras":{},"permissions":{"dbo_id":0,"row_id":0}},"door":"websocket"})");
}

std::string about(const MessageFields& fields, std::string_view receiver = {}) {
    const MessagePtr message = Message::create(fields);
    return write_question({.channel = message->channel(),
                           .door = Door::mqtt,
                           .principal = *access::anonymous(),
                           .client = "{}",
                           .message = message.get(),
                           .receiver = receiver});
}

TEST(Question, AMessageHasItsPayloadAsEverywhere) {
    EXPECT_EQ(about({.channel = "c", .payload = as_bytes(R"({"a": 1})")}),
              R"({"action":"message","channel":"c","options":{"channel":"c"},"payload":{"a": 1},"client":{},)"
              R"("door":"mqtt"})");
    EXPECT_EQ(about({.channel = "c", .payload = as_bytes("on")}),
              R"({"action":"message","channel":"c","options":{"channel":"c"},"payload":"on","client":{},)"
              R"("door":"mqtt"})");
    EXPECT_EQ(about({.channel = "c", .payload = as_bytes("\xff")}),
              R"({"action":"message","channel":"c","options":{"channel":"c"},"payload":"/w==",)"
              R"("encoding":"base64","client":{},"door":"mqtt"})");
}

TEST(Question, TheOptionsSayWhomAMessageIsFor) {
    MessageFields fields{.channel = "c", .payload = as_bytes("1")};
    fields.audience = {.authenticated_only = true, .dbo_id = 3, .row_id = 4};
    EXPECT_EQ(
        about(fields, "s1"),
        R"({"action":"message","channel":"c","options":{"channel":"c","socketId":"s1","authenticated":true,)"
        R"("to":{"dbo_id":3,"row_id":4}},"payload":1,"client":{},"door":"mqtt"})");
}

TEST(Question, ItIsSigned) {
    // RFC 4231, test case 2.
    EXPECT_EQ(sign("what do ya want for nothing?", "Jefe"),
              "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace millrace::hooks
