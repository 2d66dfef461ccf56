// log.trace_clients: every packet of a client in the log, and nothing secret.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/system/support/mosquitto_client.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/server.h"
#include "tests/system/support/wait.h"

namespace millrace::system_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TraceTest : public ::testing::Test {
  protected:
    void SetUp() override {
        server_ = std::make_unique<Server>(Server::Yaml{yaml("[probe-1, 'lab-*', 'user:bob']")});
        add("ada", "the-password-of-ada", false);
        add("bob", "the-password-of-bob", true);
        server_->start();
    }
    void TearDown() override {
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
        EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
    }
    static std::string yaml(const std::string& traced) {
        return "threads: 2\nstore: {url: \"sqlite:store.db\"}\n"
               "auth: {anonymous: false, password_file: users.txt}\n"
               "channels:\n  - {match: '#', store: false}\n"
               "log: {level: info, trace_clients: " +
               traced + "}\n";
    }
    void add(const std::string& user, const std::string& password, bool scram) {
        std::vector<std::string> command{millrace_binary(), "passwd", server_->directory() / "users.txt",
                                         user};
        if (scram) command.insert(command.begin() + 2, "--scram");
        ASSERT_EQ(run({.argv = command}, password + "\n").status, 0);
    }
    void publish_as(const std::string& id) {
        ASSERT_EQ(mosquitto_pub(server_->mqtt_port(),
                                {"-V", "mqttv5", "-i", id, "-u", "ada", "-P", "the-password-of-ada", "-q",
                                 "1", "-t", "rooms/1", "-m", "the-payload-of-ada", "-D", "publish",
                                 "user-property", "token", "the-property-of-ada"})
                      .status,
                  0);
    }
    std::size_t traced(const std::string& id) const {
        const std::string log = server_->log();
        std::size_t count = 0;
        const std::string wanted = "trace \"" + id + "\"";
        for (std::size_t at = 0; (at = log.find(wanted, at)) != std::string::npos; ++at) ++count;
        return count;
    }
    std::unique_ptr<Server> server_;
};

TEST_F(TraceTest, EveryPacketIsThereAndNothingSecret) {
    for (const char* id : {"probe-1", "lab-7", "other"}) publish_as(id);
    const std::string log = server_->log();
    EXPECT_THAT(log, HasSubstr("trace \"probe-1\" in CONNECT MQTT 5.0, clean"));
    EXPECT_THAT(log, HasSubstr("trace \"probe-1\" out CONNACK 0x00 success"));
    EXPECT_THAT(log, HasSubstr("trace \"probe-1\" in PUBLISH \"rooms/1\", QoS 1, id 1, payload bytes 18"));
    EXPECT_THAT(log, HasSubstr("trace \"probe-1\" out PUBACK id 1, 0x00 success"));
    EXPECT_THAT(log, HasSubstr("trace \"probe-1\" in DISCONNECT 0x00"));
    EXPECT_EQ(traced("probe-1"), 5U);
    EXPECT_EQ(traced("lab-7"), 5U);
    EXPECT_EQ(traced("other"), 0U);
    for (const char* secret : {"the-password", "the-payload", "the-property"})
        EXPECT_THAT(log, Not(HasSubstr(secret)));
}

TEST_F(TraceTest, UsersAreTracedWhateverTheirClientIdAndAuthenticationIsNotShown) {
    NodeClient bob("scram_client.mjs", {"--url", "mqtt://127.0.0.1:" + std::to_string(server_->mqtt_port()),
                                        "--user", "bob", "--password", "the-password-of-bob", "--id", "any"});
    const auto final = bob.next("final");
    ASSERT_TRUE(final);
    ASSERT_EQ(bob.next("connected"), true);
    bob.send({{"do", "reauthenticate"}, {"password", "the-password-of-bob"}});
    ASSERT_EQ(bob.next("reauthenticated"), true);
    const std::string log = server_->log();
    EXPECT_THAT(log, HasSubstr("trace \"any\" out CONNACK 0x00 success"));
    EXPECT_THAT(log, HasSubstr("trace \"any\" in AUTH 0x19 re-authenticate"));
    EXPECT_THAT(log, HasSubstr("trace \"any\" out AUTH 0x18 continue authentication"));
    EXPECT_THAT(log, Not(HasSubstr("biws")));
    EXPECT_THAT(log, Not(HasSubstr("the-password")));
}

TEST_F(TraceTest, SighupTurnsItOnAndOffForWhoIsConnected) {
    MosquittoSub client(server_->mqtt_port(),
                        {"-i", "later", "-u", "ada", "-P", "the-password-of-ada", "-t", "rooms/#"});
    ASSERT_TRUE(client.subscribed());
    publish_as("other");
    ASSERT_EQ(client.next(), "the-payload-of-ada");
    EXPECT_EQ(traced("later"), 0U);
    const auto reload = [this](const std::string& patterns, std::size_t times) {
        const std::string path = server_->directory() / "millrace.yaml";
        std::string text = read_file(path);
        const std::size_t at = text.find("trace_clients: ") + 15;
        write_file(path, text.replace(at, text.find("}\n", at) - at, patterns));
        server_->reload();
        return eventually([&] {
            std::size_t found = 0;
            const std::string log = server_->log();
            for (std::size_t from = 0; (from = log.find("reload: done", from)) != std::string::npos; ++from)
                ++found;
            return found == times;
        });
    };
    ASSERT_TRUE(reload("[later]", 1));
    publish_as("other");
    ASSERT_EQ(client.next(), "the-payload-of-ada");
    EXPECT_THAT(server_->log(),
                HasSubstr("trace \"later\" out PUBLISH \"rooms/1\", QoS 0, payload bytes 18"));
    ASSERT_TRUE(reload("[]", 2));
    const std::size_t before = traced("later");
    publish_as("other");
    ASSERT_EQ(client.next(), "the-payload-of-ada");
    EXPECT_EQ(traced("later"), before);
}

}  // namespace
}  // namespace millrace::system_test
