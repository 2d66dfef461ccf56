// Who somebody is and what they may do: passwords, tokens and access control lists, through every door, with
// Mosquitto's tools, the published SDK and our own commands.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/mosquitto_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/server.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

constexpr const char* kAcl =
    "topic read news/#\n"
    "user ada\n"
    "topic readwrite room/#\n"
    "topic deny room/secret\n"
    "pattern readwrite own/%u/#\n"
    "pattern readwrite device/%c\n";

/// Users in files and by token; anonymous clients may come in, and see what the list gives them.
class AccessTest : public ::testing::Test {
  protected:
    void SetUp() override { start("anonymous: true, "); }
    void TearDown() override {
        if (server_->running()) {
            EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
        }
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
    }

    void start(const std::string& auth, const std::string& more = {}) {
        server_ = std::make_unique<Server>(Server::Yaml{
            "threads: 2\nstore: {url: \"sqlite:store.db\"}\nlog: {level: trace}\n"
            "auth: {" +
            auth +
            "api_keys: [the-key-of-a-backend], password_file: users.txt, acl_file: acl.txt,\n"
            "       jwt: {secret: the-secret-of-the-tests-is-32-bytes, leeway: 0s}}\n"
            "channels:\n  - {match: '#', store: true, history: 10, presence: true, publish: anyone}\n" +
            more});
        ASSERT_EQ(
            run({.argv = {"mosquitto_passwd", "-c", "-b", path("users.txt"), "ada", "lovelace"}}).status, 0);
        ASSERT_EQ(run({.argv = {millrace_binary(), "passwd", path("users.txt"), "bob"}}, "builder\n").status,
                  0);
        write_file(path("acl.txt"), kAcl);
        server_->start();
    }
    std::string path(const std::string& name) const { return server_->directory() / name; }
    std::string token(const std::string& user, const std::string& ttl = "1h") const {
        return server_->token(user, {"--extras", R"({"hero":"Ada"})", "--ttl", ttl});
    }
    Outcome publish(std::vector<std::string> who, const std::string& topic, const std::string& text) const {
        who.insert(who.end(), {"-V", "mqttv5", "-q", "1", "-t", topic, "-m", text});
        return mosquitto_pub(server_->mqtt_port(), who);
    }
    /// The texts that are stored, asked for by the backend.
    std::vector<std::string> stored(const std::string& channel) const {
        const HttpAnswer answer = ask("the-key-of-a-backend", "GET", "/v1/channels/" + channel + "/messages");
        const json::value page = answer.json();
        std::vector<std::string> texts;
        for (const json::value& message : page.at("messages").as_array())
            texts.emplace_back(message.at("data").as_string());
        return texts;
    }
    HttpAnswer ask(const std::string& bearer, std::string_view method, std::string_view target,
                   std::string_view body = {}) const {
        HttpConnection http(server_->http_port());
        return http.request(method, target, body,
                            "Content-Type: application/json\r\nAuthorization: Bearer " + bearer + "\r\n");
    }
    static std::string code_of(const std::optional<json::object>& error) {
        const json::value code = at_path(error, "payload.code");
        return code.is_string() ? code.as_string().c_str() : "none";
    }

    const std::vector<std::string> ada_{"-u", "ada", "-P", "lovelace"};
    const std::vector<std::string> bob_{"-u", "bob", "-P", "builder"};
    std::unique_ptr<Server> server_;
};

TEST_F(AccessTest, PasswordsOfMosquittosFilesAndOfOurs) {
    EXPECT_EQ(publish(ada_, "room/1", "from ada").status, 0);
    EXPECT_EQ(publish(bob_, "own/bob/1", "from bob").status, 0);
    EXPECT_NE(publish({"-u", "ada", "-P", "wrong"}, "room/1", "a").status, 0);
    EXPECT_NE(publish({"-u", "nobody", "-P", "lovelace"}, "room/1", "a").status, 0);
    EXPECT_NE(publish({"-u", "ada"}, "room/1", "a").status, 0);
    EXPECT_THAT(stored("room%2F1"), ::testing::ElementsAre("from ada"));
    EXPECT_THAT(stored("own%2Fbob%2F1"), ::testing::ElementsAre("from bob"));
    // What mosquitto_passwd would read of the file that both have written.
    EXPECT_THAT(read_file(path("users.txt")), HasSubstr("ada:$7$"));
    EXPECT_THAT(read_file(path("users.txt")), HasSubstr("bob:$argon2id$"));
}

