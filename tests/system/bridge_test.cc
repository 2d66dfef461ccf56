// The browser protocol, frame by frame.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;

class BridgeTest : public SystemTest {
  protected:
    BridgeClient connect() { return BridgeClient(server().http_port()); }
    void post(const std::string& channel, const json::value& data) {
        const HttpAnswer answer =
            http_post(server().http_port(), "/v1/publish", {{"channel", channel}, {"data", data}});
        EXPECT_EQ(answer.status, 201) << answer.body;
    }
};

std::string socket_id(const json::value& member) {
    return member.at("socketId").as_string().c_str();
}

/// Joins with presence; the newest member of the roster that comes is the one who joined.
std::string join_with_presence(BridgeClient& client, const std::string& channel) {
    client.join(channel, false, true);
    const json::array members = roster(client.next("presence_full"));
    return members.empty() ? "" : socket_id(members.back());
}

TEST_P(BridgeTest, JoinIsAcknowledgedThenHistoryThenPresence) {
    post("room", 1);
    BridgeClient ada = connect();
    ada.send("join", "room", {{"history", true}, {"presence", true}});
    const std::optional<json::object> ack = ada.next(Deadline(kPatience));
    EXPECT_EQ(at_path(ack, "action"), "join");
    EXPECT_EQ(at_path(ack, "options.channel"), "room");
    EXPECT_EQ(at_path(ack, "payload"), nullptr);
    const std::optional<json::object> history = ada.next("history");
    ASSERT_EQ(at_path(history, "payload.history").as_array().size(), 1U);
    const json::value record = at_path(history, "payload.history").as_array()[0];
    EXPECT_EQ(record.at("action"), "event");
    EXPECT_EQ(record.at("payload").at("data"), 1);
    EXPECT_EQ(record.at("options").at("seq"), 1);
    const json::array members = roster(ada.next("presence_full"));
    ASSERT_EQ(members.size(), 1U);
    EXPECT_EQ(members[0].at("permissions"), (json::value{{"dbo_id", 0}, {"row_id", 0}}));
    EXPECT_TRUE(members[0].at("extras").is_object());
}

TEST_P(BridgeTest, JoiningTwiceIsOneRosterEntry) {
    BridgeClient ada = connect();
    BridgeClient bob = connect();
    join_with_presence(ada, "room");
    const std::string bob_id = join_with_presence(bob, "room");
    EXPECT_EQ(at_path(ada.next("presence_update"), "payload.presence.socketId"), bob_id.c_str());
    bob.join("room", false, true);
    EXPECT_EQ(roster(bob.next("presence_full")).size(), 2U);
    ASSERT_TRUE(bob.message("room", "fence"));
    EXPECT_EQ(at_path(ada.next(Deadline(kPatience)), "action"), "message") << "no second presence_update";
}

TEST_P(BridgeTest, MessageGoesToEveryMemberSenderIncluded) {
    BridgeClient ada = connect();
    BridgeClient bob = connect();
    const std::string ada_id = join_with_presence(ada, "room");
    ASSERT_TRUE(bob.join("room"));
    ada.message("room", {{"t", 1}});
    for (BridgeClient* member : {&ada, &bob}) {
        const std::optional<json::object> frame = member->next("message");
        EXPECT_EQ(at_path(frame, "payload"), (json::value{{"t", 1}}));
        EXPECT_EQ(at_path(frame, "client.socketId"), ada_id.c_str());
        EXPECT_EQ(at_path(frame, "options.channel"), "room");
        EXPECT_EQ(at_path(frame, "options.seq"), 1);
        EXPECT_TRUE(at_path(frame, "options.epoch").is_string());
    }
}

TEST_P(BridgeTest, AnyJsonIsAPayload) {
    BridgeClient ada = connect();
    ASSERT_TRUE(ada.join("room"));
    for (const json::value& payload :
         {json::value("bare"), json::value(4.5), json::value(nullptr), json::value(true),
          json::value(json::array{1, "\u00e4\U0001F600", json::object{}})}) {
        ada.message("room", payload);
        const std::optional<json::object> frame = ada.next("message");
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->at("payload"), payload);
    }
}

TEST_P(BridgeTest, MessagesRightBehindTheJoinAreDelivered) {
    BridgeClient eager = connect();
    eager.send("join", "room", {{"history", false}, {"presence", false}});
    eager.message("room", 1);
    eager.message("room", 2);
    EXPECT_EQ(at_path(eager.next(Deadline(kPatience)), "action"), "join");
    EXPECT_EQ(at_path(eager.next("message"), "payload"), 1);
    EXPECT_EQ(at_path(eager.next("message"), "payload"), 2);
}

