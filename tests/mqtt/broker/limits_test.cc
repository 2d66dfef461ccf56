// Limits on single clients and on all of them, through real connections and timers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

TEST(PublishRate, FasterClientIsReadFromInItsTime) {
    TestServer server(1, [](config::Config& config) {
        config.limits.publish_rate = 2;
        config.limits.publish_burst = 3;
    });
    TestClient client(server, 0);
    client.connect("fast");
    server.turn();
    for (int i = 0; i < 6; ++i) client.publish("a", "x", 0);
    server.turn();
    EXPECT_EQ(server.sum(&Counters::messages_in), 3U);
    EXPECT_EQ(server.sum(&Counters::publishers_held), 1U);
    server.pass(1);
    const std::uint64_t after_a_second = server.sum(&Counters::messages_in);
    EXPECT_GE(after_a_second, 4U);
    EXPECT_LE(after_a_second, 5U);
    for (int i = 0; i < 3; ++i) server.pass(1);
    EXPECT_EQ(server.sum(&Counters::messages_in), 6U);
    client.read();
    EXPECT_FALSE(client.closed);
}

TEST(PublishRate, HeldClientIsNotTakenForSilent) {
    TestServer server(1, [](config::Config& config) {
        config.limits.publish_rate = 1;
        config.limits.publish_burst = 1;
    });
    TestClient client(server, 0);
    Connect packet;
    packet.client_id = "fast";
    packet.keep_alive_s = 1;
    client.connect_with(packet);
    server.turn();
    for (int i = 0; i < 10; ++i) client.publish("a", "x", 0);
    // A deadline that falls on the end of such a step is seen with the next.
    for (int i = 0; i < 30 && server.sum(&Counters::messages_in) < 10; ++i) {
        client.read();
        ASSERT_FALSE(client.closed);
        server.pass(1);
    }
    EXPECT_EQ(server.sum(&Counters::messages_in), 10U);
    for (int i = 0; i < 5; ++i) server.pass(1);
    client.read();
    EXPECT_TRUE(client.closed) << "now that it has been read, its silence counts";
}

TEST(ClientIds, LongOnesPublishAtQos2ToStoredChannels) {
    for (const std::size_t size : {990U, 1'000U, 1'024U, 2'000U, 65'519U, 65'520U, 65'535U}) {
        SCOPED_TRACE(size);
        TestServer server(1);
        TestClient subscriber(server, 0);
        subscriber.connect("subscriber");
        subscriber.subscribe("stored/a", 0);
        TestClient publisher(server, 0);
        publisher.connect(std::string(size, 'x'));
        server.turn();
        publisher.publish("stored/a", "whole", 2, 1);
        publisher.publish("stored/a", "second", 2, 2);
        EXPECT_TRUE(server.turn_until([&] {
            publisher.read();
            subscriber.read();
            return publisher.closed || subscriber.messages.size() == 2;
        }));
        EXPECT_FALSE(publisher.closed);
        EXPECT_THAT(subscriber.payloads(), testing::ElementsAre("whole", "second"));
    }
}

TEST(ClientIds, AreLimited) {
    for (const Version version : {Version::v311, Version::v5}) {
        TestServer server(1, [](config::Config& config) { config.limits.client_id_bytes = 30; });
        TestClient longest(server, 0, version);
        longest.connect(std::string(30, 'x'));
        TestClient longer(server, 0, version);
        longer.connect(std::string(31, 'x'));
        server.turn();
        longest.read();
        longer.read();
        EXPECT_FALSE(longest.closed);
        EXPECT_TRUE(longer.closed);
        ASSERT_NE(longer.last(PacketType::connack), nullptr);
        EXPECT_EQ(decode_connack(longer.last(PacketType::connack)->frame(), version)->code,
                  ReasonCode::client_identifier_not_valid);
    }
}

TEST(QueueTotals, CountOverAllShards) {
    TestServer server(2, [](config::Config& config) { config.limits.queued_messages = 50; });
    for (const unsigned shard : {0U, 1U}) {
        TestClient away(server, shard);
        away.connect("away-" + std::to_string(shard));
        server.turn();
        away.subscribe("a", 1);
        server.turn();
        away.drop();
        server.turn();
    }
    TestClient publisher(server, 0);
    publisher.connect("publisher");
    server.turn();
    for (int i = 0; i < 100; ++i) {
        publisher.publish("a", "x", 0);
        publisher.publish("a", "x", 1);
        server.turn(2);
    }
    server.turn();
    const std::uint64_t queued = server.sum(&Counters::queued_messages);
    EXPECT_GE(queued, 50U);
    EXPECT_LE(queued, 50U + 2 * 32U);
    EXPECT_EQ(queued + server.sum(&Counters::dropped_queues_full), 200U);
    EXPECT_EQ(server.sum(&Counters::dropped_queue_full), 0U);
}

}  // namespace
}  // namespace millrace::mqtt