// Bug class 14.
TEST_F(AccessTest, TheListDecidesOnWritingAndReading) {
    EXPECT_EQ(publish(ada_, "room/a", "yes").error, "");
    EXPECT_THAT(publish(ada_, "room/secret", "no").error, HasSubstr("ot authorized"));
    EXPECT_THAT(publish(ada_, "own/bob/x", "no").error, HasSubstr("ot authorized"));
    EXPECT_THAT(publish(bob_, "room/a", "no").error, HasSubstr("ot authorized"));
    EXPECT_EQ(publish({"-i", "sensor"}, "device/sensor", "mine").error, "");
    EXPECT_THAT(publish({"-i", "sensor"}, "device/other", "no").error, HasSubstr("ot authorized"));
    EXPECT_THAT(stored("room%2Fa"), ::testing::ElementsAre("yes"));
    EXPECT_THAT(stored("device%2Fsensor"), ::testing::ElementsAre("mine"));
    EXPECT_TRUE(stored("room%2Fsecret").empty());

    MosquittoSub all(server_->mqtt_port(), {"-u", "ada", "-P", "lovelace", "-t", "room/#"});
    ASSERT_TRUE(all.subscribed());
    for (const char* channel : {"room/secret", "room/open"}) {
        const std::string body = R"({"channel":")" + std::string(channel) + R"(","data":")" + channel + "\"}";
        ASSERT_EQ(ask("the-key-of-a-backend", "POST", "/v1/publish", body).status, 201);
    }
    EXPECT_EQ(all.next(), "\"room/open\"") << "what is denied inside a filter is kept back";
    MosquittoSub shared(server_->mqtt_port(),
                        {"-u", "bob", "-P", "builder", "-V", "mqttv5", "-d", "-t", "$share/g/room/#"});
    const std::string said = shared.process().read_output();
    EXPECT_THAT(said + shared.process().error_text(), HasSubstr("denied"));
}

// Bug class 21.
TEST_F(AccessTest, OneTokenOpensEveryDoor) {
    const std::string hero = token("7");
    // The list has no lines for a user "7" but its own pattern.
    EXPECT_EQ(publish({"-u", "anything", "-P", hero}, "own/7/a", "by mqtt").error, "");
    EXPECT_EQ(
        ask(hero, "POST", "/v1/publish", R"({"channel":"own/7/a","data":"by http","type":"message"})").status,
        201);
    EXPECT_EQ(
        ask(hero, "POST", "/v1/publish", R"({"channel":"own/8/a","data":"no","type":"message"})").status,
        403);
    EXPECT_EQ(http_get(server_->http_port(), "/v1/channels/own%2F7%2Fa/messages?access_token=" + hero).status,
              200);
    EXPECT_EQ(http_get(server_->http_port(), "/v1/channels/own%2F7%2Fa/messages").status, 403);
    EXPECT_EQ(ask(hero + "x", "GET", "/v1/channels/own%2F7%2Fa/messages").status, 401);

    BridgeClient browser(server_->http_port(), "default", hero);
    ASSERT_TRUE(browser.join("own/7/a", true));
    const auto history = browser.next("history");
    ASSERT_TRUE(history);
    EXPECT_EQ(at_path(history, "payload.history").as_array().size(), 2U);
    browser.send("join", "own/8/a", json::object{});
    EXPECT_EQ(code_of(browser.next("error")), "not_authorised");
    MqttConnection device(server_->mqtt_port(), kMqtt5, "device-7", hero);
    ASSERT_EQ(device.subscribe("own/7/a", 0), 0);
    EXPECT_EQ(
        ask(hero, "GET", "/v1/channels/own%2F7%2Fa/presence").json().at("presence").as_array().back(),
        json::parse(R"({"socketId":"mqtt:device-7","extras":{"hero":"Ada","mqtt_client_id":"device-7"},)"
                    R"("permissions":{"dbo_id":1,"row_id":7}})"));
    for (const int major : {1, 2, 3}) {
        SdkClient sdk(major, server_->websocket_url(), "own/7/sdk" + std::to_string(major),
                      {"--presence", "--token", hero});
        ASSERT_TRUE(sdk.frame("presence_full")) << major;
        const json::array members = sdk.presence();
        ASSERT_EQ(members.size(), 1U);
        EXPECT_EQ(members[0].at("extras"), json::value({{"hero", "Ada"}}));
        EXPECT_EQ(members[0].at("permissions").at("row_id"), json::value(7));
    }
}