TEST_P(BridgeTest, HistoryHasOldestFirstAndOnlyForTheAsker) {
    for (int i = 1; i <= 3; ++i) post("room", i);
    BridgeClient ada = connect();
    BridgeClient bob = connect();
    ASSERT_TRUE(ada.join("room"));
    ASSERT_TRUE(bob.join("room"));
    ada.send("history", "room", nullptr);
    const json::value records = at_path(ada.next("history"), "payload.history");
    ASSERT_EQ(records.as_array().size(), 3U);
    for (int i = 1; i <= 3; ++i) {
        EXPECT_EQ(records.as_array()[static_cast<std::size_t>(i - 1)].at("payload").at("data"), i);
    }
    ada.message("room", "fence");
    EXPECT_EQ(at_path(bob.next(Deadline(kPatience)), "action"), "message");
}

TEST_P(BridgeTest, PrivateMessageReachesExactlyOneSocket) {
    BridgeClient ada = connect();
    BridgeClient bob = connect();
    BridgeClient eve = connect();
    const std::string ada_id = join_with_presence(ada, "room");
    const std::string bob_id = join_with_presence(bob, "room");
    ASSERT_TRUE(eve.join("room"));
    ada.message("room", "psst", {{"socketId", bob_id}});
    const std::optional<json::object> frame = bob.next("message");
    EXPECT_EQ(at_path(frame, "payload"), "psst");
    EXPECT_EQ(at_path(frame, "options.socketId"), ada_id.c_str());
    EXPECT_EQ(at_path(frame, "client.socketId"), ada_id.c_str());
    ada.message("room", "for all");
    EXPECT_EQ(at_path(eve.next("message"), "payload"), "for all");
    EXPECT_EQ(at_path(ada.next("message"), "payload"), "for all");
}

TEST_P(BridgeTest, PrivateMessageToNobodyIsAnError) {
    BridgeClient ada = connect();
    ASSERT_TRUE(ada.join("room"));
    ada.message("room", "psst", {{"socketId", "nobody"}});
    const std::optional<json::object> error = ada.next("error");
    EXPECT_EQ(at_path(error, "options.channel"), "room");
    EXPECT_TRUE(at_path(error, "payload.message").is_string());
}

TEST_P(BridgeTest, LeavingAndClosingAreToldToTheOthers) {
    BridgeClient ada = connect();
    join_with_presence(ada, "room");
    BridgeClient bob = connect();
    const std::string bob_id = join_with_presence(bob, "room");
    EXPECT_EQ(at_path(ada.next("presence_update"), "payload.action"), "join");
    bob.send("leave", "room", nullptr);
    const std::optional<json::object> left = ada.next("presence_update");
    EXPECT_EQ(at_path(left, "payload.action"), "leave");
    EXPECT_EQ(at_path(left, "payload.presence.socketId"), bob_id.c_str());
    {
        BridgeClient carl = connect();
        join_with_presence(carl, "room");
        EXPECT_EQ(at_path(ada.next("presence_update"), "payload.action"), "join");
    }
    EXPECT_EQ(at_path(ada.next("presence_update"), "payload.action"), "leave");
}

// The rule says who may publish, at this door as at the others; to be a member is for receiving.
TEST_P(BridgeTest, MessageToAChannelNeverJoinedReachesItsMembers) {
    BridgeClient ada = connect();
    BridgeClient passer_by = connect();
    ASSERT_TRUE(ada.join("room"));
    ASSERT_TRUE(passer_by.join("other"));
    passer_by.message("room", "hello");
    EXPECT_EQ(at_path(ada.next("message"), "payload"), "hello");
    passer_by.message("other", "fence");
    EXPECT_EQ(at_path(passer_by.next(Deadline(kPatience)), "payload"), "fence");
}

// Bug class 24.
TEST_P(BridgeTest, WhoHasLeftReceivesNothingMore) {
    BridgeClient ada = connect();
    ASSERT_TRUE(ada.join("room"));
    ASSERT_TRUE(ada.join("other"));
    ada.send("leave", "room", nullptr);
    ada.send("history", "other", nullptr);
    ASSERT_TRUE(ada.next("history"));
    post("room", 1);
    post("other", 2);
    EXPECT_EQ(at_path(ada.next("event"), "options.channel"), "other");
}

TEST_P(BridgeTest, SubprotocolIsEchoed) {
    BridgeClient with_token(server().http_port(), "default", "not.a.token");
    EXPECT_EQ(with_token.socket().protocol(), "not.a.token");
    EXPECT_EQ(connect().socket().protocol(), "");
}

