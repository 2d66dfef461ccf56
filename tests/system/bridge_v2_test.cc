// The second generation of the browser protocol, by itself and beside every other door.
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;

class BridgeV2Test : public SystemTest {
  protected:
    SecondClient connect(std::string_view token = {}) { return SecondClient(server().http_port(), token); }
    json::value history(const std::string& channel) {
        return http_get(server().http_port(), "/v1/channels/" + channel + "/messages").json().at("messages");
    }
    void post(const std::string& channel, const json::value& data) {
        const HttpAnswer answer =
            http_post(server().http_port(), "/v1/publish", {{"channel", channel}, {"data", data}});
        EXPECT_EQ(answer.status, 201) << answer.body;
    }
};

/// The actions of the next `count` frames.
std::vector<std::string> actions(SecondClient& client, int count) {
    std::vector<std::string> found;
    const Deadline deadline(kPatience);
    for (int i = 0; i < count; ++i) {
        const std::optional<json::object> frame = client.next(deadline);
        found.emplace_back(frame ? frame->at("action").as_string().c_str() : "nothing");
    }
    return found;
}

TEST_P(BridgeV2Test, TheTokenIsEchoedAndAWrongKeyIsToldOnce) {
    SecondClient client(server().http_port(), "a-token", "wrong");
    EXPECT_EQ(client.socket().protocol(), "a-token");
    const std::optional<json::object> error = client.next(Deadline(kPatience));
    EXPECT_EQ(at_path(error, "action"), "error");
    EXPECT_EQ(at_path(error, "payload.message"), "Unknown connection hash");
    EXPECT_EQ(client.socket().wait_closed(), 4401);
}

TEST_P(BridgeV2Test, EarlyFramesAreQueuedAndAJoinHasItsOrder) {
    post("room", 1);
    post("room", 2);
    SecondClient ada = connect();
    ada.send("ping", "");
    ada.send("join", "room");
    ada.broadcast("room", "greet", "early");
    EXPECT_THAT(actions(ada, 7), ElementsAre("pong", "join", "presence_full", "conversation_start", "message",
                                             "message", "conversation_end"));
    EXPECT_EQ(at_path(ada.next("message"), "payload"), "early");
}

TEST_P(BridgeV2Test, ATypedMessageReachesEveryDoorAndItsSenderHears) {
    SecondClient ada = connect();
    SecondClient bob = connect();
    ASSERT_TRUE(ada.join("room"));
    ASSERT_TRUE(bob.join("room"));
    SdkClient old(3, server().websocket_url(), "room");
    ASSERT_TRUE(old.frame("join"));
    MqttConnection device(server().mqtt_port(), kMqtt5, "device");
    ASSERT_EQ(device.subscribe("room", 1), 1);
    ada.broadcast("room", "greet", {{"t", 1}});
    const std::optional<json::object> receipt = ada.next("broadcast");
    EXPECT_EQ(at_path(receipt, "payload.delivered_local"), 4);
    const json::value id = at_path(receipt, "payload.id");
    const std::optional<json::object> to_bob = bob.next("message");
    EXPECT_EQ(at_path(to_bob, "type"), "greet");
    EXPECT_EQ(at_path(to_bob, "payload"), (json::value{{"t", 1}}));
    EXPECT_EQ(at_path(to_bob, "id"), id);
    const std::optional<json::object> to_old = old.frame("message");
    EXPECT_EQ(at_path(to_old, "payload"), (json::value{{"t", 1}}));
    EXPECT_EQ(at_path(to_old, "options.id"), id);
    const std::optional<MqttPacket> packet = device.read_type(PacketType::publish);
    ASSERT_TRUE(packet);
    const MqttMessage message = parse_publish(*packet, kMqtt5);
    EXPECT_EQ(message.payload, R"({"t":1})");
    EXPECT_EQ(message.user_properties.at("message-type"), "greet");
    EXPECT_EQ(message.user_properties.at("type"), "message");
    const json::value stored = history("room");
    ASSERT_EQ(stored.as_array().size(), 1U);
    EXPECT_EQ(stored.at(0).at("id"), id);
    EXPECT_EQ(stored.at(0).at("data"), (json::value{{"t", 1}}));
    SecondClient late = connect();
    ASSERT_TRUE(late.join("room", {}, true));
    EXPECT_EQ(at_path(late.next("message"), "type"), "greet") << "from the store";
}

TEST_P(BridgeV2Test, WhatOtherDoorsWriteComesAsMessages) {
    SecondClient ada = connect();
    ASSERT_TRUE(ada.join("room"));
    BridgeClient old(server().http_port());
    ASSERT_TRUE(old.join("room"));
    old.message("room", "from a browser");
    const std::optional<json::object> first = ada.next("message");
    EXPECT_EQ(at_path(first, "type"), "message");
    EXPECT_TRUE(at_path(first, "client.socketId").is_string());
    post("room", {{"n", 1}});
    const std::optional<json::object> second = ada.next("message");
    EXPECT_EQ(at_path(second, "type"), "event");
    EXPECT_EQ(at_path(second, "payload"), (json::value{{"n", 1}}));
    MqttConnection device(server().mqtt_port(), kMqtt5, "device");
    device.send(mqtt_publish(kMqtt5, "room", "21.5", 1, 1));
    EXPECT_EQ(at_path(ada.next("message"), "payload"), 21.5);
}

