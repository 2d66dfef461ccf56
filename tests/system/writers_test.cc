// Who gets what is written under `audience`, by whichever door it came in (docs/channels.md, "Who gets
// what").
#include <boost/json/serialize.hpp>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/server.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
using Texts = std::set<std::string>;

constexpr const char* kBackend = "the-key-of-a-backend";
constexpr const char* kYaml =
    "threads: 2\n"
    "auth: {anonymous: true, api_keys: [the-key-of-a-backend],\n"
    "       jwt: {secret: the-secret-of-the-tests-is-32-bytes}}\n"
    "channels:\n"
    "  - {match: inner/stored, audience: authenticated}\n"
    "  - {match: inner/live, audience: authenticated, store: false}\n"
    "  - {match: '#'}\n";

/// CONNECT of a 3.1.1 client with a will of QoS 1.
std::string connect_with_will(const std::string& password, const std::string& channel,
                              const std::string& will) {
    const char flags = static_cast<char>((password.empty() ? 0 : 0xc0) | 0x0e);
    std::string body = mqtt_string("MQTT") + static_cast<char>(kMqtt311) + flags + mqtt_u16(60);
    body += mqtt_string("") + mqtt_string(channel) + mqtt_string(will);
    if (!password.empty()) body += mqtt_string("user") + mqtt_string(password);
    return mqtt_packet(0x10, body);
}

class WritersTest : public ::testing::TestWithParam<StoreKind> {
  protected:
    void SetUp() override {
        server_ = std::make_unique<Server>(Server::Yaml{"store: {url: \"" + store_.url() + "\"}\n" + kYaml});
        server_->start();
        const Outcome made = run({.argv = {millrace_binary(), "token", "--user", "7", "--config",
                                           server_->directory() / "millrace.yaml"}});
        ASSERT_EQ(made.status, 0) << made.error;
        credentials_ = {{"anonymous", ""},
                        {"user", made.output.substr(0, made.output.find('\n'))},
                        {"backend", kBackend}};
    }
    void TearDown() override {
        EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
    }

    HttpAnswer ask(const std::string& who, std::string_view method, const std::string& target,
                   const std::string& body = {}) const {
        const std::string& credential = credentials_.at(who);
        const std::string header = credential.empty() ? "" : "Authorization: Bearer " + credential + "\r\n";
        return HttpConnection(server_->http_port())
            .request(method, target, body, "Content-Type: application/json\r\n" + header);
    }

    using Write = std::function<void(const std::string& credential, const std::string& channel,
                                     const std::string& text)>;
    std::map<std::string, Write> doors() const;
    Texts write_through_all(const std::string& channel);
    Texts history(const std::string& who, const std::string& channel, std::size_t count) const;

    TestStore store_{GetParam()};
    std::unique_ptr<Server> server_;
    std::map<std::string, std::string> credentials_;
};

