// Sessions in the store: what is kept of them, and how they come back in the next process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>

#include "tests/mqtt/broker/client_support.h"
#include "tests/mqtt/broker/test_memory.h"

namespace millrace::mqtt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Processes of two shards, one after another, over one store.
class SessionKeepingTest : public ::testing::Test {
  protected:
    TestServer& server() { return *server_; }
    /// kill -9, and the next process.
    void crash() {
        server_.reset();
        server_ = std::make_unique<TestServer>(2, memory_);
    }
    std::vector<store::RestoredSession> kept() {
        std::vector<store::RestoredSession> all;
        for (const auto& [id, session] : *memory_->sessions.lock()) all.push_back(session);
        return all;
    }
    /// Checkpoints, until the only session has everything up to then; how far it is, otherwise.
    bool caught_up_to(std::int64_t us) {
        for (int i = 0; i < 10; ++i) {
            server().pass(1);
            if (server().turn_until([&] { return kept().at(0).session.caught_up_us >= us; },
                                    Milliseconds{50}))
                return true;
        }
        return false;
    }
    void subscribe(TestClient& client, std::string_view filter, int qos = 1) {
        const int before = client.count(PacketType::suback);
        client.subscribe(filter, qos);
        EXPECT_TRUE(arrives(client, [&] { return client.count(PacketType::suback) > before; }));
    }
    template <class Condition>
    bool arrives(TestClient& client, Condition condition) {
        return server().turn_until([&] {
            client.read();
            return condition();
        });
    }
    /// When it was committed.
    std::int64_t publish(std::string_view channel, std::string_view payload) {
        TestClient publisher(server(), 0);
        publisher.connect("publisher", true, 0);
        publisher.publish(channel, payload, 1);
        EXPECT_TRUE(arrives(publisher, [&] { return publisher.count(PacketType::puback) != 0; }));
        auto channels = memory_->channels.lock();
        return channels->find(channel)->second.back()->at_us();
    }
    bool gets(TestClient& client, const std::vector<std::string>& payloads) {
        arrives(client, [&] { return client.payloads().size() >= payloads.size(); });
        server().turn();
        client.read();
        EXPECT_EQ(client.payloads(), payloads);
        return client.payloads() == payloads;
    }

    TestServer::Memory memory_ = TestServer::keeping_memory();
    std::unique_ptr<TestServer> server_ = std::make_unique<TestServer>(2, memory_);
};

TEST_F(SessionKeepingTest, OnlyWhatOutlivesItsConnectionIsKept) {
    TestClient clean(server(), 0);
    clean.connect("clean", true, 0);
    clean.subscribe("stored/a", 1);
    TestClient device(server(), 0);
    device.connect("device");
    subscribe(device, "stored/#", 2);
    subscribe(device, "$share/g/stored/a");
    ASSERT_THAT(kept(), SizeIs(1));
    const store::RestoredSession session = kept()[0];
    EXPECT_EQ(session.session.client_id, "device");
    EXPECT_EQ(session.session.expiry_s, 1000U);
    EXPECT_EQ(session.session.disconnected_us, 0);
    ASSERT_THAT(session.subscriptions, SizeIs(2));
    EXPECT_EQ(session.subscriptions[0].filter, "stored/#");
    EXPECT_EQ(session.subscriptions[0].qos, 2U);
    EXPECT_GE(session.subscriptions[0].since_us, session.session.caught_up_us);
    clean.read();
    EXPECT_EQ(clean.count(PacketType::suback), 1);
}

TEST_F(SessionKeepingTest, SubackWaitsUntilItIsStored) {
    TestClient device(server(), 0);
    device.connect("device");
    server().turn();
    server().hold_store();
    device.subscribe("live/a", 1);
    device.write(std::string_view("\xC0\x00", 2));
    EXPECT_TRUE(arrives(device, [&] { return device.count(PacketType::pingresp) == 1; }));
    EXPECT_EQ(device.count(PacketType::suback), 0);
    server().release_store();
    EXPECT_TRUE(arrives(device, [&] { return device.count(PacketType::suback) == 1; }));
}

TEST_F(SessionKeepingTest, ThePositionIsBehindWhatIsNotAcknowledged) {
    TestClient device(server(), 0);
    device.acknowledges = false;
    device.connect("device");
    subscribe(device, "stored/a");
    const std::int64_t at_us = publish("stored/a", "1");
    ASSERT_TRUE(gets(device, {"1"}));
    EXPECT_FALSE(caught_up_to(at_us));
    EXPECT_TRUE(caught_up_to(at_us - 1));
    device.ack(PacketType::puback, device.messages[0].packet_id);
    EXPECT_TRUE(caught_up_to(at_us));
}

TEST_F(SessionKeepingTest, ThePositionStaysWhereAClientThatIsAwayHasLeft) {
    TestClient device(server(), 0);
    device.connect("device");
    subscribe(device, "stored/a");
    const std::int64_t first_us = publish("stored/a", "1");
    ASSERT_TRUE(gets(device, {"1"}));
    device.drop();
    server().turn();
    const std::int64_t second_us = publish("stored/a", "2");
    EXPECT_TRUE(caught_up_to(first_us));
    EXPECT_FALSE(caught_up_to(second_us));
    EXPECT_NE(kept()[0].session.disconnected_us, 0);
}

