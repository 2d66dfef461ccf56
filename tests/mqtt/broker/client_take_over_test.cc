// One client id, several connections: take-over within a shard and between shards (bug classes 17 and 18).
#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <unistd.h>

#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;

/// From shard 0 to shard 0, and from shard 0 to shard 1.
class TakeOverTest : public testing::TestWithParam<unsigned> {
  protected:
    TestServer server{2};
    TestClient first{server, 0};
    TestClient second{server, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, TakeOverTest, testing::Values(0U, 1U));

TEST_P(TakeOverTest, Mqtt_3_1_4_3_OldConnectionIsToldAndClosed) {
    first.connect("id");
    server.turn();
    second.connect("id");
    server.turn();
    first.read();
    second.read();
    ASSERT_NE(first.last(PacketType::disconnect), nullptr);
    EXPECT_EQ(
        decode_disconnect(first.last(PacketType::disconnect)->frame(), Version::v5, Sender::server)->code,
        ReasonCode::session_taken_over);
    EXPECT_TRUE(first.closed);
    EXPECT_TRUE(second.session_present());
    EXPECT_EQ(server.directory().size(), 1U);
    EXPECT_EQ(server.sum(&Counters::sessions), 1U);
    EXPECT_TRUE(server.turn_until([&] { return server.seats() == 1; }));
}

TEST_P(TakeOverTest, SubscriptionsQueueAndInflightMove) {
    TestClient publisher(server, 0);
    publisher.connect("publisher");
    first.acknowledges = false;
    first.connect("id");
    first.subscribe("topic/+", 2);
    server.turn();
    publisher.publish("topic/a", "1", 1, 1);
    server.turn();
    first.read();
    EXPECT_THAT(first.payloads(), ElementsAre("1"));
    first.drop();
    server.turn();
    publisher.publish("topic/a", "2", 1, 2);
    publisher.publish("topic/a", "3", 2, 3);
    server.turn();
    second.connect("id");
    server.turn();
    second.read();
    publisher.publish("topic/b", "4", 1, 4);
    server.turn();
    second.read();
    EXPECT_THAT(second.payloads(), ElementsAre("1", "2", "3", "4"));
    EXPECT_TRUE(second.messages[0].dup);
    EXPECT_FALSE(second.messages[1].dup);
}

TEST_P(TakeOverTest, CleanStartDiscardsTheSession) {
    first.connect("id");
    first.subscribe("topic", 1);
    server.turn();
    second.connect("id", true);
    server.turn();
    second.read();
    EXPECT_FALSE(second.session_present());
    second.publish("topic", "nobody", 0);
    server.turn();
    second.read();
    EXPECT_TRUE(second.messages.empty());
    EXPECT_EQ(server.sum(&Counters::sessions), 1U);
    EXPECT_TRUE(server.turn_until([&] { return server.seats() == 1; }));
}

TEST_P(TakeOverTest, SessionWithoutExpiryEndsWithItsConnection) {
    first.connect("id", false, 0);
    first.subscribe("topic", 1);
    server.turn();
    second.connect("id");
    server.turn();
    second.read();
    EXPECT_FALSE(second.session_present());
}

TEST_P(TakeOverTest, WillOfTheOldConnectionIsPublished) {
    TestClient watcher(server, 1);
    watcher.connect("watcher");
    watcher.subscribe("wills", 1);
    Connect connect;
    connect.client_id = "id";
    connect.will.emplace();
    connect.will->topic = "wills";
    connect.will->payload = as_bytes("first is gone");
    first.connect_with(connect);
    server.turn();
    second.connect("id");
    server.turn();
    watcher.read();
    EXPECT_THAT(watcher.payloads(), ElementsAre("first is gone"));
}

TEST_P(TakeOverTest, NoLocalHoldsAcrossTheMove) {
    first.connect("id");
    first.subscribe("topic", 1, true);
    server.turn();
    second.connect("id");
    server.turn(3);
    for (std::uint16_t i = 1; i <= 20; ++i) {
        second.publish("topic", "own", 1, i);
        server.turn(1);
    }
    server.turn();
    second.read();
    EXPECT_TRUE(second.session_present());
    EXPECT_TRUE(second.messages.empty());
}

/// Publishers on both shards write without pause while the subscriber jumps from connection to connection.
void pour(const std::string& prefix, int qos, std::uint32_t seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TestServer server(2);
    std::mt19937 random(seed);
    TestClient left(server, 0);
    TestClient right(server, 1);
    left.connect("left");
    right.connect("right");
    std::vector<std::unique_ptr<TestClient>> subscribers;
    const auto join = [&] {
        subscribers.push_back(std::make_unique<TestClient>(server, random() % 2));
        subscribers.back()->connect("subscriber");
    };
    join();
    subscribers.back()->subscribe(prefix + "#", qos);
    server.turn();
    constexpr int kMessages = 400;
    for (int i = 0; i < kMessages; ++i) {
        const auto id = static_cast<std::uint16_t>(i + 1);
        left.publish(prefix + "left", std::to_string(i), 1 + i % 2, id);
        right.publish(prefix + "right", std::to_string(i), 1 + i % 2, id);
        if (random() % 8 == 0) join();
        if (random() % 2 == 0) server.shard(random() % 2).turn(Milliseconds{0});
        if (random() % 3 == 0) server.turn(1);
        for (TestClient* publisher : {&left, &right}) {  // within its Receive Maximum
            EXPECT_TRUE(server.turn_until([&] {
                publisher->read();
                return i - publisher->count(PacketType::puback) - publisher->count(PacketType::pubcomp) < 100;
            }));
        }
        for (auto& subscriber : subscribers) subscriber->read();
    }
    const auto seen = [&] {
        std::map<std::string, std::set<std::string>> distinct;
        for (auto& subscriber : subscribers) {
            subscriber->read();
            for (const auto& message : subscriber->messages) distinct[message.topic].insert(message.payload);
        }
        left.read();
        right.read();
        return distinct[prefix + "left"].size() + distinct[prefix + "right"].size();
    };
    EXPECT_TRUE(server.turn_until([&] { return seen() == 2 * kMessages; })) << seen();
    EXPECT_TRUE(server.turn_until([&] { return server.seats() == 3; }));
    EXPECT_EQ(server.directory().size(), 3U);
    for (auto& subscriber : subscribers) {
        std::map<std::string, int> last;
        for (const auto& message : subscriber->messages) {
            const int number = std::stoi(message.payload);
            const auto at = last.find(message.topic);
            // In order on one connection, and nothing twice on it.
            ASSERT_TRUE(at == last.end() || at->second < number)
                << message.topic << " " << number << " after " << at->second;
            last[message.topic] = number;
        }
    }
}

// Bug class 18.
TEST(TakeOverUnderLoad, NothingIsLostOrDisordered) {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        pour("live/", 1, seed);
        if (testing::Test::HasFatalFailure()) return;
    }
}