std::map<std::string, WritersTest::Write> WritersTest::doors() const {
    std::map<std::string, Write> doors;
    for (const int level : {kMqtt311, kMqtt5}) {
        doors["MQTT " + std::to_string(level)] = [this, level](const auto& credential, const auto& channel,
                                                               const auto& text) {
            MqttConnection client(server_->mqtt_port(), level, "", credential);
            client.send(mqtt_publish(level, channel, json::serialize(json::string(text)), 1, 1));
            EXPECT_TRUE(client.read_type(PacketType::puback));
        };
    }
    doors["will"] = [this](const auto& credential, const auto& channel, const auto& text) {
        MqttConnection client(server_->mqtt_port(), kMqtt311);
        client.send(connect_with_will(credential, channel, json::serialize(json::string(text))));
        EXPECT_TRUE(client.read_type(PacketType::connack));
        client.socket().reset();
    };
    doors["MQTT over WebSocket"] = [this](const auto& credential, const auto& channel, const auto& text) {
        WebSocketClient socket(server_->http_port(), "/mqtt", "mqtt");
        socket.send_raw(websocket_frame(Opcode::binary, mqtt_connect(kMqtt5, "", credential)));
        EXPECT_TRUE(socket.read());
        const std::string packet = mqtt_publish(kMqtt5, channel, json::serialize(json::string(text)), 1, 1);
        socket.send_raw(websocket_frame(Opcode::binary, packet));
        EXPECT_TRUE(socket.read());
    };
    doors["browser"] = [this](const auto& credential, const auto& channel, const auto& text) {
        BridgeClient browser(server_->http_port(), "default", credential);
        browser.message(channel, json::value(text));
        browser.send("unknown", channel, nullptr);
        EXPECT_EQ(at_path(browser.next("error"), "payload.code"), "unknown_action");
    };
    doors["browser, second generation"] = [this](const auto& credential, const auto& channel,
                                                 const auto& text) {
        SecondClient browser(server_->http_port(), credential);
        browser.broadcast(channel, "send", json::value(text));
        EXPECT_TRUE(browser.next("broadcast"));
    };
    for (const char* type : {"message", "event"}) {
        doors[std::string("HTTP, ") + type] = [this, type](const auto& credential, const auto& channel,
                                                           const auto& text) {
            const json::object body{{"channel", channel}, {"data", text}, {"type", type}};
            const std::string header =
                credential.empty() ? "" : "Authorization: Bearer " + credential + "\r\n";
            const HttpAnswer answer = HttpConnection(server_->http_port())
                                          .request("POST", "/v1/publish", json::serialize(body), header);
            EXPECT_EQ(answer.status / 100, 2) << answer.body;
        };
    }
    return doors;
}

/// Everybody writes through every door; what anonymous readers are to get of it.
Texts WritersTest::write_through_all(const std::string& channel) {
    Texts open;
    for (const auto& [door, write] : doors()) {
        for (const auto& [who, credential] : credentials_) {
            const std::string text = who + " by " + door;
            if (who != "user") open.insert(text);
            write(credential, channel, text);
        }
    }
    if (GetParam() == StoreKind::postgres) {
        store_.query("select millrace.publish('" + channel + "', '\"SQL\"')");
        open.insert("SQL");
    }
    return open;
}

Texts WritersTest::history(const std::string& who, const std::string& channel, std::size_t count) const {
    Texts texts;
    const auto complete = [&] {
        const std::string path = "/v1/channels/" + channel.substr(0, 5) + "%2F" + channel.substr(6);
        const json::value page = ask(who, "GET", path + "/messages").json();
        for (const json::value& message : page.at("messages").as_array())
            texts.insert(message.at("data").as_string().c_str());
        return texts.size() >= count;
    };
    EXPECT_TRUE(eventually(complete)) << texts.size() << " of " << count;
    return texts;
}

/// What comes until `count` different texts are there.
Texts read_texts(MqttConnection& device, std::size_t count) {
    Texts texts;
    while (texts.size() < count) {
        const auto packet = device.read_type(PacketType::publish);
        if (!packet) break;
        const std::string payload = parse_publish(*packet, device.level()).payload;
        texts.insert(payload.substr(1, payload.size() - 2));
    }
    return texts;
}

TEST_P(WritersTest, EveryDoorWritesForThoseWhoAreMeant) {
    for (const std::string channel : {"inner/stored", "inner/live"}) {
        SCOPED_TRACE(channel);
        MqttConnection stranger(server_->mqtt_port(), kMqtt5, "", "");
        MqttConnection member(server_->mqtt_port(), kMqtt5, "", credentials_.at("user"));
        ASSERT_EQ(stranger.subscribe(channel, 0), 0);
        ASSERT_EQ(member.subscribe(channel, 0), 0);
        const Texts open = write_through_all(channel);
        const std::size_t all = open.size() + doors().size();
        const Texts seen = read_texts(member, all);
        EXPECT_EQ(seen.size(), all);
        EXPECT_EQ(read_texts(stranger, open.size()), open);
        if (channel == "inner/live") continue;
        EXPECT_EQ(history("user", channel, all), seen);
        EXPECT_EQ(history("anonymous", channel, open.size()), open);
    }
}

MILLRACE_ON_BOTH_STORES(WritersTest);

}  // namespace
}  // namespace millrace::system_test
