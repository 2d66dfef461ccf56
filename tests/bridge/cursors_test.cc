#include "bridge/cursors.h"

#include <gtest/gtest.h>

namespace millrace::bridge {
namespace {

const Cursors::Limits kLimits{.cursors = 2, .unused = Milliseconds{1000}};
const TimePoint kStart{std::chrono::hours(1)};

Cursors::Place acknowledged(std::uint64_t seq) {
    return {.seq = seq, .acknowledged = true};
}

TEST(Cursors, MoveForwardOnly) {
    Cursors cursors;
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), std::nullopt);
    EXPECT_EQ(cursors.acknowledge("ada", 5, kStart, kLimits), 5U);
    EXPECT_EQ(cursors.acknowledge("ada", 3, kStart, kLimits), 5U);
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), acknowledged(5));
}

TEST(Cursors, WhatIsOnlyGivenIsNotAcknowledged) {
    Cursors cursors;
    cursors.begin("ada", 5, kStart, kLimits);
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), Cursors::Place{.seq = 5});
    EXPECT_EQ(cursors.acknowledge("ada", 4, kStart, kLimits), 5U);
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), acknowledged(5));
    cursors.begin("ada", 2, kStart, kLimits);
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), Cursors::Place{.seq = 2}) << "it has lost its place";
}

TEST(Cursors, TheOneUsedLongestAgoGoesFirst) {
    Cursors cursors;
    cursors.acknowledge("ada", 1, kStart, kLimits);
    cursors.acknowledge("bob", 2, kStart, kLimits);
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), acknowledged(1));
    cursors.acknowledge("eve", 3, kStart, kLimits);
    EXPECT_EQ(cursors.find("bob", kStart, kLimits), std::nullopt);
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), acknowledged(1));
    EXPECT_EQ(cursors.size(), 2U);
    EXPECT_EQ(cursors.take_dropped(), 1U);
    EXPECT_EQ(cursors.take_dropped(), 0U);
}

TEST(Cursors, WhatNobodyUsesExpires) {
    Cursors cursors;
    cursors.acknowledge("ada", 1, kStart, kLimits);
    cursors.acknowledge("bob", 2, kStart + Milliseconds{600}, kLimits);
    EXPECT_EQ(cursors.find("bob", kStart + Milliseconds{1001}, kLimits), acknowledged(2));
    EXPECT_EQ(cursors.size(), 1U);
    EXPECT_EQ(cursors.find("bob", kStart + Milliseconds{2001}, kLimits), acknowledged(2)) << "it was used";
    EXPECT_EQ(cursors.find("bob", kStart + Milliseconds{3002}, kLimits), std::nullopt);
    EXPECT_EQ(cursors.take_dropped(), 0U);
}

}  // namespace
}  // namespace millrace::bridge
