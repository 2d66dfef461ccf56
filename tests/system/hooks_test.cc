// Hooks: the real binary asks a real HTTP server before clients join and write.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/server.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

constexpr const char* kSecret = "the-secret-of-these-tests-is-long";
constexpr const char* kNo = "the test says no";

/// One shard, so that whoever waits could be in everybody's way.
class HooksTest : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto port = backend_.next("port");
        ASSERT_TRUE(port);
        backend_url_ = "http://127.0.0.1:" + std::to_string(port->to_number<int>());
        server_ = std::make_unique<Server>(Server::Yaml{
            "threads: 1\nstore: {url: \"sqlite:store.db\"}\n"
            "auth: {anonymous: true, api_keys: [the-key-of-a-backend], jwt: {secret: " +
            std::string(kSecret) +
            "}}\n"
            "hooks: {secret: " +
            std::string(kSecret) +
            "}\n"
            "channels:\n" +
            rule("hooked/#", true, backend_url_, "30s") + rule("hasty/#", false, backend_url_, "100ms") +
            rule("dead/#", false, "http://127.0.0.1:1", "30s") + "  - {match: '#', store: false}\n"});
        server_->start();
    }
    void TearDown() override {
        EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
    }

    static std::string rule(const std::string& match, bool store, const std::string& url,
                            const std::string& timeout) {
        return "  - {match: " + match + ", store: " + (store ? "true" : "false") + ", hooks: {join: \"" +
               url + "/join\", message: \"" + url + "/message\", timeout: " + timeout + "}}\n";
    }
    std::uint16_t http() const { return server_->http_port(); }
    HttpAnswer ask(std::string_view method, const std::string& target, const std::string& body = {},
                   const std::string& headers = {}) const {
        HttpConnection connection(http());
        return connection.request(method, target, body, "Content-Type: application/json\r\n" + headers);
    }
    HttpAnswer publish(const std::string& channel, const std::string& headers = {}) const {
        return ask("POST", "/v1/publish", R"({"channel":")" + channel + R"(","data":{"n":1}})", headers);
    }
    static std::string in_path(std::string channel) { return channel.replace(channel.find('/'), 1, "%2F"); }

    /// The next question, which has to be signed.
    json::object question() {
        const auto line = backend_.next();
        if (!line || !line->contains("question")) {
            ADD_FAILURE() << "no question came";
            return {};
        }
        EXPECT_TRUE(line->at("signed").as_bool());
        connections_ = std::max(connections_, line->at("connection").to_number<int>());
        return line->at("question").as_object();
    }
    /// Reason code and reason string of the PUBACK for `payload`, published with QoS 1.
    static std::string puback(MqttConnection& client, const std::string& channel,
                              const std::string& payload = "1") {
        client.send(mqtt_publish(client.level(), channel, payload, 1, 1));
        const auto packet = client.read_type(PacketType::puback);
        if (!packet) return "nothing";
        if (packet->body.size() <= 2) return "0";
        const std::string code = std::to_string(static_cast<unsigned char>(packet->body[2]));
        // Length of the properties, Reason String, its length.
        return packet->body.size() <= 7 ? code : code + " " + packet->body.substr(7);
    }
    /// The next two frames by their actions; a receipt and the own message come in either order.
    static std::map<std::string, json::object> next_two(SecondClient& browser) {
        std::map<std::string, json::object> frames;
        const Deadline deadline(kPatience);
        for (int i = 0; i < 2; ++i) {
            if (auto frame = browser.next(deadline)) frames[text(frame->at("action"))] = *frame;
        }
        return frames;
    }
    static std::string text(const json::value& value) {
        return value.is_string() ? value.as_string().c_str() : "none";
    }
    double metric(const std::string& sample) const {
        const std::string metrics = ask("GET", "/metrics").body;
        const auto at = metrics.find("\n" + sample + " ");
        return at == std::string::npos ? -1 : std::stod(metrics.substr(at + sample.size() + 2));
    }

    NodeClient backend_{"hook_backend.mjs", {"--secret", kSecret}};
    std::string backend_url_;
    std::unique_ptr<Server> server_;
    int connections_ = 0;
};

