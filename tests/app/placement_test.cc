#include <gtest/gtest.h>

#include "app/acceptor.h"
#include "core/shard.h"

namespace millrace::app {
namespace {

/// As if `shard` had adopted `opened` connections and `closed` of them had ended.
void settle(Shard& shard, std::uint64_t opened, std::uint64_t closed) {
    shard.counters().connections_total.add(opened);
    shard.counters().connections.add(opened - closed);
}

TEST(Placement, ABurstIsSpreadBeforeAnyShardHasAdoptedIt) {
    Shard first(0);
    Shard second(1);
    Placement placement({&first, &second}, 100);
    int to_first = 0;
    for (int i = 0; i < 10; ++i) to_first += placement.choose() == &first ? 1 : 0;
    EXPECT_EQ(to_first, 5);
}

TEST(Placement, TheShardWithTheFewestOpenConnectionsIsNext) {
    Shard first(0);
    Shard second(1);
    Placement placement({&first, &second}, 100);
    for (int i = 0; i < 8; ++i) placement.choose();
    settle(first, 4, 0);
    settle(second, 4, 3);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(placement.choose(), &second);
}

// Bug class 24.
TEST(Placement, NobodyIsChosenAtTheLimit) {
    Shard only(0);
    Placement placement({&only}, 2);
    EXPECT_EQ(placement.choose(), &only);
    EXPECT_EQ(placement.choose(), &only);
    EXPECT_EQ(placement.choose(), nullptr);
    settle(only, 2, 1);
    EXPECT_EQ(placement.choose(), &only);
    EXPECT_EQ(placement.choose(), nullptr);
}

}  // namespace
}  // namespace millrace::app
