// docs/channels.md says who may do what: its tables are walked through every door.
#include "tests/system/support/rules.h"

#include <boost/json/serialize.hpp>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;

constexpr const char* kText = "\"text\"";

/// Asks every door whether somebody may.
class DoorsTest : public RulesTest {
  protected:
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

    bool may_stream(const std::string& credential, const std::string& channel,
                    const std::string& header) const {
        TcpSocket socket(http());
        socket.send("GET /v1/channels/" + in_path(channel) + "/stream HTTP/1.1\r\nHost: here\r\n" +
                    authorization(credential) + header + "\r\n");
        const Deadline deadline(kPatience);
        while (socket.received().size() < 12 && socket.receive(deadline)) continue;
        return said_yes(std::stoi(std::string(socket.received().substr(9, 3))), 200, 403);
    }
    static std::string code_of_next(BridgeClient& browser) {
        const json::value code = at_path(browser.next("error"), "payload.code");
        return code.is_string() ? code.as_string().c_str() : "none";
    }

    using Door = std::function<bool(const std::string& credential, const std::string& channel)>;
    std::map<std::string, Door> readers() const;
    void add_replays(std::map<std::string, Door>& doors) const;
    void add_resumes(std::map<std::string, Door>& doors) const;
    std::map<std::string, Door> writers(const std::string& who) const;
};

std::map<std::string, DoorsTest::Door> DoorsTest::readers() const {
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
        return may_stream(credential, channel, {});
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
    add_resumes(doors);
    return doors;
}

void DoorsTest::add_replays(std::map<std::string, Door>& doors) const {
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

void DoorsTest::add_resumes(std::map<std::string, Door>& doors) const {
    doors["browser, with after"] = [this](const std::string& credential, const std::string& channel) {
        BridgeClient browser(http(), "default", credential);
        browser.send("join", channel, json::object{}, {{"after", 0}});
        return said_yes(browser, "join");
    };
    for (const auto& [option, value] : {std::pair("cursor", "x-1"), std::pair("client_id", "reader")}) {
        doors[std::string("browser, second generation, with ") + option] =
            [this, options = json::object{{option, value}}](const std::string& credential,
                                                            const std::string& channel) {
                SecondClient browser(http(), credential);
                browser.send("join", channel, {{"options", options}});
                return said_yes(browser, "join");
            };
    }
    doors["event stream, with Last-Event-ID"] = [this](const std::string& credential,
                                                       const std::string& channel) {
        return may_stream(credential, channel, "Last-Event-ID: x:1\r\n");
    };
}

/// SQL is a door of backends, and of PostgreSQL.
std::map<std::string, DoorsTest::Door> DoorsTest::writers(const std::string& who) const {
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

TEST_P(DoorsTest, EveryDoorAnswersAsTheTableSays) {
    const auto rows = table("anonymous: ");
    ASSERT_EQ(rows.size(), 18U);
    std::map<std::string, std::size_t> written;
    for (const auto& row : rows) {
        const std::string channel = channel_of(row.at(0));
        const std::string& credential = credential_of(row.at(1));
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

TEST_P(DoorsTest, PrivateMessagesReachWhomTheTableSays) {
    const auto rows = table("private: ");
    ASSERT_EQ(rows.size(), 9U);
    for (const auto& row : rows) {
        const std::string channel = channel_of(row.at(0));
        for (const auto& [to, cell] : {std::pair("anonymous", 2U), std::pair("user", 3U)}) {
            SCOPED_TRACE(row[0] + ", " + row[1] + " to " + to);
            BridgeClient receiver(http(), "default", credential_of(to));
            BridgeClient sender(http(), "default", credential_of(row.at(1)));
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
TEST_P(DoorsTest, DirectMessagesReachWhomTheTableSays) {
    for (const auto& row : table("private: ")) {
        SCOPED_TRACE(row[0] + ", " + row[1]);
        const std::string channel = channel_of(row.at(0));
        SecondClient receiver(http(), credential_of("user"));
        SecondClient sender(http(), credential_of(row.at(1)));
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

MILLRACE_ON_BOTH_STORES(DoorsTest);

}  // namespace
}  // namespace millrace::system_test