TEST_F(HooksTest, MqttAsksBeforeItSubscribesAndPublishes) {
    MqttConnection client(server_->mqtt_port(), kMqtt5, "thing");
    EXPECT_EQ(client.subscribe("hooked/allow", 1), 1);
    const json::object join = question();
    EXPECT_EQ(join.at("action"), "join");
    EXPECT_EQ(join.at("door"), "mqtt");
    EXPECT_EQ(join.at("channel"), "hooked/allow");
    EXPECT_EQ(join.at("client").at("socketId"), "mqtt:thing");
    EXPECT_FALSE(join.contains("payload"));
    client.send(mqtt_subscribe(kMqtt5, 2, "hooked/deny", 1));
    const auto suback = client.read_type(PacketType::suback);
    ASSERT_TRUE(suback);
    EXPECT_EQ(suback->body.back(), '\x87');
    EXPECT_THAT(suback->body, HasSubstr(kNo));
    question();
    EXPECT_EQ(puback(client, "hooked/allow", R"({"a":1})"), "0");
    EXPECT_EQ(question().at("payload"), json::value({{"a", 1}}));
    EXPECT_EQ(puback(client, "hooked/deny"), "135 " + std::string(kNo));
    EXPECT_EQ(puback(client, "hooked/forbidden"), "135 the test forbids it");
    MqttConnection old(server_->mqtt_port(), kMqtt311, "old");
    EXPECT_EQ(old.subscribe("hooked/deny", 1), 0x80);
    EXPECT_EQ(puback(old, "hooked/deny"), "0");
    EXPECT_EQ(ask("GET", "/v1/channels/hooked%2Fdeny/messages", {},
                  "Authorization: Bearer the-key-of-a-backend\r\n")
                  .json()
                  .at("messages")
                  .as_array()
                  .size(),
              0U);
}

TEST_F(HooksTest, BrowsersAreToldWhyNot) {
    BridgeClient browser(http());
    browser.send("join", "hooked/deny", json::object{});
    const auto refused = browser.next(Deadline(kPatience));
    EXPECT_EQ(text(at_path(refused, "action")), "error");
    EXPECT_EQ(text(at_path(refused, "payload.message")), kNo);
    EXPECT_EQ(question().at("door"), "websocket");
    ASSERT_TRUE(browser.join("hooked/allow"));
    question();
    browser.message("hooked/allow", {{"text", "hello"}}, {{"authenticated", false}});
    EXPECT_EQ(text(at_path(browser.next("message"), "payload.text")), "hello");
    const json::object message = question();
    EXPECT_EQ(message.at("action"), "message");
    EXPECT_EQ(message.at("payload").at("text"), "hello");
    browser.message("hooked/deny", "no");
    EXPECT_EQ(text(at_path(browser.next("error"), "payload.message")), kNo);
    question();
    browser.send("history", "hooked/deny", nullptr);
    EXPECT_EQ(text(at_path(browser.next("error"), "payload.message")), kNo);
}

TEST_F(HooksTest, PrivateMessagesAreAskedAboutToo) {
    BridgeClient browser(http());
    ASSERT_TRUE(browser.join("hooked/replace"));
    question();
    browser.message("hooked/replace", "who am I");
    const auto own = browser.next("message");
    const json::value id = at_path(own, "client.socketId");
    ASSERT_TRUE(id.is_string());
    question();
    browser.message("hooked/replace", "psst", {{"socketId", id}});
    const json::object asked = question();
    EXPECT_EQ(asked.at("options").at("socketId"), id);
    const auto frame = browser.next("message");
    EXPECT_THAT(json::serialize(*frame), HasSubstr(R"({"was":"psst"})"));
}