TEST_P(BridgeTest, WrongKeyIsOneErrorAndClose4401) {
    BridgeClient lost(server().http_port(), "wrong");
    EXPECT_TRUE(at_path(lost.next("error"), "payload.message").is_string());
    EXPECT_EQ(lost.socket().wait_closed(), 4401);
}

TEST_P(BridgeTest, SocketsAreClosedWith1012AtShutdown) {
    BridgeClient ada = connect();
    ASSERT_TRUE(ada.join("room"));
    server().send_term();
    EXPECT_EQ(ada.socket().wait_closed(), 1012);
    EXPECT_EQ(server().wait(), 0);
    server_ends_in_test();
}

TEST_P(BridgeTest, PingIsAnswered) {
    BridgeClient ada = connect();
    ada.socket().send_raw(websocket_frame(Opcode::ping, "are you there"));
    ASSERT_TRUE(ada.join("room"));
    EXPECT_EQ(ada.socket().pongs_seen(), 1);
}

TEST_P(BridgeTest, JoinWithAfterResumesWithoutHoleOrRepeat) {
    for (int i = 1; i <= 5; ++i) post("room", i);
    BridgeClient ada = connect();
    ada.send("join", "room", {{"history", false}, {"presence", false}}, {{"after", 2}});
    ASSERT_TRUE(ada.next("join"));
    post("room", 6);
    for (int i = 3; i <= 6; ++i) {
        const std::optional<json::object> frame = ada.next("event");
        EXPECT_EQ(at_path(frame, "options.seq"), i);
        EXPECT_EQ(at_path(frame, "payload.data"), i);
    }
}

TEST_P(BridgeTest, APositionIsNeverSilentlySkipped) {
    for (int i = 1; i <= 4; ++i) post("room", i);
    const auto options = [](BridgeClient& client, const std::string& channel, int after) {
        client.send("join", channel, {{"history", false}, {"presence", false}}, {{"after", after}});
        return at_path(client.next("join"), "options").as_object();
    };
    BridgeClient ada = connect();
    EXPECT_EQ(options(ada, "rooms/+", 2)["reset"], true);
    ASSERT_TRUE(ada.join("room"));
    const json::object told = options(ada, "room", 2);
    EXPECT_EQ(told.at("reset"), true);
    EXPECT_EQ(told.at("first"), 5);
    EXPECT_FALSE(options(ada, "room", 4).contains("reset"));
    post("room", 5);
    EXPECT_EQ(at_path(ada.next(Deadline(kPatience)), "options.seq"), 5);
}

TEST_P(BridgeTest, ARoomWhoseNewestMessagesAreForOthersIsNotEmpty) {
    for (int i = 1; i <= 3; ++i) post("room", i);
    json::array for_one;
    for (int i = 0; i < 250; ++i)
        for_one.push_back({{"channel", "room"}, {"data", i}, {"to", {{"dbo_id", 7}, {"row_id", 1}}}});
    const HttpAnswer answer =
        http_post(server().http_port(), "/v1/publish/batch", {{"messages", std::move(for_one)}});
    ASSERT_EQ(answer.status, 200) << answer.body;
    BridgeClient ada = connect();
    ada.send("join", "room", {{"history", true}, {"presence", false}});
    EXPECT_EQ(at_path(ada.next("history"), "payload.history").as_array().size(), 3U);
    const auto page = [this](const std::string& query) {
        const HttpAnswer found =
            http_get(server().http_port(), "/v1/channels/room/messages?limit=2&" + query);
        return found.json().as_object();
    };
    json::object found = page("");
    EXPECT_EQ(found.at("messages").as_array().size(), 2U);
    EXPECT_EQ(found.at("next"), 2);
    found = page("after=1");
    EXPECT_EQ(found.at("messages").as_array().size(), 2U);
    EXPECT_EQ(found.at("next"), 3);
    found = page("after=3");
    EXPECT_TRUE(found.at("messages").as_array().empty());
    EXPECT_EQ(found.at("more"), false);
}

TEST_P(BridgeTest, FilterJoinNamesTheConcreteChannel) {
    BridgeClient ada = connect();
    ASSERT_TRUE(ada.join("sensors/+/temp"));
    post("sensors/kitchen/temp", 21);
    EXPECT_EQ(at_path(ada.next("event"), "options.channel"), "sensors/kitchen/temp");
}

MILLRACE_ON_BOTH_STORES(BridgeTest);

}  // namespace
}  // namespace millrace::system_test