/// Four sockets of each generation: the shards take turns.
TEST_P(BridgeV2Test, PresenceIsOneForBothGenerationsAndShards) {
    std::vector<std::unique_ptr<SecondClient>> watchers;
    for (int i = 0; i < 4; ++i) {
        watchers.push_back(std::make_unique<SecondClient>(server().http_port()));
        ASSERT_TRUE(watchers.back()->join("room", {}, false, true));
        const json::value members = at_path(watchers.back()->next("presence_full"), "payload.members");
        EXPECT_EQ(members.as_array().size(), i == 0 ? 0U : 1U) << "all of them are anonymous";
    }
    BridgeClient old(server().http_port());
    ASSERT_TRUE(old.join("room", false, true));
    EXPECT_EQ(roster(old.next("presence_full")).size(), 5U);
    watchers[0]->send("presence", "room");
    const json::value members = at_path(watchers[0]->next("presence_full"), "payload.members");
    ASSERT_EQ(members.as_array().size(), 1U);
    EXPECT_EQ(members.at(0).at("id"), "0");
    EXPECT_EQ(members.at(0).at("authenticated"), false);
    EXPECT_TRUE(members.at(0).at("joined_at").is_int64());
    watchers.pop_back();
    EXPECT_EQ(at_path(old.next("presence_update"), "payload.action"), "leave");
}

/// A cursor that the reader itself has outlives the server; one that the server keeps by name does not, and
/// the reader hears so, with its own cursor or without.
TEST_P(BridgeV2Test, AfterARestartACursorByNameIsSaidToBeGone) {
    SecondClient ada = connect();
    ASSERT_TRUE(ada.join("room", {{"client_id", "ada"}}));
    post("room", 1);
    const std::optional<json::object> message = ada.next("message");
    ASSERT_TRUE(message);
    ada.send("ack", "room", {{"id", message->at("id")}});
    ASSERT_EQ(at_path(ada.next("ack"), "payload.cursor"), message->at("id"));
    ASSERT_EQ(server().stop(), 0);
    EXPECT_EQ(ada.socket().wait_closed(), 1012);
    server().start();
    post("room", 2);
    SecondClient again = connect();
    const std::optional<json::object> told = again.join("room", {{"client_id", "ada"}});
    EXPECT_EQ(at_path(told, "payload.resumed"), false);
    const std::string now(at_path(told, "payload.cursor").as_string());
    EXPECT_TRUE(now.ends_with("-2")) << now;
    again.send("leave", "room");
    ASSERT_TRUE(again.next("leave"));
    const std::optional<json::object> ack =
        again.join("room", {{"client_id", "ada"}, {"cursor", message->at("id")}});
    EXPECT_EQ(at_path(ack, "payload.resumed"), true);
    EXPECT_EQ(at_path(again.next("replay"), "payload"), 2);
}

MILLRACE_ON_BOTH_STORES(BridgeV2Test);

/// With users: the rule lets members of the channel write to each other, and nobody who is anonymous write.
class BridgeV2UsersTest : public ::testing::Test {
  protected:
    void SetUp() override {
        server_ = std::make_unique<Server>(Server::Yaml{
            "threads: 2\nstore: {url: \"sqlite:store.db\"}\n"
            "auth: {anonymous: true, jwt: {secret: the-secret-of-the-tests-is-32-bytes}}\n"
            "channels:\n  - {match: closed, anonymous: false}\n"
            "  - {match: '#', history: 10, presence: true, anonymous: true, publish: authenticated,\n"
            "     private: authenticated}\n"});
        server_->start();
    }
    void TearDown() override {
        EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
    }
    SecondClient connect(const std::string& user = {}) const {
        return SecondClient(server_->http_port(), user.empty() ? user : server_->token(user));
    }
    static std::string code_of(const std::optional<json::object>& frame) {
        const json::value code = at_path(frame, "payload.code");
        return code.is_string() ? std::string(code.as_string()) : "none";
    }

    std::unique_ptr<Server> server_;
};

