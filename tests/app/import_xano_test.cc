#include "app/import_xano.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"

namespace millrace::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// What the server makes of the YAML.
config::Config loaded(const Imported& imported) {
    EXPECT_THAT(imported.problems, IsEmpty());
    const config::LoadResult result = config::load_text(imported.yaml);
    for (const config::Problem& problem : result.problems) ADD_FAILURE() << config::format("yaml", problem);
    return result.config;
}

TEST(ImportXano, EachSwitchHasItsKey) {
    const config::Config config = loaded(import_xano(R"({
        "enabled": true, "hash": "Dl3HlakmBZDhezv6yml7hliTM20", "channels": [
        {"id": 1, "pattern": "chat/*", "description": "rooms\nof all", "enabled": true, "wildcard": true, "history": "100",
         "presence": true, "anonymous_clients": true, "client_public_messaging": true,
         "client_public_messaging_authenticated_only": true, "client_private_messaging": true,
         "client_private_messaging_authenticated_only": false, "client_authenticated_messaging": true},
        {"pattern": "alerts", "enabled": true}]})"));
    EXPECT_EQ(config.realtime.key, "Dl3HlakmBZDhezv6yml7hliTM20");
    EXPECT_TRUE(config.allows_anonymous());
    ASSERT_THAT(config.channels, SizeIs(2));
    const config::ChannelRule& alerts = config.channels[0];
    EXPECT_EQ(alerts.match, "alerts");
    EXPECT_FALSE(alerts.store || alerts.presence || alerts.anonymous);
    EXPECT_EQ(alerts.publish, config::Who::nobody);
    EXPECT_EQ(alerts.private_messages, config::Who::nobody);
    EXPECT_EQ(alerts.audience, config::Audience::anyone);
    const config::ChannelRule& chat = config.channels[1];
    EXPECT_EQ(chat.match, "chat/#");
    EXPECT_TRUE(chat.store && chat.presence && chat.anonymous);
    EXPECT_EQ(chat.history, 100U);
    EXPECT_EQ(chat.retention.messages, 100U);
    EXPECT_EQ(chat.publish, config::Who::authenticated);
    EXPECT_EQ(chat.private_messages, config::Who::anyone);
    EXPECT_EQ(chat.audience, config::Audience::authenticated);
}

TEST(ImportXano, WhoMayNotJoinMayNotSend) {
    const config::Config config = loaded(import_xano(
        R"({"channels": [{"pattern": "a", "anonymous_clients": false, "client_public_messaging": true}]})"));
    EXPECT_EQ(config.channels.at(0).publish, config::Who::authenticated);
}

TEST(ImportXano, ATriggerIsMentioned) {
    const auto yaml = [](const std::string& more) {
        return import_xano(R"({"channels": [{"pattern": "a")" + more + "}]}").yaml;
    };
    EXPECT_THAT(yaml(R"(,"trigger":{"id":7})"), HasSubstr("# It has a trigger there. Here: hooks:"));
    EXPECT_THAT(yaml(R"(,"realtime_triggers":[{"id":7}])"), HasSubstr("trigger"));
    EXPECT_THAT(yaml(R"(,"trigger":null,"triggers":[])"), ::testing::Not(HasSubstr("trigger")));
    EXPECT_THAT(import_xano(R"({"channels": [{"pattern": "a","trigger":{"id":7}}]})").problems,
                ElementsAre(HasSubstr("'a': it has a trigger")));
}

TEST(ImportXano, TheNarrowerRuleStandsFirstAndInactiveOnesAreLeftOut) {
    const Imported imported = import_xano(R"({"channels": [
        {"pattern": "*", "wildcard": true}, {"pattern": "a/*", "wildcard": true},
        {"pattern": "a/b/*", "wildcard": true}, {"pattern": "off", "enabled": false}, {"pattern": "a/b", "history": 25}]})");
    std::vector<std::string> matches;
    for (const config::ChannelRule& rule : loaded(imported).channels) matches.push_back(rule.match);
    EXPECT_THAT(matches, ElementsAre("a/b", "a/b/#", "a/#", "#"));
    EXPECT_THAT(imported.yaml, HasSubstr("# off was not active"));
}

/// The configuration of what could be taken over, whatever the problems were.
config::Config partly(const Imported& imported) {
    EXPECT_THAT(imported.problems, ::testing::Not(IsEmpty()));
    return loaded({imported.yaml, {}});
}

TEST(ImportXano, WhatCannotBeTakenOverIsSaidAndTheRestIsWritten) {
    const Imported imported =
        import_xano(R"({"channels": [{"pattern": "room:*", "wildcard": true}, {"pattern": "a+b"},
        {"name": "x"}, {"pattern": "h", "history": "many", "presence": true}, {"pattern": "stars/*"}, {"pattern": "a"},
        {"pattern": "b"}, {"pattern": "a", "presence": true}, {"pattern": "c\u0000d"}]})");
    EXPECT_THAT(imported.problems,
                ::testing::UnorderedElementsAre(
                    HasSubstr("'room:*': it covers a part of a level"), HasSubstr("'a+b': '+' and '#'"),
                    HasSubstr("no 'pattern'"), HasSubstr("'h': 'history' is not a number"),
                    HasSubstr("'stars/*': a '*'"), HasSubstr("'a': another row has the same pattern"),
                    HasSubstr("must not contain U+0000")));
    EXPECT_THAT(imported.yaml, HasSubstr("  # room:* was not taken over: it covers a part of a level"));
    const config::Config config = partly(imported);
    ASSERT_THAT(config.channels, SizeIs(3));
    EXPECT_EQ(config.channels[0].match, "h");
    EXPECT_FALSE(config.channels[0].store);
    EXPECT_TRUE(config.channels[0].presence);
    EXPECT_EQ(config.channels[1].match, "a");
}

