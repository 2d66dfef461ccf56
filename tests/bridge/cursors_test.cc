#include "bridge/cursors.h"

#include <gtest/gtest.h>

namespace millrace::bridge {
namespace {

const Cursors::Limits kLimits{.cursors = 2, .unused = Milliseconds{1000}};
const TimePoint kStart{std::chrono::hours(1)};

TEST(Cursors, MoveForwardOnly) {
    Cursors cursors;
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), std::nullopt);
    EXPECT_EQ(cursors.advance("ada", 5, kStart, kLimits), 5U);
    EXPECT_EQ(cursors.advance("ada", 3, kStart, kLimits), 5U);
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), 5U);
    cursors.set("ada", 2, kStart, kLimits);
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), 2U);
}

TEST(Cursors, TheOneUsedLongestAgoGoesFirst) {
    Cursors cursors;
    cursors.advance("ada", 1, kStart, kLimits);
    cursors.advance("bob", 2, kStart, kLimits);
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), 1U);
    cursors.advance("eve", 3, kStart, kLimits);
    EXPECT_EQ(cursors.find("bob", kStart, kLimits), std::nullopt);
    EXPECT_EQ(cursors.find("ada", kStart, kLimits), 1U);
    EXPECT_EQ(cursors.size(), 2U);
    EXPECT_EQ(cursors.take_dropped(), 1U);
    EXPECT_EQ(cursors.take_dropped(), 0U);
}

TEST(Cursors, WhatNobodyUsesExpires) {
    Cursors cursors;
    cursors.advance("ada", 1, kStart, kLimits);
    cursors.advance("bob", 2, kStart + Milliseconds{600}, kLimits);
    EXPECT_EQ(cursors.find("bob", kStart + Milliseconds{1001}, kLimits), 2U);
    EXPECT_EQ(cursors.size(), 1U);
    EXPECT_EQ(cursors.find("bob", kStart + Milliseconds{2001}, kLimits), 2U) << "it was used";
    EXPECT_EQ(cursors.find("bob", kStart + Milliseconds{3002}, kLimits), std::nullopt);
    EXPECT_EQ(cursors.take_dropped(), 0U);
}

}  // namespace
}  // namespace millrace::bridge
