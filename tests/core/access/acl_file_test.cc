#include "core/access/acl_file.h"

#include <gtest/gtest.h>

namespace millrace::access {
namespace {

Principal who(std::string name, std::string client_id = {}) {
    Principal principal;
    principal.kind = name.empty() ? Principal::Kind::anonymous : Principal::Kind::user;
    principal.name = std::move(name);
    principal.client_id = std::move(client_id);
    return principal;
}

AclFile acl(std::string_view text) {
    auto parsed = AclFile::parse(text);
    EXPECT_TRUE(parsed) << (parsed ? "" : format("acl", parsed.error()));
    return parsed ? *parsed : AclFile();
}

std::string problem(std::string_view text) {
    const auto parsed = AclFile::parse(text);
    return parsed ? "" : format("acl", parsed.error());
}

/// "r", "w", "rw" or "-".
std::string rights(const AclFile& list, const Principal& principal, std::string_view topic) {
    std::string text;
    if (list.may(principal, Permission::read, topic)) text += "r";
    if (list.may(principal, Permission::write, topic)) text += "w";
    return text.empty() ? "-" : text;
}

// mosquitto.conf(5), acl_file: each line of the manual is a row, or several.
TEST(AclFile, MeansWhatMosquittosManualSays) {
    const AclFile list =
        acl("# comment\n"
            "topic read public/#\n"
            "topic deny public/secret\n"
            "\n"
            "user ada\n"
            "topic ada/both\n"
            "topic readwrite ada/#\n"
            "topic read logs/+\n"
            "topic write cmd/go\n"
            "topic deny ada/no\n"
            "topic read with a blank\n"
            "user Grace Hopper\n"
            "topic read $SYS/#\n"
            "topic #\n"
            "pattern read dev/%c/in\n"
            "pattern write dev/%c/out\n"
            "pattern u/%u/#\n"
            "pattern deny u/%u/never\n"
            "pattern read all/+\n");
    const Principal nobody = who("", "c1");
    const Principal ada = who("ada", "c1");
    const Principal grace = who("Grace Hopper", "c2");
    const Principal bob = who("bob", "c3");
    struct Row {
        const Principal& principal;
        const char* topic;
        const char* rights;
    };
    for (const Row& row : std::initializer_list<Row>{
             {nobody, "public/x", "r"},
             {nobody, "public/secret", "-"},
             {nobody, "public", "r"},
             {nobody, "ada/both", "-"},
             {nobody, "dev/c1/in", "r"},
             {nobody, "dev/c1/out", "w"},
             {nobody, "dev/c2/in", "-"},
             {nobody, "u//x", "-"},
             {nobody, "all/x", "r"},
             {ada, "public/x", "-"},
             {ada, "ada/both", "rw"},
             {ada, "ada/x/y", "rw"},
             {ada, "ada/no", "-"},
             {ada, "logs/1", "r"},
             {ada, "logs/1/2", "-"},
             {ada, "cmd/go", "w"},
             {ada, "with a blank", "r"},
             {ada, "a blank", "-"},
             {ada, "u/ada/x", "rw"},
             {ada, "u/ada/never", "-"},
             {ada, "u/bob/x", "-"},
             {grace, "any/thing", "rw"},
             {grace, "$SYS/broker/uptime", "r"},
             {ada, "$SYS/broker/uptime", "-"},
             {grace, "$other", "-"},
             {bob, "public/x", "-"},
             {bob, "u/bob", "rw"},
             {bob, "dev/c3/in", "r"},
             {bob, "dev/c1/in", "-"},
             {bob, "all/a", "r"},
         }) {
        EXPECT_EQ(rights(list, row.principal, row.topic), row.rights)
            << row.principal.name << " " << row.topic;
    }
}

TEST(AclFile, ABlankInATopicNeedsAnAccessWord) {
    EXPECT_EQ(problem("topic with a blank\n"),
              "acl:1: expected 'read', 'write', 'readwrite' or 'deny', found 'with'");
    EXPECT_EQ(rights(acl("topic read a b\n"), who(""), "a b"), "r");
}

// Bug class 16.
TEST(AclFile, WhatIsBrokenIsSaidWithItsLine) {
    EXPECT_EQ(problem(""), "acl: there is no rule in it");
    EXPECT_EQ(problem("# only a comment\n\n"), "acl: there is no rule in it");
    EXPECT_EQ(problem("topic a\nuser\n"), "acl:2: 'user' needs a name");
    EXPECT_EQ(problem("topic\n"), "acl:1: the filter is missing");
    EXPECT_EQ(problem("\n\ntopics a\n"), "acl:3: expected 'user', 'topic' or 'pattern', found 'topics'");
    EXPECT_EQ(problem("topic allow a\n"),
              "acl:1: expected 'read', 'write', 'readwrite' or 'deny', found 'allow'");
    EXPECT_EQ(problem("topic read a/#/b\n"), "acl:1: in 'a/#/b', '#' must be the last level and alone in it");
    EXPECT_EQ(problem("topic a\x01\n"), "acl:1: not UTF-8, or with control characters");
    EXPECT_EQ(problem("topic read \xff\n"), "acl:1: not UTF-8, or with control characters");
}

// Bug class 15 (CVE-2017-7650): what a client calls itself decides what a pattern covers.
TEST(AclFile, NamesNeverWidenAPattern) {
    const AclFile list = acl("pattern readwrite u/%u/#\npattern readwrite c/%c\npattern readwrite %u/x\n");
    for (const char* name : {"+", "#", "a/b", "+/+", "a#", "/", "b/#", "a+"}) {
        for (const char* topic :
             {"u/a/x", "u/a/b/x", "u/b/x", "c/a", "c/a/b", "a/x", "a/b/x", "u/+/x", "c/#", "//x"}) {
            EXPECT_EQ(rights(list, who(name, name), topic), "-") << name << " " << topic;
        }
        EXPECT_FALSE(list.may_subscribe(who(name, name), "u/" + std::string(name) + "/x")) << name;
    }
    EXPECT_EQ(rights(list, who("$SYS"), "$SYS/x"), "-");
    EXPECT_EQ(rights(list, who("%c", "evil"), "u/evil/x"), "-") << "a name is not looked into again";
    EXPECT_EQ(rights(list, who("%c", "evil"), "u/%c/x"), "rw");
}

// Bug class 15.
TEST(AclFile, ANameThatCannotBePutInDoesNotGetRoundADenial) {
    const AclFile list = acl("pattern readwrite #\npattern deny u/%u/secret\n");
    EXPECT_EQ(rights(list, who("ada"), "u/ada/secret"), "-");
    EXPECT_EQ(rights(list, who("ada"), "u/bob/secret"), "rw");
    EXPECT_EQ(rights(list, who("a/b"), "u/a/b/secret"), "-");
    EXPECT_EQ(rights(list, who(""), "u/x"), "rw") << "Mosquitto passes over %u for clients without a name";
}

TEST(AclFile, ASubscriptionHasToBeCoveredByOneLine) {
    const AclFile list =
        acl("user ada\ntopic read a/#\ntopic read b/+/c\ntopic write w/#\ntopic deny a/no/#\npattern read "
            "mine/%u/#\n");
    const Principal ada = who("ada");
    for (const char* filter : {"a/#", "a/b", "a/+/c", "b/+/c", "b/x/c", "mine/ada/#", "mine/ada", "a"}) {
        EXPECT_TRUE(list.may_subscribe(ada, filter)) << filter;
    }
    for (const char* filter :
         {"#", "+/#", "b/#", "b/+/+", "w/#", "a/no/#", "a/no/x", "mine/+/x", "mine/bob/x", "$SYS/#"}) {
        EXPECT_FALSE(list.may_subscribe(ada, filter)) << filter;
    }
}

}  // namespace
}  // namespace millrace::access
