// What the tests of sessions that read the log have in common.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {

inline std::vector<std::string> numbers(int first, int last) {
    std::vector<std::string> result;
    for (int i = first; i <= last; ++i) result.push_back(std::to_string(i));
    return result;
}

inline std::map<std::string, std::string> user_properties(const TestClient::Packet& packet) {
    std::map<std::string, std::string> found;
    const auto publish = decode_publish(packet.frame(), packet.version, Sender::server);
    publish->properties.for_each_user_property([&](auto name, auto value) { found.emplace(name, value); });
    return found;
}

/// Two shards, a publisher on one of them, and readers of stored channels.
class ReplayFixture : public testing::TestWithParam<Version> {
  protected:
    explicit ReplayFixture(const std::function<void(config::Config&)>& adjust = {}) : server(2, adjust) {}

    void SetUp() override { publisher.connect("publisher"); }
    /// Publishes the next `count` numbers, each acknowledged.
    void pour(int count, const std::string& channel = "stored/a", bool retain = false) {
        int& last = last_[channel];
        for (int i = 0; i < count; ++i) {
            const int before = publisher.count(PacketType::puback);
            publisher.publish(channel, std::to_string(++last), 1, 1, retain);
            ASSERT_TRUE(server.turn_until([&] {
                publisher.read();
                return publisher.count(PacketType::puback) > before;
            }));
        }
        server.turn();
    }
    static void subscribe(TestServer& server, TestClient& client, std::string_view filter, int qos = 1) {
        client.subscribe(filter, qos);
        server.turn();
        client.read();
    }
    void unsubscribe(TestClient& client, std::string_view filter) {
        ByteBuffer bytes;
        encode_unsubscribe(bytes, 9, {&filter, 1}, GetParam());
        client.write(bytes.text());
        server.turn();
    }
    bool receives(TestClient& client, std::size_t count) {
        return server.turn_until([&] {
            client.read();
            return client.messages.size() >= count;
        });
    }
    /// Nothing more comes than has come.
    void expect_silence(TestClient& client) {
        const std::size_t have = client.messages.size();
        for (int i = 0; i < 5; ++i) {
            server.turn();
            client.read();
        }
        EXPECT_EQ(client.messages.size(), have);
    }
    /// A persistent session that has subscribed and gone.
    void leave_session(std::string_view filter = "stored/#", int qos = 1) {
        TestClient client(server, 0, GetParam());
        client.connect("reader");
        subscribe(server, client, filter, qos);
        client.drop();
        server.turn();
    }

    TestServer server;
    TestClient publisher{server, 0};

  private:
    std::map<std::string, int> last_;
};

}  // namespace millrace::mqtt
