// docs/channels.md says who may do what: its tables are walked through every door.
#include <boost/json/serialize.hpp>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/server.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;

constexpr const char* kBackend = "the-key-of-a-backend";
constexpr const char* kText = "\"text\"";

/// The cells of the rows whose first cell begins so.
std::vector<std::vector<std::string>> table(const std::string& beginning) {
    std::vector<std::vector<std::string>> rows;
    std::istringstream lines(read_file(source_directory() / "docs/channels.md"));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("| `" + beginning)) continue;
        std::vector<std::string>& cells = rows.emplace_back();
        std::istringstream rest(line.substr(2));
        for (std::string cell; std::getline(rest, cell, '|');) {
            while (cell.ends_with(' ')) cell.pop_back();
            cells.push_back(cell.substr(std::min(cell.find_first_not_of(' '), cell.size())));
        }
    }
    return rows;
}

/// `anonymous: true`, `publish: anyone` as the YAML of a rule, and as the name of its channel.
std::string yaml_of(std::string cell) {
    std::erase(cell, '`');
    return cell;
}
std::string channel_of(const std::string& cell) {
    std::string name = yaml_of(cell);
    std::erase_if(name, [](char c) { return c == ' ' || c == ':' || c == ','; });
    return "rules/" + name;
}
std::string in_path(std::string channel) {
    const std::size_t slash = channel.find('/');
    return channel.replace(slash, 1, "%2F");
}

class RulesTest : public ::testing::TestWithParam<StoreKind> {
  protected:
    void SetUp() override {
        std::set<std::string> rules;
        for (const char* beginning : {"anonymous: ", "audience: ", "private: "})
            for (const auto& row : table(beginning)) rules.insert(row.at(0));
        ASSERT_EQ(rules.size(), 11U);
        std::string yaml = "threads: 2\nstore: {url: \"" + store_.url() +
                           "\"}\n"
                           "auth: {anonymous: true, api_keys: [the-key-of-a-backend],\n"
                           "       jwt: {secret: the-secret-of-the-tests-is-32-bytes}}\nchannels:\n";
        for (const std::string& rule : rules)
            yaml += "  - {match: " + channel_of(rule) + ", " + yaml_of(rule) + "}\n";
        server_ = std::make_unique<Server>(Server::Yaml{yaml});
        server_->start();
        credentials_ = {{"anonymous", ""}, {"user", server_->token("7")}, {"backend", kBackend}};
    }
    void TearDown() override {
        EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
    }

    std::uint16_t http() const { return server_->http_port(); }
    static std::string authorization(const std::string& credential) {
        return credential.empty() ? std::string() : "Authorization: Bearer " + credential + "\r\n";
    }
    HttpAnswer ask(const std::string& credential, std::string_view method, const std::string& target,
                   const std::string& body = {}) const {
        HttpConnection connection(http());
        return connection.request(method, target, body,
                                  "Content-Type: application/json\r\n" + authorization(credential));
    }
    std::size_t count_stored(const std::string& channel) const {
        const json::value page =
            ask(kBackend, "GET", "/v1/channels/" + in_path(channel) + "/messages").json();
        return page.at("messages").as_array().size();
    }
    /// Sends one packet behind CONNECT, over a WebSocket, and gives the reason code of what answers it.
    int over_websocket(const std::string& credential, const std::string& packet) const {
        WebSocketClient socket(http(), "/mqtt", "mqtt");
        socket.send_raw(websocket_frame(Opcode::binary, mqtt_connect(kMqtt5, "", credential)));
        if (!socket.read()) return -1;
        socket.send_raw(websocket_frame(Opcode::binary, packet));
        const std::optional<std::string> answer = socket.read();
        if (!answer) return -1;
        // A PUBACK without one means success (3.4.2.1); behind it may stand properties. A SUBACK ends with
        // it, and a message may follow in the same frame.
        if (static_cast<unsigned char>(answer->front()) >> 4 == static_cast<int>(PacketType::puback))
            return answer->size() > 4 ? static_cast<unsigned char>((*answer)[4]) : 0;
        return static_cast<unsigned char>(answer->at(1 + static_cast<unsigned char>(answer->at(1))));
    }
    /// The reason code of the SUBACK for one packet sent behind CONNECT.
    int suback(const std::string& credential, int level, const std::string& packet) const {
        MqttConnection client(server_->mqtt_port(), level, "", credential);
        client.send(packet);
        const auto answer = client.read_type(PacketType::suback);
        return answer ? static_cast<unsigned char>(answer->body.back()) : -1;
    }
    static std::string publish_packet(const std::string& channel) {
        return mqtt_publish(kMqtt5, channel, kText, 1, 1);
    }
    /// Whether `code` says yes; a third answer fails the test.
    static bool said_yes(int code, int yes, int no) {
        EXPECT_TRUE(code == yes || code == no) << code;
        return code == yes;
    }
    static bool said_yes(FrameClient& browser, const std::string& wanted) {
        const auto frame = browser.next(Deadline(kPatience));
        const std::string action = frame ? frame->at("action").as_string().c_str() : "nothing";
        EXPECT_TRUE(action == wanted || action == "error") << action;
        return action == wanted;
    }

