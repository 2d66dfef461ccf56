#include "core/access/filters.h"

#include <bitset>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "core/topic_match.h"

namespace millrace::access {
namespace {

/// Every sequence of up to `depth` levels; with `hash`, '#' may be the last one.
std::vector<std::string> all_paths(const std::vector<std::string>& levels, int depth, bool hash) {
    std::vector<std::string> paths;
    std::vector<std::string> stems{""};
    for (int i = 0; i < depth; ++i) {
        std::vector<std::string> longer;
        for (const std::string& stem : stems) {
            for (const std::string& level : levels) longer.push_back(stem + level);
            if (hash) paths.push_back(stem + "#");
        }
        paths.insert(paths.end(), longer.begin(), longer.end());
        for (std::string& stem : longer) stem += "/";
        stems = longer;
    }
    return paths;
}

TEST(FilterMatchesTest, FollowsTheSpecification) {
    EXPECT_TRUE(topic_matches("sport/#", "sport"));
    EXPECT_TRUE(topic_matches("sport/+", "sport/"));
    EXPECT_FALSE(topic_matches("sport/+", "sport"));
    EXPECT_TRUE(topic_matches("+/+", "/finance"));
    EXPECT_FALSE(topic_matches("#", "$SYS/x"));
    EXPECT_FALSE(topic_matches("+/x", "$SYS/x"));
    EXPECT_TRUE(topic_matches("$SYS/#", "$SYS/x"));
    EXPECT_TRUE(topic_matches("a/+", "a/$x"));
    EXPECT_FALSE(topic_matches("a/b", "a/b/c"));
}

// The names have a letter and a depth that no filter mentions, so that they stand for all names.
TEST(FiltersTest, OverlapAndCoverAgreeWithBruteForce) {
    // The empty name counts too: no message can have it, but `/#` says that it matches the parent of "/".
    std::vector<std::string> filters = all_paths({"a", "b", "$x", "+", ""}, 3, true);
    std::erase(filters, "");
    const std::vector<std::string> names = all_paths({"a", "b", "c", "$x", ""}, 4, false);
    using Matched = std::bitset<1024>;
    ASSERT_LE(names.size(), Matched().size());
    std::vector<Matched> matches(filters.size());
    for (std::size_t i = 0; i < filters.size(); ++i) {
        for (std::size_t n = 0; n < names.size(); ++n) matches[i][n] = topic_matches(filters[i], names[n]);
    }
    for (std::size_t i = 0; i < filters.size(); ++i) {
        for (std::size_t j = 0; j < filters.size(); ++j) {
            const bool overlap = (matches[i] & matches[j]).any();
            const bool cover = (matches[j] & ~matches[i]).none();
            ASSERT_EQ(filters_overlap(filters[i], filters[j]), overlap)
                << filters[i] << " and " << filters[j];
            ASSERT_EQ(filter_covers(filters[i], filters[j]), cover) << filters[i] << " covers " << filters[j];
        }
    }
}

// Bug class 13.
TEST(FiltersTest, ShareIsTakenOff) {
    EXPECT_EQ(without_share("$share/group/a/#"), "a/#");
    EXPECT_EQ(without_share("$share/group//a"), "/a");
    EXPECT_EQ(without_share("$SYS/#"), "$SYS/#");
    EXPECT_EQ(without_share("a/b"), "a/b");
}

}  // namespace
}  // namespace millrace::access
