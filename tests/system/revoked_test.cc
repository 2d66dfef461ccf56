// A reload takes keys and passwords away from those who are connected, too.
#include <gtest/gtest.h>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/server.h"

namespace millrace::system_test {
namespace {

constexpr const char* kYaml =
    "threads: 2\n"
    "store: {url: \"sqlite:store.db\"}\n"
    "auth: {anonymous: true, api_keys: [old-key, other-key], password_file: users.txt}\n"
    "channels:\n  - {match: '#'}\n";

class RevokedTest : public ::testing::Test {
  protected:
    void SetUp() override {
        set_password("builder");
        server_.start();
    }
    void TearDown() override {
        EXPECT_EQ(server_.stop(), 0) << "after SIGTERM";
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_.log() << "---\n";
    }

    void set_password(const std::string& password) {
        const std::string file = server_.directory() / "users.txt";
        const Outcome made = run({.argv = {millrace_binary(), "passwd", file, "bob"}}, password + "\n");
        ASSERT_EQ(made.status, 0) << made.error;
    }
    void remove_old_key() {
        const std::string file = server_.directory() / "millrace.yaml";
        std::string yaml = read_file(file);
        yaml.replace(yaml.find("old-key, "), 9, "");
        write_file(file, yaml);
    }
    void reload() {
        server_.reload();
        ASSERT_TRUE(eventually([this] { return server_.log().find("reload: done") != std::string::npos; }));
    }
    MqttConnection bob(int level) {
        MqttConnection client(server_.mqtt_port(), level);
        client.send(mqtt_connect_again(level, "bob", 0, "bob", "builder"));
        EXPECT_TRUE(client.read_type(PacketType::connack));
        return client;
    }
    HttpConnection stream(const std::string& key) {
        HttpConnection reader(server_.http_port());
        reader.socket().send("GET /v1/channels/room/stream HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer " +
                             key + "\r\n\r\n");
        const Deadline deadline(kPatience);
        while (reader.socket().received().find("\r\n\r\n") == std::string_view::npos)
            if (!reader.socket().receive(deadline)) break;
        return reader;
    }

    Server server_{Server::Yaml{kYaml}};
};

TEST_F(RevokedTest, WhoseApiKeyIsGoneIsSentAway) {
    MqttConnection device(server_.mqtt_port(), kMqtt5, "device", "old-key");
    MqttConnection old_device(server_.mqtt_port(), kMqtt311, "old-device", "old-key");
    BridgeClient browser(server_.http_port(), "default", "old-key");
    ASSERT_TRUE(browser.join("room"));
    HttpConnection reader = stream("old-key");
    MqttConnection other(server_.mqtt_port(), kMqtt5, "other", "other-key");
    BridgeClient other_browser(server_.http_port(), "default", "other-key");
    ASSERT_TRUE(other_browser.join("room"));
    HttpConnection other_reader = stream("other-key");
    MqttConnection nobody(server_.mqtt_port(), kMqtt5, "nobody");
    remove_old_key();
    reload();
    const auto goodbye = device.read_type(PacketType::disconnect);
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->disconnect_reason(), 0x87);
    EXPECT_TRUE(old_device.socket().closed_by_peer());
    EXPECT_EQ(at_path(browser.next("error"), "payload.code"), "not_authorised");
    EXPECT_TRUE(reader.socket().closed_by_peer());
    EXPECT_TRUE(other.alive());
    EXPECT_TRUE(nobody.alive());
    EXPECT_TRUE(other_browser.join("elsewhere"));
    EXPECT_FALSE(other_reader.socket().is_closed());
}

TEST_F(RevokedTest, WhosePasswordIsAnotherOneIsSentAway) {
    MqttConnection client = bob(kMqtt5);
    set_password("another");
    reload();
    const auto goodbye = client.read_type(PacketType::disconnect);
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->disconnect_reason(), 0x87);
}

}  // namespace
}  // namespace millrace::system_test