TEST_F(BridgeV2UsersTest, AUserHasOneEntryHoweverManySockets) {
    SecondClient watcher = connect();
    ASSERT_TRUE(watcher.join("room", {}, false, true));
    ASSERT_TRUE(watcher.next("presence_full"));
    auto first = std::make_unique<SecondClient>(connect("42"));
    ASSERT_TRUE(first->join("room"));
    const std::optional<json::object> came = watcher.next("presence_join");
    EXPECT_EQ(at_path(came, "payload.member.id"), "42");
    EXPECT_EQ(at_path(came, "payload.member.dbo_id"), 1);
    EXPECT_EQ(at_path(came, "payload.member.authenticated"), true);
    auto second = std::make_unique<BridgeClient>(server_->http_port(), "default", server_->token("42"));
    ASSERT_TRUE(second->join("room", false, true));
    ASSERT_TRUE(second->next("presence_full"));
    first.reset();
    ASSERT_TRUE(second->next("presence_update"));
    second->message("room", "still here");
    EXPECT_EQ(at_path(watcher.next(Deadline(kPatience)), "action"), "message") << "neither joined nor left";
    second.reset();
    EXPECT_EQ(at_path(watcher.next("presence_leave"), "payload.member.id"), "42");
}

TEST_F(BridgeV2UsersTest, ADeviceIsAMemberAndOneWithItsUser) {
    SecondClient watcher = connect();
    ASSERT_TRUE(watcher.join("room", {}, false, true));
    ASSERT_TRUE(watcher.next("presence_full"));
    std::optional<MqttConnection> phone(std::in_place, server_->mqtt_port(), kMqtt5, "phone",
                                        server_->token("9"));
    ASSERT_EQ(phone->subscribe("room", 1), 1);
    EXPECT_EQ(at_path(watcher.next("presence_join"), "payload.member.id"), "9");
    SecondClient browser = connect("9");
    ASSERT_TRUE(browser.join("room", {}, false, true));
    const json::value members = at_path(browser.next("presence_full"), "payload.members");
    EXPECT_EQ(members.as_array().size(), 2U) << "the watcher, and the same user's phone";
    browser.send("leave", "room");
    ASSERT_TRUE(browser.next("leave"));
    phone.reset();
    EXPECT_EQ(at_path(watcher.next(Deadline(kPatience)), "payload.member.id"), "9") << "it left once";
}

TEST_F(BridgeV2UsersTest, ADirectMessageReachesEverySocketOfItsUserAndNobodyElse) {
    SecondClient ada = connect("1");
    SecondClient bob = connect("2");
    SecondClient bob_too = connect("2");
    BridgeClient bob_old(server_->http_port(), "default", server_->token("2"));
    SecondClient eve = connect("3");
    for (SecondClient* one : {&ada, &bob, &bob_too, &eve}) ASSERT_TRUE(one->join("room"));
    ASSERT_TRUE(bob_old.join("room"));
    ada.broadcast("room", "whisper", "psst", {{"to", {{"dbo_id", 1}, {"row_id", 2}}}});
    const std::optional<json::object> receipt = ada.next("broadcast");
    EXPECT_EQ(at_path(receipt, "payload"), (json::value{{"delivered_local", 3}, {"direct", true}}));
    for (SecondClient* one : {&bob, &bob_too}) {
        const std::optional<json::object> frame = one->next("message");
        EXPECT_EQ(at_path(frame, "payload"), "psst");
        EXPECT_EQ(at_path(frame, "type"), "whisper");
        EXPECT_EQ(at_path(frame, "direct"), true);
        EXPECT_EQ(at_path(frame, "client.permissions.row_id"), 1);
    }
    EXPECT_EQ(at_path(bob_old.next("message"), "payload"), "psst");
    ada.broadcast("room", "send", "for all");
    EXPECT_EQ(at_path(eve.next("message"), "payload"), "for all");
    SecondClient nobody = connect();
    ASSERT_TRUE(nobody.join("room"));
    nobody.broadcast("room", "whisper", "psst", {{"to", {{"dbo_id", 1}, {"row_id", 2}}}});
    EXPECT_EQ(code_of(nobody.next("error")), "not_authorised");
    // What was private is in no history.
    SecondClient late = connect();
    ASSERT_TRUE(late.join("room", {}, true));
    EXPECT_EQ(at_path(late.next("conversation_start"), "payload.count"), 1);
}

TEST_F(BridgeV2UsersTest, AnonymousClientsMayWhatTheRuleSays) {
    SecondClient nobody = connect();
    nobody.send("join", "closed");
    const std::optional<json::object> error = nobody.next(Deadline(kPatience));
    EXPECT_EQ(at_path(error, "channel"), "closed");
    EXPECT_EQ(at_path(error, "payload.message"), "Anonymous clients cannot join this channel.");
    ASSERT_TRUE(nobody.join("room"));
    nobody.broadcast("room", "send", 1);
    EXPECT_EQ(code_of(nobody.next("error")), "not_authorised");
    SecondClient ada = connect("1");
    EXPECT_TRUE(ada.join("closed"));
    SecondClient stranger(server_->http_port(), "not-a-token");
    EXPECT_EQ(code_of(stranger.next("error")), "token_not_verified");
    EXPECT_EQ(stranger.socket().wait_closed(), 4401);
}

}  // namespace
}  // namespace millrace::system_test