    static std::string code_of_next(BridgeClient& browser) {
        const json::value code = at_path(browser.next("error"), "payload.code");
        return code.is_string() ? code.as_string().c_str() : "none";
    }

    using Door = std::function<bool(const std::string& credential, const std::string& channel)>;
    std::map<std::string, Door> readers() const;
    void add_replays(std::map<std::string, Door>& doors) const;
    std::map<std::string, Door> writers(const std::string& who) const;

    void publish(const std::string& who, const std::string& channel, const std::string& text) const {
        const std::string body =
            R"({"channel":")" + channel + R"(","data":")" + text + R"(","type":"message"})";
        ASSERT_EQ(ask(credentials_.at(who), "POST", "/v1/publish", body).status, 201);
    }
    void publish_with_sql(const std::string& channel, const std::string& text) const {
        store_.query("select millrace.publish('" + channel + "', '\"" + text + "\"', type => 'message')");
    }

    TestStore store_{GetParam()};
    std::unique_ptr<Server> server_;
    std::map<std::string, std::string> credentials_;
};

std::map<std::string, RulesTest::Door> RulesTest::readers() const {
    std::map<std::string, Door> doors;
    doors["MQTT"] = [this](const std::string& credential, const std::string& channel) {
        MqttConnection client(server_->mqtt_port(), kMqtt5, "", credential);
        return said_yes(client.subscribe(channel, 1), 1, 0x87);
    };
    doors["MQTT over WebSocket"] = [this](const std::string& credential, const std::string& channel) {
        return said_yes(over_websocket(credential, mqtt_subscribe(kMqtt5, 1, channel, 1)), 1, 0x87);
    };
    doors["browser"] = [this](const std::string& credential, const std::string& channel) {
        BridgeClient browser(http(), "default", credential);
        browser.send("join", channel, json::object{});
        return said_yes(browser, "join");
    };
    doors["browser, second generation"] = [this](const std::string& credential, const std::string& channel) {
        SecondClient browser(http(), credential);
        browser.send("join", channel);
        return said_yes(browser, "join");
    };
    doors["event stream"] = [this](const std::string& credential, const std::string& channel) {
        HttpConnection connection(http());
        connection.socket().send("GET /v1/channels/" + in_path(channel) +
                                 "/stream HTTP/1.1\r\nHost: here\r\n" + authorization(credential) + "\r\n");
        const Deadline deadline(kPatience);
        while (connection.socket().received().size() < 12 && connection.socket().receive(deadline)) continue;
        return said_yes(std::stoi(std::string(connection.socket().received().substr(9, 3))), 200, 403);
    };
    doors["history"] = [this](const std::string& credential, const std::string& channel) {
        const int status = ask(credential, "GET", "/v1/channels/" + in_path(channel) + "/messages").status;
        return said_yes(status, 200, 403);
    };
    doors["roster"] = [this](const std::string& credential, const std::string& channel) {
        const int status = ask(credential, "GET", "/v1/channels/" + in_path(channel) + "/presence").status;
        return said_yes(status, 200, 403);
    };
    add_replays(doors);
    return doors;
}