TEST_F(HooksTest, TheSecondGenerationIsToldWhyNot) {
    SecondClient browser(http());
    browser.send("join", "hooked/deny");
    const auto refused = browser.next(Deadline(kPatience));
    EXPECT_EQ(text(at_path(refused, "action")), "error");
    EXPECT_EQ(text(at_path(refused, "channel")), "hooked/deny");
    EXPECT_EQ(text(at_path(refused, "payload.message")), kNo);
    const json::object join = question();
    EXPECT_EQ(join.at("action"), "join");
    EXPECT_EQ(join.at("door"), "websocket");
    ASSERT_TRUE(browser.join("hooked/mute"));
    question();
    browser.broadcast("hooked/mute", "greet", {{"text", "no"}});
    const auto denied = browser.next(Deadline(kPatience));
    EXPECT_EQ(text(at_path(denied, "action")), "error") << "no receipt";
    EXPECT_EQ(text(at_path(denied, "channel")), "hooked/mute");
    EXPECT_EQ(text(at_path(denied, "payload.message")), kNo);
    const json::object message = question();
    EXPECT_EQ(message.at("action"), "message");
    EXPECT_EQ(message.at("payload").at("text"), "no");
    browser.send("ping", "");
    EXPECT_EQ(text(at_path(browser.next(Deadline(kPatience)), "action")), "pong") << "nothing else came";
    EXPECT_TRUE(ask("GET", "/v1/channels/hooked%2Fmute/messages").json().at("messages").as_array().empty());
}

TEST_F(HooksTest, TheSecondGenerationHasItsReceiptWhenTheHookAllows) {
    SecondClient browser(http());
    const std::pair<const char*, json::value> wanted[] = {{"hooked/allow", "hello"},
                                                          {"hooked/replace", {{"was", "hello"}}}};
    for (const auto& [channel, payload] : wanted) {
        SCOPED_TRACE(channel);
        ASSERT_TRUE(browser.join(channel));
        question();
        browser.broadcast(channel, "greet", "hello");
        EXPECT_EQ(question().at("payload"), "hello");
        const auto frames = next_two(browser);
        ASSERT_TRUE(frames.contains("broadcast") && frames.contains("message"));
        EXPECT_EQ(frames.at("message").at("payload"), payload);
        EXPECT_EQ(frames.at("message").at("type"), "greet");
        EXPECT_EQ(at_path(frames.at("broadcast"), "payload.id"), frames.at("message").at("id"));
        const json::value page = ask("GET", "/v1/channels/" + in_path(channel) + "/messages").json();
        EXPECT_EQ(page.at("messages").at(0).at("data"), payload);
        question();
    }
}

TEST_F(HooksTest, DirectMessagesAreAskedAboutToo) {
    SecondClient receiver(http(), server_->token("7"));
    SecondClient sender(http());
    const json::object seven{{"dbo_id", 1}, {"row_id", 7}};
    const auto whisper = [&](const char* channel) {
        for (SecondClient* one : {&receiver, &sender}) {
            ASSERT_TRUE(one->join(channel));
            question();
        }
        sender.broadcast(channel, "whisper", "psst", {{"to", seven}});
        const json::object asked = question();
        EXPECT_EQ(asked.at("action"), "message");
        EXPECT_EQ(asked.at("payload"), "psst");
        EXPECT_EQ(asked.at("options").at("to"), json::value(seven));
    };
    whisper("hooked/mute");
    const auto denied = sender.next(Deadline(kPatience));
    EXPECT_EQ(text(at_path(denied, "action")), "error") << "no receipt";
    EXPECT_EQ(text(at_path(denied, "payload.message")), kNo);
    receiver.send("ping", "");
    EXPECT_EQ(text(at_path(receiver.next(Deadline(kPatience)), "action")), "pong") << "nothing came";
    whisper("hooked/replace");
    EXPECT_EQ(at_path(sender.next("broadcast"), "payload"),
              (json::value{{"delivered_local", 1}, {"direct", true}}));
    const auto frame = receiver.next(Deadline(kPatience));
    EXPECT_EQ(text(at_path(frame, "payload.was")), "psst");
    EXPECT_EQ(at_path(frame, "direct"), true);
}

