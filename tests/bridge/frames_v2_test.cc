#include "bridge/frames_v2.h"

#include <gtest/gtest.h>

#include "mqtt/broker/message_type.h"

namespace millrace::bridge::v2 {
namespace {

using Action = ClientFrame::Action;

access::Principal user(std::int64_t dbo_id, std::int64_t row_id, std::string name) {
    access::Principal principal;
    principal.kind = access::Principal::Kind::user;
    principal.dbo_id = dbo_id;
    principal.row_id = row_id;
    principal.name = std::move(name);
    principal.extras = R"({"name":"Ada"})";
    return principal;
}

MessagePtr message(std::string_view payload, std::string_view type, std::uint64_t seq) {
    ByteBuffer properties;
    if (!type.empty()) mqtt::append_message_type(properties, type);
    MessageFields fields;
    fields.channel = "rooms/42";
    fields.payload = as_bytes(payload);
    fields.properties = properties.view();
    MessagePtr made = Message::create(fields);
    made->stamp(seq, 1'792'000'000'123'456);
    return made;
}

std::string text_of(const Message& message, Flow flow = Flow::live) {
    ByteBuffer out;
    append_message(out, message, "e1", flow);
    return std::string(out.text());
}

TEST(SecondClientFrames, AJoinWantsEverythingUnlessItSaysNo) {
    const auto bare = v2::parse_client_frame(R"({"action":"join","channel":"rooms/42"})");
    ASSERT_TRUE(bare);
    EXPECT_EQ(bare->action, Action::join);
    EXPECT_EQ(bare->channel, "rooms/42");
    EXPECT_TRUE(bare->history && bare->presence);
    EXPECT_TRUE(bare->second->client_id.empty());
    const auto sdk = v2::parse_client_frame(
        R"({"action":"join","channel":"x","options":{"channel":"rooms/42","client_id":"c1","cursor":"e1-7"},)"
        R"("payload":{"history":false,"presence":false}})");
    ASSERT_TRUE(sdk);
    EXPECT_EQ(sdk->channel, "rooms/42") << "options.channel wins";
    EXPECT_EQ(sdk->second->client_id, "c1");
    EXPECT_EQ(sdk->second->position, "e1-7");
    EXPECT_FALSE(sdk->history || sdk->presence);
}

TEST(SecondClientFrames, ABroadcastHasATypeAndPerhapsARecipient) {
    const auto frame = v2::parse_client_frame(
        R"({"action":"broadcast","channel":"rooms/42","type":"send","payload": { "t" : 1.50 }})");
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->action, Action::message);
    EXPECT_EQ(frame->second->type, "send");
    EXPECT_EQ(frame->payload, R"({"t":1.50})");
    EXPECT_FALSE(frame->is_private);
    const auto direct = v2::parse_client_frame(
        R"({"action":"broadcast","type":"send","options":{"channel":"r","to":{"dbo_id":7,"row_id":42}}})");
    ASSERT_TRUE(direct);
    EXPECT_TRUE(direct->is_private);
    EXPECT_EQ(direct->second->to_dbo_id, 7);
    EXPECT_EQ(direct->second->to_row_id, 42);
    EXPECT_EQ(direct->payload, "null");
    const auto broken =
        v2::parse_client_frame(R"({"action":"broadcast","type":"send","options":{"to":"everybody"}})");
    EXPECT_TRUE(broken->is_private) << "what is meant for one is never given to all";
    EXPECT_EQ(broken->second->to_dbo_id, 0);
}

TEST(SecondClientFrames, AnAckNamesItsMessageHereOrThere) {
    EXPECT_EQ(v2::parse_client_frame(R"({"action":"ack","channel":"r","id":"e1-5"})")->second->position,
              "e1-5");
    EXPECT_EQ(v2::parse_client_frame(R"({"action":"ack","options":{"channel":"r","id":"e1-6"},"id":"e1-5"})")
                  ->second->position,
              "e1-6");
}

TEST(SecondClientFrames, OtherWordsAreUnknownAndJunkIsNothing) {
    for (const char* word : {"message", "history", "weird"}) {
        const auto frame = v2::parse_client_frame(R"({"action":")" + std::string(word) + R"("})");
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->action, Action::unknown) << word;
    }
    for (const char* text : {"", "[]", "1", R"({"action":7})", R"({"channel":"r"})", "{"})
        EXPECT_FALSE(v2::parse_client_frame(text)) << text;
    EXPECT_EQ(v2::parse_client_frame(R"({"action":"ping"})")->action, Action::ping);
    EXPECT_EQ(v2::parse_client_frame(R"({"action":"presence","channel":"r"})")->action, Action::presence);
}

TEST(Positions, TextAndBack) {
    const auto position = parse_position(position_text("7f3a", 17));
    ASSERT_TRUE(position);
    EXPECT_EQ(position->epoch, "7f3a");
    EXPECT_EQ(position->seq, 17U);
    for (const char* text : {"", "17", "e1-", "e1-x", "e1-17x", "e1-99999999999999999999"})
        EXPECT_FALSE(parse_position(text)) << text;
}

TEST(SecondServerFrames, Message) {
    EXPECT_EQ(text_of(*message(R"({"t":1})", "send", 5)),
              R"({"action":"message","channel":"rooms/42","type":"send","id":"e1-5","ts":1792000000123,)"
              R"("payload":{"t":1}})");
    EXPECT_EQ(text_of(*message("7", "", 0)),
              R"({"action":"message","channel":"rooms/42","type":"message","ts":1792000000123,"payload":7})");
    EXPECT_NE(text_of(*message("7", "a\"b", 5)).find(R"("type":"a\"b")"), std::string::npos);
    EXPECT_NE(text_of(*message("7", "send", 5), Flow::conversation).find(R"(,"conversation":true,)"),
              std::string::npos);
    EXPECT_EQ(text_of(*message("7", "send", 5), Flow::replay).find(R"({"action":"replay",)"), 0U);
    EXPECT_NE(text_of(*message("\xff", "send", 5)).find(R"("encoding":"base64")"), std::string::npos);
}

TEST(SecondServerFrames, AnEventIsCalledEvent) {
    MessageFields fields;
    fields.channel = "r";
    fields.payload = as_bytes("1");
    fields.kind = MessageKind::event;
    const MessagePtr event = Message::create(fields);
    event->stamp(0, 0);
    EXPECT_EQ(text_of(*event), R"({"action":"message","channel":"r","type":"event","ts":0,"payload":1})");
}

TEST(SecondServerFrames, Answers) {
    ByteBuffer out;
    const auto said = [&out] {
        std::string text(out.text());
        out.clear();
        return text;
    };
    append_join(out, {.channel = "r", .cursor = {}});
    EXPECT_EQ(said(), R"({"action":"join","channel":"r","payload":{"joined":true,"params":{}}})");
    append_join(out, {.channel = "r", .cursor = "e1-7", .asked = true, .resumed = true});
    EXPECT_EQ(said(),
              R"({"action":"join","channel":"r","payload":{"joined":true,"params":{},"cursor":"e1-7",)"
              R"("resumed":true}})");
    append_join(out, {.channel = "r", .cursor = "e1-7", .asked = true, .resumed = false, .first = "e1-8"});
    EXPECT_EQ(said(),
              R"({"action":"join","channel":"r","payload":{"joined":true,"params":{},"cursor":"e1-7",)"
              R"("resumed":false,"first":"e1-8"}})");
    append_receipt(out, {.channel = "r", .reached = 3, .id = "e1-9"});
    EXPECT_EQ(said(), R"({"action":"broadcast","channel":"r","payload":{"delivered_local":3,"id":"e1-9"}})");
    append_receipt(out, {.channel = "r", .reached = 1, .id = {}, .direct = true});
    EXPECT_EQ(said(),
              R"({"action":"broadcast","channel":"r","payload":{"delivered_local":1,"direct":true}})");
    append_ack(out, "r", "e1-9");
    EXPECT_EQ(said(), R"({"action":"ack","channel":"r","payload":{"cursor":"e1-9"}})");
    append_pong(out);
    EXPECT_EQ(said(), R"({"action":"pong"})");
    append_error(out, {}, "no", "why");
    EXPECT_EQ(said(), R"({"action":"error","payload":{"message":"no","code":"why"}})");
    append_error(out, "r", "no", "why");
    EXPECT_EQ(said(), R"({"action":"error","channel":"r","payload":{"message":"no","code":"why"}})");
}

TEST(Identities, OneForAUserOneForAllWhoAreAnonymous) {
    EXPECT_EQ(identity_of(*access::anonymous()), (Identity{0, "0"}));
    EXPECT_EQ(identity_of(user(7, 42, "ada")), (Identity{7, "42"}));
    EXPECT_EQ(identity_of(user(0, 0, "ada")), (Identity{0, "ada"}));
    ByteBuffer out;
    append_member(out, user(7, 42, "ada"), 1'792'000'000'123'456);
    EXPECT_EQ(out.text(), R"({"id":"42","dbo_id":7,"authenticated":true,"extras":{"name":"Ada"},)"
                          R"("joined_at":1792000000123})");
    out.clear();
    append_member(out, *access::anonymous(), 0);
    EXPECT_EQ(out.text(), R"({"id":"0","dbo_id":0,"authenticated":false,"extras":{},"joined_at":0})");
}

}  // namespace
}  // namespace millrace::bridge::v2
