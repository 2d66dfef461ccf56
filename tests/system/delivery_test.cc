// One message, whatever door it comes in by, reaches everybody by every other door and is a row in SQL.
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/mosquitto_client.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/paho_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
using testing::ElementsAre;

constexpr const char* kChannel = "marvel_chat_room";
const json::value kHulk = {{"text", "Hulk smash"}};

class DeliveryTest : public SystemTest {
  protected:
    NodeClient mqttjs(const std::string& url, int version) {
        return {"mqttjs_client.mjs",
                {"--url", url, "--version", std::to_string(version), "--topic", kChannel, "--qos", "1"}};
    }
    std::string mqtt_url() { return "mqtt://127.0.0.1:" + std::to_string(server().mqtt_port()); }

    /// What `curl -d` sends is form-encoded by its content type, and JSON all the same.
    HttpAnswer curl(const std::string& body) {
        const Outcome outcome = run(
            {.argv = {"curl", "-sS", "-w", "\n%{http_code}", "-d", body, server().http_url("/v1/publish")}});
        EXPECT_EQ(outcome.status, 0) << outcome.error;
        const std::size_t line = outcome.output.rfind('\n');
        HttpAnswer answer;
        answer.status = std::stoi(outcome.output.substr(line + 1));
        answer.body = outcome.output.substr(0, line);
        return answer;
    }

    std::vector<std::string> rows() {
        return store().query("select seq, type, data from " + store().messages() + " where channel = '" +
                             kChannel + "' order by seq");
    }
};

/// A row as `seq|type|data`, the data compared as JSON.
MATCHER_P3(IsRow, seq, type, data, "") {
    const std::string text = arg;
    const std::size_t first = text.find('|');
    const std::size_t second = text.find('|', first + 1);
    boost::system::error_code error;
    return text.substr(0, first) == std::to_string(seq) &&
           text.substr(first + 1, second - first - 1) == type &&
           json::parse(text.substr(second + 1), error) == data;
}

void expect_mqttjs_message(NodeClient& client, const std::string& payload) {
    const std::optional<json::value> message = client.next("message");
    ASSERT_TRUE(message);
    EXPECT_EQ(message->at("topic"), kChannel);
    EXPECT_EQ(message->at("payload"), payload.c_str());
}

TEST_P(DeliveryTest, OnePostReachesEverybody) {
    MosquittoSub mosquitto_sub(server().mqtt_port(), {"-t", kChannel, "-C", "1"});
    PahoClient paho3(server().mqtt_port(), 4, "paho-3");
    PahoClient paho5(server().mqtt_port(), 5, "paho-5");
    paho3.subscribe(kChannel, 1);
    paho5.subscribe(kChannel, 1);
    NodeClient over_tcp = mqttjs(mqtt_url(), 5);
    NodeClient over_websocket = mqttjs(server().websocket_url("/mqtt"), 4);
    SdkClient sdk1(1, server().websocket_url(), kChannel);
    SdkClient sdk2(2, server().websocket_url(), kChannel);
    SdkClient sdk3(3, server().websocket_url(), kChannel);
    ASSERT_TRUE(mosquitto_sub.subscribed());
    for (NodeClient* client : {&over_tcp, &over_websocket}) ASSERT_TRUE(client->next("subscribed"));
    for (SdkClient* client : {&sdk1, &sdk2, &sdk3}) ASSERT_TRUE(client->frame("join"));

    const HttpAnswer answer = curl(R"({"channel":"marvel_chat_room","message":{"text":"Hulk smash"}})");
    ASSERT_EQ(answer.status, 201) << answer.body;
    const json::value created = answer.json();
    EXPECT_EQ(created.at("seq"), 1);
    EXPECT_EQ(created.at("channel"), kChannel);
    EXPECT_THAT(rows(), ElementsAre(IsRow(1, "event", kHulk)));

    const std::string payload = R"({"text":"Hulk smash"})";
    EXPECT_EQ(mosquitto_sub.next(), payload);
    for (PahoClient* client : {&paho3, &paho5}) {
        const mqtt::const_message_ptr message = client->next();
        ASSERT_TRUE(message);
        EXPECT_EQ(message->to_string(), payload);
        if (client == &paho3) continue;
        EXPECT_EQ(user_property(*message, "seq"), "1");
        EXPECT_EQ(user_property(*message, "type"), "event");
        EXPECT_EQ(user_property(*message, "epoch"), created.at("epoch").as_string());
        EXPECT_EQ(user_property(*message, "id"), created.at("id").as_string());
        EXPECT_EQ(mqtt::get<std::string>(message->get_properties(), mqtt::property::CONTENT_TYPE),
                  "application/json");
    }
    expect_mqttjs_message(over_tcp, payload);
    expect_mqttjs_message(over_websocket, payload);
    for (SdkClient* client : {&sdk1, &sdk2, &sdk3}) {
        const std::optional<json::object> event = client->frame("event");
        EXPECT_EQ(at_path(event, "payload.data"), kHulk);
        for (const char* key : {"seq", "epoch", "id", "at"}) {
            EXPECT_EQ(at_path(event, std::string("options.") + key), created.at(key)) << key;
        }
    }
}