void RulesTest::add_replays(std::map<std::string, Door>& doors) const {
    for (const auto& [property, value] : {std::pair("last", "5"), std::pair("after", "0")}) {
        doors[std::string("MQTT replay with ") + property] =
            [this, properties = std::map<std::string, std::string>{{property, value}}](
                const std::string& credential, const std::string& channel) {
                const std::string packet = mqtt_subscribe(kMqtt5, 1, channel, 1, properties);
                return said_yes(suback(credential, kMqtt5, packet), 1, 0x87);
            };
    }
    doors["MQTT replay, 3.1.1"] = [this](const std::string& credential, const std::string& channel) {
        const std::string packet = mqtt_subscribe(kMqtt311, 1, "$replay/5/" + channel, 1);
        return said_yes(suback(credential, kMqtt311, packet), 1, 0x80);
    };
}

/// SQL is a door of backends, and of PostgreSQL.
std::map<std::string, RulesTest::Door> RulesTest::writers(const std::string& who) const {
    std::map<std::string, Door> doors;
    if (who == "backend" && GetParam() == StoreKind::postgres) {
        doors["SQL"] = [this](const std::string&, const std::string& channel) {
            publish_with_sql(channel, "text");
            return true;  // that it was taken is seen in what is stored
        };
    }
    doors["MQTT"] = [this](const std::string& credential, const std::string& channel) {
        MqttConnection client(server_->mqtt_port(), kMqtt5, "", credential);
        client.send(publish_packet(channel));
        const auto answer = client.read_type(PacketType::puback);
        return answer &&
               said_yes(answer->body.size() > 2 ? static_cast<unsigned char>(answer->body[2]) : 0, 0, 0x87);
    };
    doors["MQTT over WebSocket"] = [this](const std::string& credential, const std::string& channel) {
        return said_yes(over_websocket(credential, publish_packet(channel)), 0, 0x87);
    };
    doors["browser"] = [this](const std::string& credential, const std::string& channel) {
        BridgeClient browser(http(), "default", credential);
        // Who may not join does not hear the own message; a refusal everybody hears.
        browser.message(channel, "text");
        browser.send("unknown", channel, nullptr);
        return code_of_next(browser) == "unknown_action";
    };
    doors["browser, second generation"] = [this](const std::string& credential, const std::string& channel) {
        SecondClient browser(http(), credential);
        browser.broadcast(channel, "send", "text");
        return said_yes(browser, "broadcast");
    };
    doors["HTTP"] = [this](const std::string& credential, const std::string& channel) {
        const std::string body = R"({"channel":")" + channel + R"(","data":"text","type":"message"})";
        return said_yes(ask(credential, "POST", "/v1/publish", body).status, 201, 403);
    };
    return doors;
}

TEST_P(RulesTest, EveryDoorAnswersAsTheTableSays) {
    const auto rows = table("anonymous: ");
    ASSERT_EQ(rows.size(), 18U);
    std::map<std::string, std::size_t> written;
    for (const auto& row : rows) {
        const std::string channel = channel_of(row.at(0));
        const std::string& credential = credentials_.at(row.at(1));
        for (const auto& [door, may_read] : readers())
            EXPECT_EQ(may_read(credential, channel), row.at(2) == "yes")
                << row[0] << ", " << row[1] << ", " << door;
        for (const auto& [door, may_write] : writers(row.at(1))) {
            const bool allowed = row.at(3) == "yes";
            EXPECT_EQ(may_write(credential, channel), allowed) << row[0] << ", " << row[1] << ", " << door;
            if (allowed) ++written[channel];
        }
    }
    for (const auto& entry : written) {
        const std::string& channel = entry.first;
        std::size_t stored = 0;
        // A browser is not told when its message is committed unless it has joined.
        EXPECT_TRUE(eventually([&] { return (stored = count_stored(channel)) >= entry.second; })) << channel;
        EXPECT_EQ(stored, entry.second) << channel << ": a refusal was stored";
    }
}