TEST_F(SessionKeepingTest, ThePositionFollowsWhatIsReadFromTheLog) {
    server_ = std::make_unique<TestServer>(
        2, memory_, [](config::Config& config) { config.limits.inflight_messages = 1; });
    TestClient device(server(), 0);
    device.connect("device");
    subscribe(device, "stored/a");
    device.drop();
    server().turn();
    const std::int64_t first_us = publish("stored/a", "1");
    const std::int64_t second_us = publish("stored/a", "2");
    publish("stored/a", "3");
    TestClient back(server(), 0);
    back.acknowledges = false;
    back.connect("device");
    ASSERT_TRUE(gets(back, {"1"}));
    EXPECT_FALSE(caught_up_to(first_us));
    back.ack(PacketType::puback, back.messages[0].packet_id);
    ASSERT_TRUE(gets(back, {"1", "2"}));
    EXPECT_TRUE(caught_up_to(first_us));
    EXPECT_FALSE(caught_up_to(second_us));
}

TEST_F(SessionKeepingTest, TheNextProcessOwesWhatWasMissed) {
    TestClient device(server(), 1);
    device.connect("device");
    subscribe(device, "stored/+", 2);
    const std::int64_t first_us = publish("stored/a", "1");
    ASSERT_TRUE(gets(device, {"1"}));
    ASSERT_TRUE(caught_up_to(first_us));
    device.drop();
    server().turn();
    publish("stored/a", "2");
    for (const unsigned shard : {0U, 1U}) {
        crash();
        publish("stored/a", "later" + std::to_string(shard));
        TestClient back(server(), shard);
        back.acknowledges = false;
        back.connect("device");
        std::vector<std::string> wanted = {"2", "later0"};
        if (shard == 1) wanted.emplace_back("later1");
        EXPECT_TRUE(gets(back, wanted));
        EXPECT_TRUE(back.session_present());
    }
}

TEST_F(SessionKeepingTest, ANewSubscriptionIsNotOwedWhatWasSaidBeforeIt) {
    TestClient device(server(), 0);
    device.acknowledges = false;
    device.connect("device");
    subscribe(device, "stored/a");
    publish("stored/a", "unacknowledged");
    publish("stored/b", "before");
    subscribe(device, "stored/b");
    publish("stored/b", "after");
    crash();
    TestClient back(server(), 0);
    back.connect("device");
    EXPECT_TRUE(gets(back, {"unacknowledged", "after"}));
}

TEST_F(SessionKeepingTest, WhatAQos0SubscriptionMissesIsNotOwed) {
    TestClient device(server(), 0);
    device.connect("device");
    subscribe(device, "stored/a", 0);
    subscribe(device, "stored/b", 1);
    device.drop();
    server().turn();
    publish("stored/a", "not owed");
    publish("stored/b", "owed");
    crash();
    TestClient back(server(), 0);
    back.connect("device");
    EXPECT_TRUE(gets(back, {"owed"}));
}

TEST_F(SessionKeepingTest, AClientThatDoesNotWaitLosesNothing) {
    TestClient device(server(), 0);
    device.connect("device");
    subscribe(device, "stored/a");
    device.drop();
    server().turn();
    publish("stored/a", "1");
    crash();
    server().hold_store();
    TestClient impatient(server(), 0);
    impatient.connect("device");
    server().turn();
    impatient.drop();
    server().turn();
    TestClient second(server(), 0);
    second.connect("device");
    server().turn();
    TestClient third(server(), 1);
    third.connect("device");
    server().turn();
    server().release_store();
    EXPECT_TRUE(gets(third, {"1"}));
    EXPECT_TRUE(third.session_present());
    second.read();
    EXPECT_TRUE(second.closed);
    EXPECT_THAT(second.payloads(), IsEmpty());
}

TEST_F(SessionKeepingTest, ARestoredSessionEndsInItsTime) {
    TestClient device(server(), 0);
    device.connect("device", false, 5);
    subscribe(device, "stored/a");
    crash();
    EXPECT_EQ(server().seats(), 1U);
    server().pass(6);
    EXPECT_EQ(server().seats(), 0U);
    EXPECT_TRUE(server().turn_until([&] { return kept().empty(); }));
}

TEST_F(SessionKeepingTest, CleanStartEndsARestoredSession) {
    TestClient device(server(), 0);
    device.connect("device");
    subscribe(device, "stored/a");
    crash();
    TestClient fresh(server(), 1);
    fresh.connect("device", true);
    EXPECT_TRUE(arrives(fresh, [&] { return fresh.last(PacketType::connack) != nullptr; }));
    EXPECT_FALSE(fresh.session_present());
    EXPECT_TRUE(server().turn_until([&] { return kept().empty(); }));
}

TEST_F(SessionKeepingTest, ASharedSubscriptionComesBack) {
    TestClient device(server(), 0);
    device.connect("device");
    subscribe(device, "$share/g/stored/a");
    crash();
    TestClient back(server(), 1);
    back.connect("device");
    EXPECT_TRUE(arrives(back, [&] { return back.session_present(); }));
    publish("stored/a", "1");
    EXPECT_TRUE(gets(back, {"1"}));
}

TEST_F(SessionKeepingTest, TheClockMayBeSetBackBetweenTwoProcesses) {
    TestClient device(server(), 0);
    device.connect("device");
    subscribe(device, "stored/a");
    const std::int64_t ahead_us = wall_clock_us() + 3'600'000'000;
    {
        auto sessions = memory_->sessions.lock();
        sessions->begin()->second.session.caught_up_us = ahead_us;
    }
    crash();
    EXPECT_GT(publish("stored/a", "1"), ahead_us);
    crash();
    TestClient back(server(), 0);
    back.connect("device");
    EXPECT_TRUE(gets(back, {"1"}));
}

}  // namespace
}  // namespace millrace::mqtt