TEST_P(DeliveryTest, MqttPublishIsARowWhenAcknowledgedAndAMessageInBrowsers) {
    SdkClient sdk(3, server().websocket_url(), kChannel);
    BridgeClient browser(server().http_port());
    ASSERT_TRUE(sdk.frame("join"));
    ASSERT_TRUE(browser.join(kChannel));
    // mosquitto_pub ends once it has the PUBACK.
    const Outcome published =
        mosquitto_pub(server().mqtt_port(), {"-q", "1", "-t", kChannel, "-m", R"({"text":"Hulk smash"})"});
    ASSERT_EQ(published.status, 0) << published.error;
    EXPECT_THAT(rows(), ElementsAre(IsRow(1, "message", kHulk)));
    for (const std::optional<json::object>& frame : {sdk.frame("message"), browser.next("message")}) {
        EXPECT_EQ(at_path(frame, "payload"), kHulk);
        EXPECT_EQ(at_path(frame, "options.seq"), 1);
    }
}

TEST_P(DeliveryTest, BrowserMessageReachesMqttAndSql) {
    SdkClient sdk(3, server().websocket_url(), kChannel);
    ASSERT_TRUE(sdk.frame("join"));
    PahoClient paho(server().mqtt_port(), 5, "paho");
    paho.subscribe(kChannel, 1);
    sdk.message(kHulk);
    const mqtt::const_message_ptr message = paho.next();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->to_string(), R"({"text":"Hulk smash"})");
    EXPECT_EQ(user_property(*message, "type"), "message");
    EXPECT_THAT(rows(), ElementsAre(IsRow(1, "message", kHulk)));
    EXPECT_EQ(at_path(sdk.frame("message"), "options.seq"), 1);
}

TEST_P(DeliveryTest, MqttjsPublishesOverWebSocket) {
    NodeClient publisher = mqttjs(server().websocket_url("/mqtt"), 5);
    ASSERT_TRUE(publisher.next("subscribed"));
    publisher.send({{"topic", kChannel}, {"payload", R"({"text":"Hulk smash"})"}, {"qos", 1}});
    ASSERT_TRUE(publisher.next("message"));
    EXPECT_TRUE(eventually([this] { return rows().size() == 1; }));
}

TEST_P(DeliveryTest, LiveChannelIsDeliveredAndNotStored) {
    PahoClient paho(server().mqtt_port(), 5, "paho");
    paho.subscribe("live/#", 1);
    BridgeClient browser(server().http_port());
    ASSERT_TRUE(browser.join("live/lamp"));
    const HttpAnswer answer =
        http_post(server().http_port(), "/v1/publish", {{"channel", "live/lamp"}, {"data", kHulk}});
    EXPECT_EQ(answer.status, 202) << answer.body;
    EXPECT_EQ(answer.json().as_object().count("seq"), 0U);
    ASSERT_TRUE(paho.next());
    EXPECT_EQ(at_path(browser.next("event"), "payload.data"), kHulk);
    EXPECT_THAT(store().query("select count(*) from " + store().messages()), ElementsAre("0"));
}

TEST_P(DeliveryTest, SameIdempotencyKeyIsStoredOnce) {
    const json::value body = {{"channel", kChannel}, {"data", kHulk}, {"id", "order-7"}};
    const HttpAnswer first = http_post(server().http_port(), "/v1/publish", body);
    const HttpAnswer again = http_post(server().http_port(), "/v1/publish", body);
    EXPECT_EQ(first.status, 201) << first.body;
    EXPECT_EQ(again.status, 200) << again.body;
    EXPECT_EQ(first.json(), again.json());
    EXPECT_EQ(rows().size(), 1U);
}

MILLRACE_ON_BOTH_STORES(DeliveryTest);

}  // namespace
}  // namespace millrace::system_test