// Bug class 21.
TEST_F(AccessTest, AnEventToOneUserReachesNobodyElse) {
    write_file(path("acl.txt"), "pattern readwrite room/#\n");
    server_->reload();
    ASSERT_TRUE(eventually([this] { return server_->log().find("reload: done") != std::string::npos; }));
    BridgeClient seven(server_->http_port(), "default", token("7"));
    BridgeClient eight(server_->http_port(), "default", token("8"));
    ASSERT_TRUE(seven.join("room/x"));
    ASSERT_TRUE(eight.join("room/x"));
    for (const char* body : {R"({"channel":"room/x","data":"for 7","to":{"dbo_id":1,"row_id":7}})",
                             R"({"channel":"room/x","data":"for all"})"})
        ASSERT_EQ(ask("the-key-of-a-backend", "POST", "/v1/publish", body).status, 201);
    EXPECT_EQ(at_path(seven.next("event"), "payload.data"), json::value("for 7"));
    EXPECT_EQ(at_path(eight.next("event"), "payload.data"), json::value("for all"));
    const json::value page = ask(token("8"), "GET", "/v1/channels/room%2Fx/messages").json();
    EXPECT_EQ(page.at("messages").as_array().size(), 1U);
}

TEST_F(AccessTest, TheEndOfATokenEndsWhatItOpened) {
    const std::string brief = token("7", "2s");
    BridgeClient browser(server_->http_port(), "default", brief);
    ASSERT_TRUE(browser.join("own/7/a"));
    Process mqtt({.argv = {"mosquitto_sub", "-h", "127.0.0.1", "-p", std::to_string(server_->mqtt_port()),
                           "-u", "7", "-P", brief, "-V", "mqttv5", "-t", "own/7/a", "-C", "1", "-d"}});
    HttpConnection stream(server_->http_port());
    stream.socket().send("GET /v1/channels/own%2F7%2Fa/stream?access_token=" + brief +
                         " HTTP/1.1\r\nHost: here\r\n\r\n");
    EXPECT_EQ(code_of(browser.next("error")), "token_expired");
    EXPECT_EQ(browser.socket().wait_closed(), 4401);
    EXPECT_TRUE(eventually([&] { return !stream.socket().receive(Deadline(1s)); }));
    EXPECT_THAT(mqtt.read_output(3s), HasSubstr("DISCONNECT"));
    EXPECT_EQ(ask(brief, "GET", "/v1/channels/own%2F7%2Fa/messages").status, 401);
}

TEST_F(AccessTest, ABadTokenIsRefusedUnlessItsOwnerMayBeAnonymous) {
    {
        BridgeClient strict(server_->http_port(), "default", "not-a-token");
        EXPECT_EQ(code_of(strict.next("error")), "token_not_verified");
        EXPECT_EQ(strict.socket().wait_closed(), 4401);
    }
    ASSERT_EQ(server_->stop(), 0);
    start("anonymous: true, ", "realtime: {bad_token: anonymous}\n");
    BridgeClient lenient(server_->http_port(), "default", "not-a-token");
    EXPECT_EQ(code_of(lenient.next("error")), "token_not_verified");
    EXPECT_TRUE(lenient.join("news/today"));
}

// Bug classes 14 and 23.
TEST_F(AccessTest, WhatSighupReadsHoldsAtOnce) {
    MosquittoSub room(server_->mqtt_port(), {"-u", "ada", "-P", "lovelace", "-V", "mqttv5", "-t", "room/1"});
    ASSERT_TRUE(room.subscribed());
    BridgeClient browser(server_->http_port());
    ASSERT_TRUE(browser.join("news/today"));
    write_file(path("acl.txt"), "topic raed news/#\n");
    server_->reload();
    ASSERT_TRUE(
        eventually([this] { return server_->log().find("old configuration stays") != std::string::npos; }));
    EXPECT_THAT(server_->log(), HasSubstr("acl.txt:1"));
    EXPECT_EQ(publish(ada_, "room/1", "still").error, "");
    EXPECT_EQ(room.next(), "still");

    write_file(path("acl.txt"), "user ada\ntopic read elsewhere\n");
    server_->reload();
    EXPECT_EQ(code_of(browser.next("error")), "not_authorised");
    EXPECT_TRUE(room.process().wait()) << "who loses a subscription is told by a DISCONNECT";
    EXPECT_THAT(publish(ada_, "room/1", "no").error, HasSubstr("ot authorized"));
    EXPECT_THAT(stored("room%2F1"), ::testing::ElementsAre("still"));
}