TEST_F(HooksTest, HttpAnswers403WithTheReason) {
    EXPECT_EQ(publish("hooked/allow").status, 201);
    EXPECT_EQ(question().at("door"), "http");
    EXPECT_EQ(publish("hasty/allow").status, 202) << "a live channel";
    question();
    const std::pair<const char*, std::string> denied[] = {{"GET", "/v1/channels/hooked%2Fdeny/messages"},
                                                          {"GET", "/v1/channels/hooked%2Fdeny/presence"},
                                                          {"GET", "/v1/channels/hooked%2Fdeny/stream"},
                                                          {"POST", "/v1/channels/hooked%2Fdeny"}};
    for (const auto& [method, target] : denied) {
        const HttpAnswer answer = ask(method, target, method[0] == 'P' ? "1" : "");
        EXPECT_EQ(answer.status, 403) << target;
        EXPECT_EQ(text(answer.json().at("detail")), kNo) << target;
        question();
    }
    EXPECT_EQ(ask("GET", "/v1/channels/hooked%2Fallow/messages").json().at("messages").as_array().size(), 1U);
    const HttpAnswer batch =
        ask("POST", "/v1/publish/batch",
            R"({"messages":[{"channel":"hooked/allow","data":1},{"channel":"hooked/deny",)"
            R"("data":2},{"channel":"free","data":3}]})");
    const json::value results = batch.json().at("results");
    EXPECT_EQ(results.at(0).at("status"), 201);
    EXPECT_EQ(results.at(1).at("status"), 403);
    EXPECT_EQ(text(results.at(1).at("detail")), kNo);
    EXPECT_EQ(results.at(2).at("status"), 202);
}

TEST_F(HooksTest, AnEventStreamBeginsOnceItsHookAllows) {
    HttpConnection reader(http());
    reader.socket().send("GET /v1/channels/hooked%2Fallow/stream HTTP/1.1\r\nHost: here\r\n\r\n");
    EXPECT_EQ(question().at("door"), "sse");
    const Deadline deadline(kPatience);
    const auto received = [&](const std::string& wanted) {
        while (reader.socket().received().find(wanted) == std::string::npos &&
               reader.socket().receive(deadline))
            continue;
        return reader.socket().received().find(wanted) != std::string::npos;
    };
    ASSERT_TRUE(received("200 OK"));
    ASSERT_TRUE(received("id: ")) << "where it begins";
    EXPECT_EQ(publish("hooked/allow").status, 201);
    EXPECT_TRUE(received(R"("n":1)"));
}

TEST_F(HooksTest, BackendsAreNotAsked) {
    const std::string key = "Authorization: Bearer the-key-of-a-backend\r\n";
    EXPECT_EQ(publish("hooked/deny", key).status, 201);
    EXPECT_EQ(ask("GET", "/v1/channels/hooked%2Fdeny/messages", {}, key).status, 200);
    MqttConnection client(server_->mqtt_port(), kMqtt5, "", "the-key-of-a-backend");
    EXPECT_EQ(client.subscribe("hooked/#", 1), 1);
    EXPECT_EQ(puback(client, "hooked/deny"), "0");
    EXPECT_EQ(metric("millrace_hook_calls_total"), 0);
}

TEST_F(HooksTest, AnotherPayloadIsStoredAndDelivered) {
    MqttConnection reader(server_->mqtt_port(), kMqtt5, "reader");
    ASSERT_EQ(reader.subscribe("hooked/replace", 1), 1);
    EXPECT_EQ(puback(reader, "hooked/replace", "plain text"), "0");
    const auto packet = reader.read_type(PacketType::publish);
    ASSERT_TRUE(packet);
    EXPECT_EQ(parse_publish(*packet, kMqtt5).payload, R"({"was":"plain text"})");
    const json::value page = ask("GET", "/v1/channels/hooked%2Freplace/messages").json();
    EXPECT_EQ(page.at("messages").at(0).at("data").at("was"), "plain text");
}

TEST_F(HooksTest, NoAnswerMeansNoAndIsCounted) {
    MqttConnection client(server_->mqtt_port(), kMqtt5, "thing");
    const std::string no = "135 The hook of this channel has not given an answer.";
    EXPECT_EQ(puback(client, "hasty/silent"), no);
    EXPECT_EQ(puback(client, "hooked/broken"), no);
    EXPECT_EQ(puback(client, "hooked/moved"), no);
    EXPECT_EQ(puback(client, "dead/allow"), no);
    EXPECT_EQ(client.subscribe("dead/allow", 1), 0x87);
    EXPECT_EQ(metric("millrace_hook_failures_total{reason=\"timed_out\"}"), 1);
    EXPECT_EQ(metric("millrace_hook_failures_total{reason=\"bad_answer\"}"), 2);
    EXPECT_EQ(metric("millrace_hook_failures_total{reason=\"unreachable\"}"), 2);
    EXPECT_EQ(metric("millrace_hook_calls_total"), 5);
    EXPECT_THAT(server_->log(), HasSubstr("hook http://127.0.0.1:1/message: Connection refused"));
}