TEST(TakeOverUnderLoad, StoredChannelsKeepTheirSequence) {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        pour("stored/", 1, seed);
        if (testing::Test::HasFatalFailure()) return;
    }
}

// Bug class 18.
TEST(TakeOverFight, SixteenClientsFightForOneId) {
    TestServer server(2);
    std::mt19937 random(7);
    std::vector<std::unique_ptr<TestClient>> clients(16);
    for (int round = 0; round < 2000; ++round) {
        auto& client = clients[random() % clients.size()];
        client = std::make_unique<TestClient>(server, random() % 2);
        client->connect("id", random() % 4 == 0, random() % 3 == 0 ? 0 : 1000);
        if (random() % 4 == 0) client->subscribe("topic", 1);
        if (random() % 4 == 0) client->publish("topic", "x", 1);
        if (random() % 8 == 0) client->drop();
        if (random() % 3 == 0) server.shard(random() % 2).turn(Milliseconds{0});
    }
    server.turn(50);  // every CONNECT of the fight is read
    TestClient winner(server, 0);
    winner.connect("id");
    EXPECT_TRUE(server.turn_until([&] {
        winner.read();
        return winner.count(PacketType::connack) == 1;
    }));
    EXPECT_FALSE(winner.closed);
    clients.clear();
    EXPECT_TRUE(server.turn_until([&] { return server.seats() == 1; }));
    EXPECT_EQ(server.directory().size(), 1U);
    EXPECT_EQ(server.sum(&Counters::sessions), 1U);
    EXPECT_TRUE(server.turn_until(
        [&] { return server.shard(0).connections().size() + server.shard(1).connections().size() == 1; }));
}

// Bug class 18.
TEST(TakeOverFight, ShardsOnThreadsOfTheirOwn) {
    TestServer server(2);
    std::vector<int> descriptors;
    for (unsigned i = 0; i < 200; ++i) descriptors.push_back(server.connect(i % 2));
    std::thread left([&] { server.shard(0).run(); });
    std::thread right([&] { server.shard(1).run(); });
    Connect connect;
    connect.client_id = "id";
    connect.clean_start = false;
    ByteBuffer bytes;
    encode_connect(bytes, connect);
    for (const int descriptor : descriptors) {
        EXPECT_EQ(::write(descriptor, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }
    const TimePoint end = steady_now() + Milliseconds{10'000};
    std::size_t open = descriptors.size();
    while (open > 1 && steady_now() < end) {
        for (int& descriptor : descriptors) {
            std::array<char, 256> chunk;
            if (descriptor < 0 || ::read(descriptor, chunk.data(), chunk.size()) != 0) continue;
            ::close(std::exchange(descriptor, -1));
            --open;
        }
        std::this_thread::yield();
    }
    EXPECT_EQ(open, 1U);
    EXPECT_EQ(server.directory().size(), 1U);
    server.shard(0).stop();
    server.shard(1).stop();
    left.join();
    right.join();
    for (const int descriptor : descriptors) {
        if (descriptor >= 0) ::close(descriptor);
    }
}

}  // namespace
}  // namespace millrace::mqtt
