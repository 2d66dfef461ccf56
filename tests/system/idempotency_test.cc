// A thousand publishes with one idempotency key, at the same time and through both doors that take one: one
// message.
#include <atomic>
#include <boost/json/serialize.hpp>
#include <deque>
#include <gtest/gtest.h>
#include <set>
#include <thread>

#include "tests/system/support/http_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;

constexpr int kThreads = 16;  // half of them speak HTTP, the others MQTT
constexpr int kEach = 64;
constexpr const char* kChannel = "orders";

/// PUBLISH of 5.0 at QoS 1 with the user property `id` [MQTT 5.0, 3.3.2.3.7].
std::string publish_with_key(std::uint16_t packet_id, const std::string& key, const std::string& payload) {
    const std::string properties = '\x26' + mqtt_string("id") + mqtt_string(key);
    return mqtt_packet(0x32, mqtt_string(kChannel) + mqtt_u16(packet_id) +
                                 mqtt_variable_length(properties.size()) + properties + payload);
}

class IdempotencyTest : public SystemTest {
  protected:
    /// How many are acknowledged.
    int publish_by_mqtt(int thread, const std::string& key) {
        MqttConnection client(server().mqtt_port(), kMqtt5, "publisher-" + std::to_string(thread));
        for (int i = 1; i <= kEach; ++i)
            client.send(
                publish_with_key(static_cast<std::uint16_t>(i), key, std::to_string(thread * kEach + i)));
        int acknowledged = 0;
        while (acknowledged < kEach && client.read_type(PacketType::puback)) ++acknowledged;
        return acknowledged;
    }
    /// Each on a connection of its own; the first answer is read when the last request is sent.
    int publish_by_http(int thread, const std::string& key, std::set<std::int64_t>& seqs) {
        std::deque<HttpConnection> connections;
        for (int i = 1; i <= kEach; ++i) {
            const json::value body{{"channel", kChannel}, {"data", thread * kEach + i}, {"id", key}};
            connections.emplace_back(server().http_port())
                .send_request("POST", "/v1/publish", json::serialize(body));
        }
        int acknowledged = 0;
        for (HttpConnection& connection : connections) {
            const HttpAnswer answer = connection.read_answer();
            if (answer.status != 200 && answer.status != 201) continue;
            seqs.insert(answer.json().at("seq").as_int64());
            ++acknowledged;
        }
        return acknowledged;
    }
    /// All at once; the positions that HTTP was told.
    std::set<std::int64_t> publish_from_everywhere(const std::string& key) {
        std::vector<std::set<std::int64_t>> seqs(kThreads);
        std::atomic<int> acknowledged{0};
        std::vector<std::thread> threads;
        for (int thread = 0; thread < kThreads; ++thread) {
            threads.emplace_back([&, thread] {
                acknowledged += thread % 2 == 0
                                    ? publish_by_http(thread, key, seqs[static_cast<std::size_t>(thread)])
                                    : publish_by_mqtt(thread, key);
            });
        }
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(acknowledged, kThreads * kEach);
        std::set<std::int64_t> all;
        for (const auto& some : seqs) all.insert(some.begin(), some.end());
        return all;
    }
    std::size_t rows() {
        return store()
            .query("select seq from " + store().messages() + " where channel = '" + kChannel + "'")
            .size();
    }
};

TEST_P(IdempotencyTest, AThousandAtOnceAreOneRowAndOneDelivery) {
    MqttConnection subscriber(server().mqtt_port(), kMqtt5, "subscriber");
    ASSERT_EQ(subscriber.subscribe(kChannel, 0), 0);
    EXPECT_EQ(publish_from_everywhere("first"), (std::set<std::int64_t>{1}));
    EXPECT_EQ(rows(), 1U);
    EXPECT_EQ(publish_from_everywhere("second"), (std::set<std::int64_t>{2}));
    EXPECT_EQ(rows(), 2U);
    ASSERT_EQ(
        http_post(server().http_port(), "/v1/publish", {{"channel", kChannel}, {"data", "last"}}).status,
        201);
    int delivered = 0;
    for (std::string payload; payload != "\"last\""; ++delivered) {
        const auto packet = subscriber.read_type(PacketType::publish);
        ASSERT_TRUE(packet);
        payload = parse_publish(*packet, kMqtt5).payload;
    }
    EXPECT_EQ(delivered, 3);
}

TEST_P(IdempotencyTest, TheKeyIsKnownAfterTheServerWasKilled) {
    EXPECT_EQ(publish_from_everywhere("key"), (std::set<std::int64_t>{1}));
    server().kill();
    server().start();
    EXPECT_EQ(publish_from_everywhere("key"), (std::set<std::int64_t>{1}));
    EXPECT_EQ(rows(), 1U);
}

MILLRACE_ON_BOTH_STORES(IdempotencyTest);

}  // namespace
}  // namespace millrace::system_test