TEST_F(HooksTest, WhoeverWaitsIsInNobodysWay) {
    MqttConnection waiting(server_->mqtt_port(), kMqtt5, "waiting");
    for (std::uint16_t id = 1; id <= 8; ++id) waiting.send(mqtt_publish(kMqtt5, "hooked/silent", "1", 1, id));
    for (int i = 0; i < 8; ++i) question();
    MqttConnection client(server_->mqtt_port(), kMqtt5, "other");
    ASSERT_EQ(client.subscribe("open", 1), 1);
    const auto begin = Clock::now();
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(puback(client, "open"), "0");
        ASSERT_EQ(puback(client, "hooked/allow"), "0");
    }
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count();
    std::cout << "a publish beside eight that wait: " << took / 200 << " us on average\n";
    EXPECT_FALSE(waiting.read_type(PacketType::puback, 0s)) << "its hooks are silent for 30 seconds";
}

TEST_F(HooksTest, OrderIsKeptWhateverTheHooksTake) {
    MqttConnection reader(server_->mqtt_port(), kMqtt5, "reader");
    ASSERT_EQ(reader.subscribe("hooked/random", 1), 1);
    MqttConnection writer(server_->mqtt_port(), kMqtt5, "writer");
    BridgeClient browser(http());
    constexpr std::uint16_t kMessages = 200;
    for (std::uint16_t i = 1; i <= kMessages; ++i) {
        writer.send(mqtt_publish(kMqtt5, "hooked/random", "[1," + std::to_string(i) + "]", 1, i));
        browser.message("hooked/random", json::array{2, i});
    }
    std::int64_t last[] = {0, 0, 0};
    for (int i = 0; i < 2 * kMessages; ++i) {
        const auto packet = reader.read_type(PacketType::publish);
        ASSERT_TRUE(packet) << i;
        const MqttMessage message = parse_publish(*packet, kMqtt5);
        reader.send(mqtt_ack(PacketType::puback, message.id));
        const json::value pair = json::parse(message.payload);
        std::int64_t& before = last[pair.at(0).to_number<std::size_t>()];
        ASSERT_EQ(pair.at(1), ++before);
    }
    for (std::uint16_t i = 1; i <= kMessages; ++i) {
        const auto packet = writer.read_type(PacketType::puback);
        ASSERT_TRUE(packet);
        ASSERT_EQ(packet->id(), i);
    }
    for (int i = 0; i < 2 * kMessages + 1; ++i) question();
    EXPECT_LE(connections_, 2 * 32) << "32 of limits.hook_connections for each of two addresses";
}

TEST_F(HooksTest, ConnectionsAreKept) {
    MqttConnection client(server_->mqtt_port(), kMqtt5, "thing");
    for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(puback(client, "hooked/allow"), "0");
        question();
    }
    EXPECT_LE(connections_, 2) << "Node closes one that was idle for five seconds";
    EXPECT_EQ(metric("millrace_hook_connections_total"), connections_);
}

TEST_F(HooksTest, SighupChangesTheHooks) {
    MqttConnection client(server_->mqtt_port(), kMqtt5, "thing");
    EXPECT_EQ(puback(client, "fresh/deny"), "0");
    EXPECT_EQ(puback(client, "hooked/deny"), "135 " + std::string(kNo));
    const auto file = server_->directory() / "millrace.yaml";
    std::string yaml = read_file(file);
    yaml.replace(yaml.find("match: hooked/#"), 15, "match: fresh/#");
    write_file(file, yaml);
    server_->reload();
    ASSERT_TRUE(eventually([this] { return server_->log().find("reload: done") != std::string::npos; }));
    EXPECT_EQ(puback(client, "fresh/deny"), "135 " + std::string(kNo));
    EXPECT_EQ(puback(client, "hooked/deny"), "0");
}

}  // namespace
}  // namespace millrace::system_test
