// SCRAM-SHA-256 with mqtt.js, and the trace of single clients: nothing secret is in the log.
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/system/support/mosquitto_client.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/server.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

class ScramTest : public ::testing::Test {
  protected:
    void SetUp() override {
        server_ = std::make_unique<Server>(Server::Yaml{yaml("")});
        for (const auto& [user, password] : {std::pair("ada", "lovelace"), std::pair("bob", "builder")}) {
            const Outcome made = run({.argv = {millrace_binary(), "passwd", "--scram", users(), user}},
                                     std::string(password) + "\n");
            ASSERT_EQ(made.status, 0) << made.error;
        }
        server_->start();
    }
    void TearDown() override {
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
        EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
    }

    static std::string yaml(const std::string& log) {
        return "threads: 2\nstore: {url: \"sqlite:store.db\"}\n"
               "auth: {anonymous: false, password_file: users.txt}\n"
               "channels:\n  - {match: '#', store: false}\n"
               "log: {level: info" +
               log + "}\n";
    }
    std::string users() const { return server_->directory() / "users.txt"; }
    NodeClient client(const std::string& user, const std::string& password,
                      std::vector<std::string> more = {}) const {
        std::vector<std::string> arguments{
            "--url", "mqtt://127.0.0.1:" + std::to_string(server_->mqtt_port()), "--user", user, "--password",
            password};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return NodeClient("scram_client.mjs", arguments);
    }
    static json::object reauthenticate(const std::string& password) {
        return {{"do", "reauthenticate"}, {"password", password}};
    }
    static json::object publish(const std::string& topic, const std::string& payload) {
        return {{"do", "publish"}, {"topic", topic}, {"payload", payload}};
    }

    std::unique_ptr<Server> server_;
};

TEST_F(ScramTest, TheFileHoldsNoPassword) {
    EXPECT_THAT(read_file(users()), HasSubstr("ada:SCRAM-SHA-256$100000:"));
    EXPECT_THAT(read_file(users()), Not(HasSubstr("lovelace")));
    const Outcome made =
        run({.argv = {millrace_binary(), "passwd", "--scram", users(), "eve"}}, "caf\xC3\xA9\n");
    EXPECT_EQ(made.status, 1);
    EXPECT_THAT(made.error, HasSubstr("printable ASCII"));
}

TEST_F(ScramTest, EachSideShowsThatItKnowsThePassword) {
    NodeClient ada = client("ada", "lovelace");
    EXPECT_EQ(ada.next("connected"), true);
    ada.send(publish("a", "x"));
    EXPECT_EQ(ada.next("published"), 0);
    // The same line of the file is good for clients that send their password.
    const auto plain = [this](const char* password) {
        return mosquitto_pub(server_->mqtt_port(), {"-u", "bob", "-P", password, "-t", "a", "-m", "x"})
            .status;
    };
    EXPECT_EQ(plain("builder"), 0);
    EXPECT_NE(plain("lovelace"), 0);
}

TEST_F(ScramTest, WrongPasswordsAndUnknownUsersGetTheSameAnswer) {
    EXPECT_EQ(client("ada", "wrong").next("refused"), 0x87);
    EXPECT_EQ(client("eve", "wrong").next("refused"), 0x87);
}

TEST_F(ScramTest, AnAnswerHeardBeforeIsNoUse) {
    NodeClient ada = client("ada", "lovelace");
    const auto heard = ada.next("final");
    ASSERT_TRUE(heard);
    ASSERT_EQ(ada.next("connected"), true);
    NodeClient thief = client("ada", "unknown", {"--final", heard->as_string().c_str(), "--id", "thief"});
    EXPECT_EQ(thief.next("refused"), 0x87);
}

TEST_F(ScramTest, ReauthenticationWhileConnected) {
    NodeClient ada = client("ada", "lovelace");
    ASSERT_EQ(ada.next("connected"), true);
    ada.send(reauthenticate("lovelace"));
    EXPECT_EQ(ada.next("reauthenticated"), true);
    ada.send(publish("a", "x"));
    EXPECT_EQ(ada.next("published"), 0);
    ada.send(reauthenticate("wrong"));
    EXPECT_EQ(ada.next("disconnected"), 0x87);
}

}  // namespace
}  // namespace millrace::system_test