using Rows = std::vector<std::vector<std::string>>;
using Texts = std::set<std::string>;

/// By rule, the rows of "Who gets what".
std::map<std::string, Rows> audiences() {
    std::map<std::string, Rows> by_rule;
    for (const auto& row : table("audience: ")) by_rule[row.at(0)].push_back(row);
    return by_rule;
}

/// What each kind of reader gets when everybody has written its own name, and a backend "last" at the end.
std::map<std::string, Texts> expected_of(const Rows& senders) {
    std::map<std::string, Texts> expected = {{"anonymous", {"last"}}, {"user", {"last"}}};
    for (const auto& row : senders) {
        if (row.at(2) == "yes") expected["anonymous"].insert(row.at(1));
        if (row.at(3) == "yes") expected["user"].insert(row.at(1));
    }
    return expected;
}

/// Everything up to the text "last".
Texts read_to_last(MqttConnection& device) {
    Texts got;
    while (!got.contains("last")) {
        const auto packet = device.read_type(PacketType::publish);
        if (!packet) break;
        const std::string text = parse_publish(*packet, device.level()).payload;
        got.insert(text.substr(1, text.size() - 2));
    }
    return got;
}
Texts read_to_last(FrameClient& browser) {
    Texts got;
    while (!got.contains("last")) {
        const auto frame = browser.next("message");
        if (!frame) break;
        got.insert(frame->at("payload").as_string().c_str());
    }
    return got;
}

TEST_P(RulesTest, WhatIsForSomeReachesNobodyElse) {
    ASSERT_EQ(audiences().size(), 2U);
    for (const auto& [rule, senders] : audiences()) {
        ASSERT_EQ(senders.size(), 3U);
        const std::string channel = channel_of(rule);
        std::vector<std::pair<std::string, std::shared_ptr<FrameClient>>> browsers;
        std::vector<std::pair<std::string, std::shared_ptr<MqttConnection>>> devices;
        for (const std::string who : {"anonymous", "user"}) {
            const auto first = std::make_shared<BridgeClient>(http(), "default", credentials_.at(who));
            ASSERT_TRUE(first->join(channel));
            browsers.emplace_back(who, first);
            const auto second = std::make_shared<SecondClient>(http(), credentials_.at(who));
            ASSERT_TRUE(second->join(channel));
            browsers.emplace_back(who, second);
            devices.emplace_back(
                who, std::make_shared<MqttConnection>(server_->mqtt_port(), kMqtt5, "reader-" + who,
                                                      credentials_.at(who)));
            ASSERT_EQ(devices.back().second->subscribe(channel, 0), 0);
        }
        std::map<std::string, Texts> expected = expected_of(senders);
        for (const auto& row : senders) publish(row.at(1), channel, row.at(1));
        publish("backend", channel, "last");
        for (const auto& [who, browser] : browsers)
            EXPECT_EQ(read_to_last(*browser), expected[who]) << rule << ", browser of " << who;
        for (const auto& [who, device] : devices)
            EXPECT_EQ(read_to_last(*device), expected[who]) << rule << ", device of " << who;
        for (const auto& [who, texts] : expected) {
            const json::value page =
                ask(credentials_.at(who), "GET", "/v1/channels/" + in_path(channel) + "/messages").json();
            Texts got;
            for (const json::value& message : page.at("messages").as_array())
                got.insert(message.at("data").as_string().c_str());
            EXPECT_EQ(got, texts) << rule << ", history for " << who;
        }
    }
}

