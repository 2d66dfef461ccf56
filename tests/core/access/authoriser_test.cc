#include "core/access/authoriser.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace millrace::access {
namespace {

using config::Who;
using Kind = Principal::Kind;

Principal principal_of(Kind kind) {
    Principal principal;
    principal.kind = kind;
    return principal;
}

config::Config config_of(std::vector<config::ChannelRule> rules) {
    config::Config config;
    config.channels = std::move(rules);
    config.auth.api_keys = {"first-key", "second-key"};
    return config;
}

TEST(AuthoriserTest, KnowsWhoseKeyOrPasswordIsStillThere) {
    const std::string path = ::testing::TempDir() + "authoriser_test_users." + std::to_string(::getpid());
    const auto with = [&path](std::vector<std::string> keys, const std::string& users) {
        std::ofstream(path) << users;
        config::Config config = config_of({});
        config.auth.api_keys = std::move(keys);
        config.auth.password_file = path;
        return Authoriser(config);
    };
    const auto line = [](const std::string& user, const char* salt) {
        return user + ":" + ScramVerifier::make("secret", salt, 4096).text() + "\n";
    };
    const std::string ada = line("ada", "sixteen bytes of");
    const std::string bob = line("bob", "sixteen bytes of");
    const Authoriser before = with({"first-key", "second-key"}, ada + bob);
    const PrincipalPtr first = before.backend_of("first-key");
    const PrincipalPtr second = before.backend_of("second-key");
    Principal user = principal_of(Kind::user);
    user.name = "ada";
    user.credential = before.passwords()->credential_of("ada");
    for (const Principal& principal : {*first, *second, user, principal_of(Kind::anonymous)})
        EXPECT_TRUE(before.knows(principal));
    const Authoriser after = with({"second-key"}, line("ada", "other 16 bytes..") + bob);
    EXPECT_FALSE(after.knows(*first));
    EXPECT_TRUE(after.knows(*second));
    EXPECT_FALSE(after.knows(user));
    EXPECT_FALSE(with({}, bob).knows(user));
    EXPECT_FALSE(with({}, bob).knows(*second));
    EXPECT_TRUE(with({}, ada).knows(user));
    std::remove(path.c_str());
}

TEST(AuthoriserTest, TruthTable) {
    struct Row {
        Kind kind;
        Action action;
        bool rule_anonymous;
        Who who;
        bool expected;
    };
    std::vector<Row> rows;
    for (const Action action : {Action::join, Action::read_history, Action::see_presence}) {
        for (const Who who : {Who::nobody, Who::authenticated, Who::anyone}) {
            rows.push_back({Kind::anonymous, action, false, who, false});
            rows.push_back({Kind::anonymous, action, true, who, true});
            rows.push_back({Kind::user, action, false, who, true});
            rows.push_back({Kind::backend, action, false, who, true});
        }
    }
    for (const Action action : {Action::publish_message, Action::publish_event, Action::publish_private}) {
        for (const bool open : {false, true}) {
            rows.push_back({Kind::anonymous, action, open, Who::nobody, false});
            rows.push_back({Kind::anonymous, action, open, Who::authenticated, false});
            rows.push_back({Kind::anonymous, action, open, Who::anyone, true});
            rows.push_back({Kind::user, action, open, Who::nobody, false});
            rows.push_back({Kind::user, action, open, Who::authenticated, true});
            rows.push_back({Kind::user, action, open, Who::anyone, true});
            rows.push_back({Kind::backend, action, open, Who::nobody, true});
        }
    }
    rows.push_back({Kind::anonymous, Action::administer, true, Who::anyone, false});
    rows.push_back({Kind::user, Action::administer, true, Who::anyone, false});
    rows.push_back({Kind::backend, Action::administer, true, Who::nobody, true});
    for (const Row& row : rows) {
        config::ChannelRule rule{.match = "room/#", .anonymous = row.rule_anonymous};
        rule.publish = row.action == Action::publish_private ? Who::nobody : row.who;
        rule.private_messages = row.action == Action::publish_private ? row.who : Who::nobody;
        const Authoriser authoriser(config_of({rule}));
        const Decision decision = authoriser.may(principal_of(row.kind), row.action, "room/1");
        EXPECT_EQ(decision.allowed, row.expected)
            << static_cast<int>(row.kind) << " " << static_cast<int>(row.action) << " "
            << static_cast<int>(row.who);
        EXPECT_EQ(decision.reason.empty(), decision.allowed);
    }
}

TEST(AuthoriserTest, TheFirstRuleThatFitsGoverns) {
    const Authoriser authoriser(
        config_of({{.match = "a/b"}, {.match = "a/+", .store = false}, {.match = "c/#"}}));
    EXPECT_EQ(authoriser.rule_for("a/b").match, "a/b");
    EXPECT_EQ(authoriser.rule_for("a/c").match, "a/+");
    EXPECT_EQ(authoriser.rule_for("c").match, "c/#");
    EXPECT_EQ(authoriser.rule_for("d").match, "");
    EXPECT_FALSE(authoriser.rule_for("d").store);
}

// Bug class 16.
TEST(AuthoriserTest, WithoutARuleOnlyABackendMay) {
    const Authoriser authoriser(config_of({{.match = "a"}}));
    for (const Kind kind : {Kind::anonymous, Kind::user}) {
        EXPECT_FALSE(authoriser.may(principal_of(kind), Action::join, "b").allowed);
        EXPECT_FALSE(authoriser.may(principal_of(kind), Action::publish_message, "b").allowed);
        EXPECT_TRUE(authoriser.may(principal_of(kind), Action::join, "$SYS/broker/uptime").allowed);
        EXPECT_FALSE(
            authoriser.may(principal_of(kind), Action::publish_message, "$SYS/broker/uptime").allowed);
    }
    EXPECT_TRUE(authoriser.may(principal_of(Kind::backend), Action::publish_event, "b").allowed);
}

TEST(AuthoriserTest, AFilterNeedsEveryRuleThatItMayTouch) {
    const Authoriser authoriser(
        config_of({{.match = "private/#", .anonymous = false}, {.match = "open/#"}, {.match = "#"}}));
    const Principal nobody = principal_of(Kind::anonymous);
    for (const char* filter :
         {"open/#", "open/+/x", "other", "other/#", "$share/g/open/#", "$SYS/#", "$share/g/$SYS/#"}) {
        EXPECT_TRUE(authoriser.may_subscribe(nobody, filter).allowed) << filter;
    }
    for (const char* filter :
         {"#", "+/x", "private", "private/x", "+/+", "$share/g/#", "$share/g/private/+", "$other/#"}) {
        EXPECT_FALSE(authoriser.may_subscribe(nobody, filter).allowed) << filter;
    }
    EXPECT_TRUE(authoriser.may_subscribe(principal_of(Kind::user), "#").allowed);
    EXPECT_TRUE(authoriser.may_subscribe(principal_of(Kind::backend), "$other/#").allowed);
}

TEST(AuthoriserTest, APartThatNoRuleCoversIsRefused) {
    const Authoriser authoriser(config_of({{.match = "chat/#"}}));
    EXPECT_TRUE(authoriser.may_subscribe(principal_of(Kind::user), "chat/+").allowed);
    EXPECT_FALSE(authoriser.may_subscribe(principal_of(Kind::user), "+/room").allowed);
    EXPECT_FALSE(authoriser.may_subscribe(principal_of(Kind::user), "#").allowed);
}

TEST(AuthoriserTest, OnlyAnApiKeyIsABackend) {
    const Authoriser authoriser(config_of({{}}));
    for (const char* key : {"first-key", "second-key"}) {
        const PrincipalPtr backend = authoriser.backend_of(key);
        ASSERT_TRUE(backend);
        EXPECT_EQ(backend->kind, Kind::backend);
    }
    for (const char* key : {"", "first-ke", "first-key ", "third-key"})
        EXPECT_FALSE(authoriser.backend_of(key));
}

TEST(AuthoriserTest, AnonymousFollowsTheConfiguration) {
    config::Config config = config_of({{}});
    EXPECT_TRUE(Authoriser(config).anonymous_allowed());
    config.auth.anonymous = false;
    EXPECT_FALSE(Authoriser(config).anonymous_allowed());
    EXPECT_EQ(anonymous()->kind, Kind::anonymous);
}

}  // namespace
}  // namespace millrace::access
