// limits.publish_rate: who is faster is not read from, and loses nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

SessionLimits rate_of_ten() {
    SessionLimits limits;
    limits.publish_rate = 10;
    limits.publish_burst = 3;
    return limits;
}

class PublishRateTest : public testing::TestWithParam<Version> {
  protected:
    PublishRateTest() {
        exchange.connect();
        exchange.sent();
    }
    void pass(int ms) {
        exchange.host.now_us += ms * 1000;
        exchange.give({});
    }
    std::size_t taken() const { return exchange.host.published.size(); }
    Exchange exchange{GetParam(), rate_of_ten()};
};
INSTANTIATE_TEST_SUITE_P(Versions, PublishRateTest, testing::Values(Version::v311, Version::v5),
                         name_of_version);

TEST_P(PublishRateTest, BurstIsTakenAtOnceAndTheRestInItsTime) {
    for (int i = 0; i < 6; ++i) exchange.publish("a", std::to_string(i), 0);
    EXPECT_EQ(taken(), 3U);
    EXPECT_TRUE(exchange.machine().waiting());
    EXPECT_EQ(exchange.host.held, Milliseconds{100});
    pass(99);
    EXPECT_EQ(taken(), 3U);
    EXPECT_EQ(exchange.host.held, Milliseconds{1});
    pass(1);
    EXPECT_EQ(taken(), 4U);
    EXPECT_TRUE(exchange.machine().waiting());
    pass(200);
    EXPECT_EQ(taken(), 6U);
    EXPECT_FALSE(exchange.machine().waiting());
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(exchange.host.published[i].payload, std::to_string(i));
}

TEST_P(PublishRateTest, HeldIsCountedOnceUntilItGoesOn) {
    for (int i = 0; i < 4; ++i) exchange.publish("a", "x", 0);
    for (int i = 0; i < 5; ++i) pass(10);
    EXPECT_EQ(exchange.counters.publishers_held.value(), 1U);
    pass(50);
    for (int i = 0; i < 2; ++i) exchange.publish("a", "x", 0);
    EXPECT_EQ(exchange.counters.publishers_held.value(), 2U);
}

TEST_P(PublishRateTest, EveryQosCountsAndOtherPacketsDoNot) {
    exchange.publish("a", "x", 0);
    exchange.publish("a", "x", 1, 1);
    exchange.publish("a", "x", 2, 2);
    for (int i = 0; i < 10; ++i) exchange.ack(PacketType::pubrel, 2);
    exchange.subscribe("a");
    EXPECT_FALSE(exchange.machine().waiting());
    exchange.publish("a", "x", 1, 3);
    EXPECT_TRUE(exchange.machine().waiting());
    EXPECT_EQ(taken(), 3U);
}

TEST_P(PublishRateTest, WhatTheStoreDidNotTakeIsNotPaidForTwice) {
    exchange.host.answer = PublishAnswer::pending;
    exchange.publish("a", "1", 1, 1);
    exchange.host.answer = PublishAnswer::overloaded;
    exchange.publish("a", "2", 1, 2);
    for (int i = 0; i < 5; ++i) exchange.give({});
    exchange.host.answer = PublishAnswer::pending;
    exchange.give({});
    exchange.publish("a", "3", 1, 3);
    EXPECT_EQ(taken(), 3U);
}

TEST_P(PublishRateTest, TimeWithoutMessagesFillsUpToTheBurst) {
    pass(60'000);
    for (int i = 0; i < 4; ++i) exchange.publish("a", "x", 0);
    EXPECT_EQ(taken(), 3U);
}

}  // namespace
}  // namespace millrace::mqtt
