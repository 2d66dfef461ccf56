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
}

TEST(ImportXano, TheNarrowerRuleStandsFirstAndInactiveOnesAreLeftOut) {
    const Imported imported = import_xano(R"({"channels": [
        {"pattern": "*", "wildcard": true}, {"pattern": "a/*", "wildcard": true},
        {"pattern": "a/b/*", "wildcard": true}, {"pattern": "off", "enabled": false}, {"pattern": "a/b", "history": 25},
        {"pattern": "stars/*", "wildcard": false}]})");
    std::vector<std::string> matches;
    for (const config::ChannelRule& rule : loaded(imported).channels) matches.push_back(rule.match);
    EXPECT_THAT(matches, ElementsAre("stars/*", "a/b", "a/b/#", "a/#", "#"));
    EXPECT_THAT(imported.yaml, HasSubstr("# off was not active"));
}

TEST(ImportXano, WhatCannotBeTakenOverIsSaidAllAtOnce) {
    const Imported imported =
        import_xano(R"({"channels": [{"pattern": "room:*", "wildcard": true}, {"pattern": "a+b"},
        {"name": "x"}, {"pattern": "h", "history": "many"}]})");
    EXPECT_EQ(imported.yaml, "");
    EXPECT_THAT(imported.problems, ElementsAre(HasSubstr("'room:*': it covers a part of a level"),
                                               HasSubstr("'a+b': '+' and '#'"), HasSubstr("no 'pattern'"),
                                               HasSubstr("'h': 'history' is not a number")));
    EXPECT_THAT(import_xano("{}").problems, ElementsAre(HasSubstr("'channels'")));
    EXPECT_THAT(import_xano(R"({"channels": []})").problems, ElementsAre("no channel is active"));
    EXPECT_THAT(import_xano("[1").problems, ElementsAre(HasSubstr("not JSON")));
}

}  // namespace
}  // namespace millrace::app
