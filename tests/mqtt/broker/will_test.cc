// The will: when it is published, how long it waits, and what cancels it (3.1.2.5, 3.1.3.2.2).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// The second connection is on the shard of the first, and on another one.
class WillTest : public testing::TestWithParam<unsigned> {
  protected:
    WillTest() {
        watcher.connect("watcher");
        watcher.subscribe("wills", 1);
        server.turn();
    }

    void connect(TestClient& client, bool clean_start, std::uint32_t expiry_s, std::uint32_t delay_s) {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.integer(PropertyId::session_expiry_interval, expiry_s);
        ByteBuffer will_raw;
        PropertyWriter will_writer(will_raw);
        will_writer.integer(PropertyId::will_delay_interval, delay_s);
        Connect connect;
        connect.client_id = "id";
        connect.clean_start = clean_start;
        connect.properties = writer.properties();
        connect.will.emplace();
        connect.will->topic = "wills";
        connect.will->payload = as_bytes("gone");
        connect.will->properties = will_writer.properties();
        client.connect_with(connect);
        server.turn();
    }
    void lose(TestClient& client) {
        client.drop();
        server.turn();
    }
    std::vector<std::string> wills() {
        server.turn();
        watcher.read();
        return watcher.payloads();
    }

    TestServer server{2};
    TestClient watcher{server, 1};
    TestClient first{server, 0};
    TestClient second{server, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, WillTest, testing::Values(0U, 1U));

TEST_P(WillTest, Mqtt_3_1_2_8_ComesAtOnceWithoutADelay) {
    connect(first, false, 100, 0);
    lose(first);
    EXPECT_THAT(wills(), ElementsAre("gone"));
}

TEST_P(WillTest, ComesAfterItsDelayAndOnce) {
    connect(first, false, 100, 10);
    lose(first);
    server.pass(9);
    EXPECT_THAT(wills(), IsEmpty());
    server.pass(2);
    EXPECT_THAT(wills(), ElementsAre("gone"));
    EXPECT_EQ(server.sum(&Counters::sessions), 2U);
    server.pass(100);
    EXPECT_THAT(wills(), ElementsAre("gone"));
    EXPECT_EQ(server.sum(&Counters::sessions), 1U);
}

TEST_P(WillTest, SessionExpiresAtItsOwnTimeAfterTheDelay) {
    connect(first, false, 100, 10);
    lose(first);
    server.pass(11);
    server.pass(85);
    EXPECT_EQ(server.sum(&Counters::sessions), 2U);
    server.pass(8);
    EXPECT_EQ(server.sum(&Counters::sessions), 1U);
}

// Bug class 7.
TEST_P(WillTest, SessionEndComesBeforeALongerDelay) {
    connect(first, false, 10, 100);
    lose(first);
    server.pass(9);
    EXPECT_THAT(wills(), IsEmpty());
    server.pass(2);
    EXPECT_THAT(wills(), ElementsAre("gone"));
    EXPECT_EQ(server.sum(&Counters::sessions), 1U);
}

TEST_P(WillTest, SessionWithoutExpiryDoesNotDelayIt) {
    connect(first, false, 0, 100);
    lose(first);
    EXPECT_THAT(wills(), ElementsAre("gone"));
}

TEST_P(WillTest, Mqtt_3_1_3_9_ResumingTheSessionCancelsIt) {
    connect(first, false, 100, 10);
    lose(first);
    server.pass(9);
    connect(second, false, 100, 10);
    second.read();
    EXPECT_TRUE(second.session_present());
    server.pass(20);
    EXPECT_THAT(wills(), IsEmpty());
    lose(second);
    server.pass(11);
    EXPECT_THAT(wills(), ElementsAre("gone"));
}

// Bug class 7.
TEST_P(WillTest, Mqtt_3_1_3_9_TakeOverCancelsIt) {
    connect(first, false, 100, 10);
    connect(second, false, 100, 10);
    server.pass(20);
    EXPECT_THAT(wills(), IsEmpty());
}

TEST_P(WillTest, CleanStartEndsTheSessionAndPublishesIt) {
    connect(first, false, 100, 10);
    lose(first);
    connect(second, true, 100, 10);
    EXPECT_THAT(wills(), ElementsAre("gone"));
}

TEST_P(WillTest, TakeOverWithCleanStartPublishesIt) {
    connect(first, false, 100, 10);
    connect(second, true, 100, 10);
    EXPECT_THAT(wills(), ElementsAre("gone"));
}

TEST_P(WillTest, Mqtt_3_1_2_10_DisconnectRemovesIt) {
    connect(first, false, 100, 10);
    first.disconnect();
    server.turn();
    server.pass(200);
    EXPECT_THAT(wills(), IsEmpty());
}

TEST_P(WillTest, DisconnectWithWillDelaysItToo) {
    connect(first, false, 100, 10);
    first.write(std::string_view("\xE0\x01\x04", 3));
    server.turn();
    EXPECT_THAT(wills(), IsEmpty());
    server.pass(11);
    EXPECT_THAT(wills(), ElementsAre("gone"));
}

}  // namespace
}  // namespace millrace::mqtt