TEST(ImportXano, WhatIsNotThereIsSaid) {
    EXPECT_THAT(import_xano("{}").problems, ElementsAre(HasSubstr("'channels'")));
    EXPECT_THAT(import_xano("{}").yaml, "");
    EXPECT_THAT(import_xano("[1").problems, ElementsAre(HasSubstr("not JSON")));
    EXPECT_THAT(import_xano(R"({"channels": []})").problems, ElementsAre("no channel is active"));
}

/// `room:1` would be governed by the rule for '#', which lets in everybody.
TEST(ImportXano, ALostRuleNarrowsTheBroaderOneThatGovernsItsChannels) {
    const Imported imported = import_xano(R"({"channels": [
        {"pattern": "a/room:*", "wildcard": true, "client_public_messaging": true, "client_authenticated_messaging": true},
        {"pattern": "a/*", "wildcard": true, "anonymous_clients": true, "presence": true, "client_public_messaging": true,
         "client_private_messaging": true, "history": 25},
        {"pattern": "a/room:9/*", "wildcard": true, "anonymous_clients": true},
        {"pattern": "*", "wildcard": true, "anonymous_clients": true}]})");
    EXPECT_THAT(imported.problems,
                ElementsAre(HasSubstr("the rule for 'a/*', which governs its channels now, was narrowed")));
    EXPECT_THAT(imported.yaml, HasSubstr("# Narrowed, since it governs the channels of a/room:* too."));
    const config::Config config = partly(imported);
    const auto rule = [&](std::string_view match) {
        const auto found = std::ranges::find(config.channels, match, &config::ChannelRule::match);
        return found == config.channels.end() ? config::ChannelRule{} : *found;
    };
    EXPECT_TRUE(rule("a/room:9/#").anonymous);
    EXPECT_FALSE(rule("a/room:9").anonymous);
    const config::ChannelRule narrowed = rule("a/#");
    EXPECT_FALSE(narrowed.anonymous || narrowed.presence);
    EXPECT_EQ(narrowed.publish, config::Who::authenticated);
    EXPECT_EQ(narrowed.private_messages, config::Who::nobody);
    EXPECT_EQ(narrowed.audience, config::Audience::authenticated);
    EXPECT_EQ(narrowed.history, 25U);
    EXPECT_TRUE(rule("#").anonymous);
}

TEST(ImportXano, AParentOfNestedChannelsKeepsTheStricterRuleItHad) {
    const config::Config config = loaded(import_xano(R"({"channels": [
        {"pattern": "a/*", "wildcard": true, "anonymous_clients": true}, {"pattern": "b/*", "wildcard": true},
        {"pattern": "c/*", "wildcard": true, "anonymous_clients": true}, {"pattern": "c"},
        {"pattern": "*", "wildcard": true, "presence": true}]})"));
    std::vector<std::string> matches;
    for (const config::ChannelRule& rule : config.channels) matches.push_back(rule.match);
    EXPECT_THAT(matches, ElementsAre("a", "c", "a/#", "b/#", "c/#", "#"));
    EXPECT_FALSE(config.channels[0].anonymous);
    EXPECT_TRUE(config.channels[0].presence);
}

TEST(ImportXano, AParentKeepsTheRuleOfARowThatIsNotTakenOver) {
    const config::Config config = partly(import_xano(R"({"channels": [
        {"pattern": "cha*", "wildcard": true}, {"pattern": "chat/*", "wildcard": true, "anonymous_clients": true}]})"));
    ASSERT_THAT(config.channels, SizeIs(2));
    EXPECT_EQ(config.channels[0].match, "chat");
    EXPECT_FALSE(config.channels[0].anonymous);
    EXPECT_TRUE(config.channels[1].anonymous);
}

/// A configuration without rules has one that lets in everybody.
TEST(ImportXano, NothingIsOpenThatWasNot) {
    constexpr std::string_view kOpen =
        R"("channels": [{"pattern": "*", "wildcard": true, "anonymous_clients": true, "client_public_messaging": true}]})";
    const Imported off = import_xano(R"({"enabled": false, )" + std::string(kOpen));
    EXPECT_THAT(off.yaml, HasSubstr("#  - match: \"#\"\n#    store: false\n"));
    for (const config::Config& config :
         {loaded(off), partly(import_xano(R"({"channels": []})")),
          partly(import_xano(
              R"({"channels": [{"pattern": "room:*", "wildcard": true, "anonymous_clients": true}]})"))}) {
        ASSERT_THAT(config.channels, SizeIs(1));
        EXPECT_EQ(config.channels[0].match, "#");
        EXPECT_FALSE(config.channels[0].anonymous || config.channels[0].presence);
        EXPECT_EQ(config.channels[0].publish, config::Who::nobody);
        EXPECT_EQ(config.channels[0].private_messages, config::Who::nobody);
    }
    EXPECT_FALSE(loaded(off).allows_anonymous());
}

}  // namespace
}  // namespace millrace::app