/// The same, when it is read from history over MQTT, and what SQL has written beside it.
TEST_P(RulesTest, WhatIsForSomeIsInNobodyElsesReplay) {
    for (const auto& [rule, senders] : audiences()) {
        const std::string channel = channel_of(rule);
        const auto come = [&](int level, const std::string& who, const std::string& id, bool clean) {
            return MqttConnection(server_->mqtt_port(), level, id, credentials_.at(who), clean);
        };
        std::map<std::string, Texts> expected = expected_of(senders);
        for (const auto& entry : expected)
            ASSERT_EQ(come(kMqtt311, entry.first, channel + entry.first, false).subscribe(channel, 1), 1);
        for (const auto& row : senders) publish(row.at(1), channel, row.at(1));
        if (GetParam() == StoreKind::postgres) {
            publish_with_sql(channel, "SQL");
            ASSERT_TRUE(eventually([&] { return count_stored(channel) == 4; }));
            for (auto& entry : expected) entry.second.insert("SQL");
        }
        publish("backend", channel, "last");
        for (const auto& [who, texts] : expected) {
            SCOPED_TRACE(rule + ", " + who);
            for (const auto& [property, value] : {std::pair("last", "10"), std::pair("after", "0")}) {
                MqttConnection device = come(kMqtt5, who, "", true);
                device.send(mqtt_subscribe(kMqtt5, 1, channel, 1, {{property, value}}));
                EXPECT_EQ(read_to_last(device), texts) << property;
            }
            MqttConnection old = come(kMqtt311, who, "", true);
            old.send(mqtt_subscribe(kMqtt311, 1, "$replay/10/" + channel, 1));
            EXPECT_EQ(read_to_last(old), texts) << "$replay";
            MqttConnection back = come(kMqtt311, who, channel + who, false);
            EXPECT_EQ(read_to_last(back), texts) << "a session that was away";
        }
    }
}

TEST_P(RulesTest, PrivateMessagesReachWhomTheTableSays) {
    const auto rows = table("private: ");
    ASSERT_EQ(rows.size(), 9U);
    for (const auto& row : rows) {
        const std::string channel = channel_of(row.at(0));
        for (const auto& [to, cell] : {std::pair("anonymous", 2U), std::pair("user", 3U)}) {
            SCOPED_TRACE(row[0] + ", " + row[1] + " to " + to);
            BridgeClient receiver(http(), "default", credentials_.at(to));
            BridgeClient sender(http(), "default", credentials_.at(row.at(1)));
            receiver.send("join", channel, json::object{});
            const json::value id = at_path(receiver.next("join"), "options.socketId");
            ASSERT_TRUE(id.is_string() && sender.join(channel));
            sender.message(channel, "psst", {{"socketId", id}});
            if (row.at(cell) == "yes") {
                EXPECT_EQ(at_path(receiver.next("message"), "payload"), "psst");
            } else {
                EXPECT_THAT(code_of_next(sender), ::testing::AnyOf("not_authorised", "not_delivered"));
            }
        }
    }
}

/// The second generation writes to users, not to sockets.
TEST_P(RulesTest, DirectMessagesReachWhomTheTableSays) {
    for (const auto& row : table("private: ")) {
        SCOPED_TRACE(row[0] + ", " + row[1]);
        const std::string channel = channel_of(row.at(0));
        SecondClient receiver(http(), credentials_.at("user"));
        SecondClient sender(http(), credentials_.at(row.at(1)));
        ASSERT_TRUE(receiver.join(channel) && sender.join(channel));
        sender.broadcast(channel, "whisper", "psst", {{"to", {{"dbo_id", 1}, {"row_id", 7}}}});
        if (row.at(3) == "yes") {
            EXPECT_EQ(at_path(receiver.next("message"), "payload"), "psst");
            EXPECT_EQ(at_path(sender.next("broadcast"), "payload.direct"), true);
        } else {
            EXPECT_EQ(at_path(sender.next("error"), "payload.code"), "not_authorised");
        }
    }
}

MILLRACE_ON_BOTH_STORES(RulesTest);

}  // namespace
}  // namespace millrace::system_test