TEST_F(AccessTest, SighupReadsLimitsAndTheRealtimeKeyToo) {
    const std::string body = R"({"channel":"news/1","data":")" + std::string(5000, 'x') + "\"}";
    ASSERT_EQ(ask("the-key-of-a-backend", "POST", "/v1/publish", body).status, 201);
    HttpConnection waiting(server_->http_port());
    std::string yaml = read_file(path("millrace.yaml"));
    write_file(path("millrace.yaml"),
               yaml + "realtime: {key: fresh}\nlimits: {http_body_bytes: 4KiB, connections: 9}\n");
    server_->reload();
    ASSERT_TRUE(eventually([this] { return server_->log().find("reload: done") != std::string::npos; }));
    EXPECT_EQ(ask("the-key-of-a-backend", "POST", "/v1/publish", body).status, 413);
    EXPECT_EQ(waiting
                  .request("POST", "/v1/publish", body,
                           "Content-Type: application/json\r\nAuthorization: Bearer the-key-of-a-backend\r\n")
                  .status,
              413)
        << "on a connection that was open before";
    EXPECT_TRUE(BridgeClient(server_->http_port(), "fresh").join("news/1"));
    EXPECT_EQ(BridgeClient(server_->http_port(), "default").socket().wait_closed(), 4401);
    EXPECT_THAT(server_->log(), HasSubstr("needs a restart"));
}

// Bug class 17.
TEST_F(AccessTest, AClientIdBelongsToTheUserWhoOpenedTheSession) {
    const auto subscribe = [this](std::vector<std::string> who) {
        who.insert(who.end(), {"-h", "127.0.0.1", "-p", std::to_string(server_->mqtt_port()), "-i", "lasting",
                               "-c", "-q", "1", "-t", "own/ada/x", "-E"});
        who.insert(who.begin(), "mosquitto_sub");
        return run({.argv = who}).status;
    };
    EXPECT_EQ(subscribe(ada_), 0);
    EXPECT_NE(subscribe(bob_), 0) << "it would get what is queued for ada";
    EXPECT_EQ(subscribe(ada_), 0);
}

// Bug class 29.
TEST_F(AccessTest, SecretsStayOutOfTheLog) {
    const std::string hero = token("7");
    EXPECT_EQ(publish(ada_, "room/1", "a").status, 0);
    EXPECT_NE(publish({"-u", "ada", "-P", "planted-and-wrong"}, "room/1", "a").status, 0);
    EXPECT_EQ(publish({"-u", "x", "-P", hero}, "own/7/a", "a").status, 0);
    EXPECT_EQ(ask("planted-key", "GET", "/v1/channels/a/messages").status, 401);
    EXPECT_EQ(http_get(server_->http_port(), "/v1/channels/own%2F7/messages?access_token=" + hero).status,
              200);
    BridgeClient browser(server_->http_port(), "default", "planted-token");
    EXPECT_EQ(browser.socket().wait_closed(), 4401);
    server_->reload();
    ASSERT_TRUE(eventually([this] { return server_->log().find("reload: done") != std::string::npos; }));
    for (const std::string& secret :
         {std::string("lovelace"), std::string("planted"), hero, hero.substr(0, 20),
          std::string("the-key-of"), std::string("the-secret-of")})
        EXPECT_EQ(server_->log().find(secret), std::string::npos) << secret;
}

// Bug class 16.
TEST_F(AccessTest, CheckReadsTheFilesToo) {
    write_file(path("acl.txt"), "user ada\ntopic wirte a\n");
    const Outcome checked =
        run({.argv = {millrace_binary(), "check", path("millrace.yaml")}, .directory = server_->directory()});
    EXPECT_NE(checked.status, 0);
    EXPECT_THAT(checked.error, HasSubstr("acl.txt:2"));
    write_file(
        path("tls.yaml"),
        "listeners: ['mqtts://127.0.0.1:8883']\ntls: {certificate: none.pem, private_key: none.pem}\n");
    const Outcome missing =
        run({.argv = {millrace_binary(), "check", path("tls.yaml")}, .directory = server_->directory()});
    EXPECT_NE(missing.status, 0);
    EXPECT_THAT(missing.error, HasSubstr("none.pem"));
}

}  // namespace
}  // namespace millrace::system_test
