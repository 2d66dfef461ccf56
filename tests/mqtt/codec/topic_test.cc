#include "mqtt/codec/topic.h"

#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

namespace millrace::mqtt {
namespace {

using namespace std::string_literals;

TEST(TopicName, TakesWhatIsLegal) {
    for (const auto& name :
         {"a"s, "/"s, "//"s, "a b/c"s, "$SYS/broker"s, "room/42"s, "\xc3\xa4/\xe2\x82\xac"s}) {
        EXPECT_EQ(check_topic_name(name), TopicFault::none) << name;
    }
}

// Bug class 9.
TEST(TopicName, Mqtt_4_7_3_1_NeedsACharacter) {
    EXPECT_EQ(check_topic_name(""), TopicFault::empty);
}

TEST(TopicName, Mqtt_4_7_3_2_HasNoNul) {
    EXPECT_EQ(check_topic_name("a\0b"s), TopicFault::not_utf8);
}

TEST(TopicName, Mqtt_4_7_3_3_HasAtMost65535Bytes) {
    EXPECT_EQ(check_topic_name(std::string(65'535, 'a')), TopicFault::none);
    EXPECT_EQ(check_topic_name(std::string(65'536, 'a')), TopicFault::too_long);
    EXPECT_EQ(check_topic_name(std::string(65'536, 'a'), {1U << 20, 10}), TopicFault::too_long);
    EXPECT_EQ(check_topic_name("abcd", {3, 10}), TopicFault::too_long);
}

TEST(TopicName, Mqtt_3_3_2_2_HasNoWildcard) {
    for (const auto* name : {"#", "+", "a/+", "a+", "#a", "a/#/b"}) {
        EXPECT_EQ(check_topic_name(name), TopicFault::wildcard_in_name) << name;
    }
}

TEST(TopicName, KeepsToTheLimitOfLevels) {
    EXPECT_EQ(check_topic_name("a/b/c", {100, 3}), TopicFault::none);
    EXPECT_EQ(check_topic_name("a/b/c/d", {100, 3}), TopicFault::too_many_levels);
    EXPECT_EQ(check_topic_name("///", {100, 3}), TopicFault::too_many_levels);
    EXPECT_EQ(check_topic_filter("a/+/#", {100, 2}), TopicFault::too_many_levels);
}

TEST(TopicFilter, TakesWhatIsLegal) {
    for (const auto* filter : {"#", "+", "/", "+/+", "/+", "a/#", "+/a/#", "$SYS/#", "$share", "$share/g/#",
                               "$share/g//", "$share/g/+/a", "a//b"}) {
        EXPECT_EQ(check_topic_filter(filter), TopicFault::none) << filter;
    }
}

TEST(TopicFilter, Mqtt_4_7_1_1_MultiLevelWildcardIsTheLastLevel) {
    for (const auto* filter : {"#/a", "a/#/b", "a#", "#a", "##", "a/b#", "$share/g/#/a", "#/"}) {
        EXPECT_EQ(check_topic_filter(filter), TopicFault::misplaced_wildcard) << filter;
    }
}

TEST(TopicFilter, Mqtt_4_7_1_2_SingleLevelWildcardFillsItsLevel) {
    for (const auto* filter : {"a+", "+a", "a/b+/c", "++", "+#", "a/+#", "$share/g/a+"}) {
        EXPECT_EQ(check_topic_filter(filter), TopicFault::misplaced_wildcard) << filter;
    }
}

TEST(SharedSubscription, Mqtt_4_8_2_1_GroupIsNotEmpty) {
    for (const auto* filter : {"$share//a", "$share/", "$share//"}) {
        EXPECT_EQ(check_topic_filter(filter), TopicFault::bad_share) << filter;
    }
}

TEST(SharedSubscription, Mqtt_4_8_2_2_GroupIsPlainAndAFilterFollows) {
    for (const auto* filter : {"$share/+/a", "$share/#/a", "$share/g+/a", "$share/g", "$share/g/"}) {
        EXPECT_EQ(check_topic_filter(filter), TopicFault::bad_share) << filter;
    }
}

// Bug class 13.
TEST(SharedSubscription, IsCutIntoGroupAndFilter) {
    const auto shared = parse_shared("$share/group/a/+/#");
    ASSERT_TRUE(shared);
    EXPECT_EQ(shared->group, "group");
    EXPECT_EQ(shared->filter, "a/+/#");
    EXPECT_FALSE(parse_shared("$shared/group/a"));
    EXPECT_FALSE(parse_shared("$share"));
    EXPECT_FALSE(parse_shared("a/$share/g/b"));
}

TEST(ReplayFilter, IsCutIntoNumberAndFilter) {
    const auto replay = parse_replay("$replay/20/a/+/#");
    ASSERT_TRUE(replay);
    EXPECT_EQ(replay->newest, 20U);
    EXPECT_EQ(replay->filter, "a/+/#");
    EXPECT_FALSE(parse_replay("$replays/20/a"));
    EXPECT_FALSE(parse_replay("a/$replay/20/b"));
}

TEST(ReplayFilter, NeedsANumberAndAnOrdinaryFilter) {
    for (const auto* filter :
         {"$replay/", "$replay/5", "$replay/5/", "$replay//a", "$replay/0/a", "$replay/+/a",
          "$replay/4294967296/a", "$replay/5/$replay/5/a", "$replay/5/$share/g/a", "$share/g/$replay/5/a"}) {
        EXPECT_TRUE(names_replay(filter)) << filter;
        EXPECT_FALSE(parse_replay(filter)) << filter;
    }
}

TEST(TopicFilter, BeginsLiterallyBeforeItsFirstWildcard) {
    EXPECT_EQ(literal_beginning("a/b/#"), "a/b");
    EXPECT_EQ(literal_beginning("a/+/b"), "a");
    EXPECT_EQ(literal_beginning("/#"), "");
    EXPECT_EQ(literal_beginning("+/a"), "");
    EXPECT_EQ(literal_beginning("#"), "");
}

TEST(TopicLevels, WalksOverEmptyLevelsToo) {
    const auto levels = [](std::string_view topic) {
        std::vector<std::string_view> all;
        for (const std::string_view level : TopicLevels(topic)) all.push_back(level);
        return all;
    };
    using List = std::vector<std::string_view>;
    EXPECT_EQ(levels("a"), (List{"a"}));
    EXPECT_EQ(levels("a/b/c"), (List{"a", "b", "c"}));
    EXPECT_EQ(levels("/"), (List{"", ""}));
    EXPECT_EQ(levels("a//b/"), (List{"a", "", "b", ""}));
    EXPECT_EQ(levels(""), (List{""}));
}

TEST(TopicMatches, ExamplesOfTheSpecification) {
    for (const auto* name :
         {"sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"}) {
        EXPECT_TRUE(topic_matches("sport/tennis/player1/#", name));
    }
    EXPECT_TRUE(topic_matches("sport/#", "sport"));
    EXPECT_TRUE(topic_matches("sport/tennis/+", "sport/tennis/player1"));
    EXPECT_FALSE(topic_matches("sport/tennis/+", "sport/tennis/player1/ranking"));
    EXPECT_FALSE(topic_matches("sport/+", "sport"));
    EXPECT_TRUE(topic_matches("sport/+", "sport/"));
    EXPECT_TRUE(topic_matches("+/+", "/finance"));
    EXPECT_TRUE(topic_matches("/+", "/finance"));
    EXPECT_FALSE(topic_matches("+", "/finance"));
    EXPECT_FALSE(topic_matches("ACCOUNTS", "Accounts"));
}

// Bug class 11.
TEST(TopicMatches, Mqtt_4_7_2_1_LeadingWildcardsMissDollarTopics) {
    EXPECT_FALSE(topic_matches("#", "$SYS/x"));
    EXPECT_FALSE(topic_matches("+/monitor/Clients", "$SYS/monitor/Clients"));
    EXPECT_TRUE(topic_matches("$SYS/#", "$SYS/monitor"));
    EXPECT_TRUE(topic_matches("$SYS/monitor/+", "$SYS/monitor/Clients"));
    EXPECT_TRUE(topic_matches("a/#", "a/$SYS"));
    EXPECT_TRUE(topic_matches("a/+", "a/$SYS"));
}

std::vector<std::string> split(const std::string& topic) {
    std::vector<std::string> levels(1);
    for (const char c : topic) {
        if (c == '/') {
            levels.emplace_back();
        } else {
            levels.back().push_back(c);
        }
    }
    return levels;
}

bool naive_levels_match(const std::vector<std::string>& filter, std::size_t f,
                        const std::vector<std::string>& name, std::size_t n) {
    if (f == filter.size()) return n == name.size();
    if (filter[f] == "#") return true;
    if (n == name.size()) return false;
    return (filter[f] == "+" || filter[f] == name[n]) && naive_levels_match(filter, f + 1, name, n + 1);
}

bool naive_matches(const std::string& filter, const std::string& name) {
    if (name[0] == '$' && (filter[0] == '+' || filter[0] == '#')) return false;
    return naive_levels_match(split(filter), 0, split(name), 0);
}

TEST(TopicMatches, AgreesWithANaiveMatcherOnRandomTopics) {
    std::mt19937 random(20'240'601);
    const auto text = [&random](std::string_view alphabet) {
        std::string result(1 + random() % 7, ' ');
        for (char& c : result) c = alphabet[random() % alphabet.size()];
        return result;
    };
    unsigned compared = 0;
    unsigned matched = 0;
    for (int i = 0; i < 400'000; ++i) {
        const std::string filter = text("ab$+#//");
        const std::string name = text("ab$//");
        if (check_topic_filter(filter) != TopicFault::none) continue;
        ++compared;
        const bool expected = naive_matches(filter, name);
        matched += expected ? 1 : 0;
        ASSERT_EQ(topic_matches(filter, name), expected) << filter << " ~ " << name;
    }
    EXPECT_GT(compared, 50'000U);
    EXPECT_GT(matched, 1'000U);
}

TEST(TopicMatches, Mqtt_4_7_3_4_NothingIsNormalised) {
    EXPECT_FALSE(topic_matches("a/b", "A/b"));
    EXPECT_FALSE(topic_matches("a/b", "a//b"));
    EXPECT_FALSE(topic_matches("/a", "a"));
    EXPECT_FALSE(topic_matches("a/", "a"));
    EXPECT_FALSE(topic_matches("a ", "a"));
    EXPECT_FALSE(topic_matches("\u00e9", "e\u0301"));  // one letter, or a letter and its accent
}

TEST(TopicName, Mqtt_1_5_4_3_ByteOrderMarkIsALetter) {
    EXPECT_EQ(check_topic_name("\xEF\xBB\xBF"
                               "a"),
              TopicFault::none);
    EXPECT_FALSE(
        topic_matches("\xEF\xBB\xBF"
                      "a",
                      "a"));
    EXPECT_TRUE(
        topic_matches("\xEF\xBB\xBF"
                      "a",
                      "\xEF\xBB\xBF"
                      "a"));
}

}  // namespace
}  // namespace millrace::mqtt
