// kill -9 in the middle of a load: whatever was acknowledged or delivered is in the store afterwards.
#include <gtest/gtest.h>

#include "tests/system/load.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

class CrashTest : public SystemTest {
  protected:
    LoadPlan plan(int round) {
        LoadPlan plan;
        plan.name = "round" + std::to_string(round);
        return plan;
    }
    /// Everything stored, by key; fails on a hole, a repeat or another epoch than before.
    std::map<std::string, Seen> read_all() {
        std::map<std::string, Seen> all;
        for (int i = 0; i < plan(0).channels; ++i) {
            const StoredChannel channel = read_channel(server().http_port(), plan(0).channel(i));
            if (epoch_.empty()) epoch_ = channel.epoch;
            EXPECT_EQ(channel.epoch, epoch_);
            std::uint64_t expected = 0;
            for (const Seen& seen : channel.messages) {
                EXPECT_EQ(seen.seq, ++expected) << seen.channel;
                EXPECT_TRUE(all.emplace(seen.key, seen).second) << seen.key << " is stored twice";
            }
        }
        return all;
    }

  private:
    std::string epoch_;
};

/// That every one of these is stored in its channel and, where the seq is known, at that place.
void expect_stored(const std::vector<Seen>& wanted, const std::map<std::string, Seen>& all, const char* who) {
    std::size_t missing = 0;
    for (const Seen& seen : wanted) {
        const auto found = all.find(seen.key);
        if (found == all.end()) {
            ++missing;
            continue;
        }
        ASSERT_EQ(found->second.channel, seen.channel) << seen.key;
        EXPECT_TRUE(seen.seq == 0 || seen.seq == found->second.seq) << seen.key;
    }
    EXPECT_EQ(missing, 0U) << "messages that " << who << " are not in the store";
}

std::vector<Seen> all_seen(const LoadResult& result) {
    std::vector<Seen> seen;
    for (const auto* subscribers : {&result.mqtt5, &result.mqtt311, &result.bridge}) {
        for (const SeenByChannel& channels : *subscribers) {
            for (const auto& [channel, messages] : channels)
                seen.insert(seen.end(), messages.begin(), messages.end());
        }
    }
    return seen;
}

TEST_P(CrashTest, WhatWasAcknowledgedSurvivesKillMinusNine) {
    read_all();  // notes the epoch
    std::vector<Seen> acknowledged;
    for (int round = 1; round <= 3; ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        Load load(server(), plan(round));
        load.start();
        const std::size_t enough = 1500U * static_cast<std::size_t>(round);
        ASSERT_TRUE(eventually([&] { return load.acknowledged() >= enough; }, 60s)) << load.acknowledged();
        server().kill();
        const LoadResult result = load.finish();
        EXPECT_LT(result.acknowledged.size(), plan(round).total())
            << "the kill came too late to show anything";
        acknowledged.insert(acknowledged.end(), result.acknowledged.begin(), result.acknowledged.end());

        server().start();
        const std::map<std::string, Seen> all = read_all();
        expect_stored(acknowledged, all, "were acknowledged");
        expect_stored(all_seen(result), all, "were delivered");
        ASSERT_FALSE(HasFailure());
    }
    const std::string channel = plan(0).channel(0);
    const std::size_t before = read_channel(server().http_port(), channel).messages.size();
    const HttpAnswer next = http_post(server().http_port(), "/v1/publish",
                                      {{"channel", channel}, {"data", {{"m", "after all"}}}});
    EXPECT_EQ(next.status, 201);
    EXPECT_EQ(next.json().at("seq").to_number<std::size_t>(), before + 1);
}

MILLRACE_ON_BOTH_STORES(CrashTest);

}  // namespace
}  // namespace millrace::system_test
