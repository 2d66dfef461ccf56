#include "core/access/password_file.h"

#include <gtest/gtest.h>

namespace millrace::access {
namespace {

// Written by mosquitto_passwd 2.0.11.
constexpr std::string_view kAda =
    "ada:$7$101$1E7P5jLfuACtfhMX$LmYl3LWYzyAWXCj7MgsdByjsjGik6/"
    "eI7qHPf7qVD3lckLcRoDdVUa0GiKvDt1SvmefGyLPsFRJKUjvALEQmdg==";
constexpr std::string_view kBob =
    "bob:$7$101$3DWe9MuSWr/ZJybQ$I/Y7BHB/mrPT5FMUswBeWN7ZkHeC1w+c0WeOROo26urlEX/"
    "sLDrniDRfHpb6jQVHZUky3IvfAc2Y9ETlptfRhg==";

Parsed<PasswordFile> parse(std::string_view text) {
    return PasswordFile::parse(text);
}
std::string problem(std::string_view text) {
    const auto parsed = parse(text);
    return parsed ? "" : format("users.txt", parsed.error());
}

TEST(PasswordFile, ReadsWhatMosquittoWrote) {
    const auto file = parse(std::string(kAda) + "\r\n\n# a comment\n" + std::string(kBob));
    ASSERT_TRUE(file) << file.error().what;
    EXPECT_EQ(file->size(), 2U);
    EXPECT_TRUE(file->verify("ada", "correct"));
    EXPECT_TRUE(file->verify("bob", "horse battery"));
    EXPECT_FALSE(file->verify("ada", "horse battery"));
    EXPECT_FALSE(file->verify("ada", ""));
    EXPECT_FALSE(file->verify("ada", std::string("correct\0", 8)));
    EXPECT_FALSE(file->verify("Ada", "correct"));
    EXPECT_FALSE(file->verify("eve", "correct"));
    EXPECT_FALSE(file->verify("", ""));
}

TEST(PasswordFile, ReadsWhatWeWrite) {
    const std::string hash = PasswordHash::make("staple");
    EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=65536,t=2,p=1$")) << hash;
    const auto file = parse(with_user(std::string(kAda) + "\n", "carol", hash));
    ASSERT_TRUE(file) << file.error().what;
    EXPECT_TRUE(file->verify("carol", "staple"));
    EXPECT_TRUE(file->verify("ada", "correct"));
    EXPECT_FALSE(file->verify("carol", "correct"));
    EXPECT_NE(PasswordHash::make("staple"), hash) << "salted";
}

TEST(PasswordFile, PutsAUserInAndLeavesTheOthers) {
    EXPECT_EQ(with_user("", "b", "h"), "b:h\n");
    EXPECT_EQ(with_user("# c\na:1\nb:2\nc:3", "b", "h"), "# c\na:1\nb:h\nc:3\n");
    EXPECT_EQ(with_user("a:1\n", "b", "h"), "a:1\nb:h\n");
    EXPECT_EQ(with_user("b:1\nb:2\n#b:3\n", "b", "h"), "b:h\n#b:3\n") << "a user is there once";
    EXPECT_EQ(with_user("a:1\r\r\nc:3\r\n", "b", "h"), "a:1\nc:3\nb:h\n") << "no line end is left half";
}

// Bug class 16: CVE-2018-12550, CVE-2018-12551.
TEST(PasswordFile, WhatIsBrokenIsSaidWithItsLine) {
    const std::string ada(kAda);
    EXPECT_EQ(problem(""), "users.txt: there is no user in it");
    EXPECT_EQ(problem("# nobody\n"), "users.txt: there is no user in it");
    EXPECT_EQ(problem(ada + "\njust text\n"), "users.txt:2: expected user:hash");
    EXPECT_EQ(problem(ada + "\n" + ada), "users.txt:2: the user 'ada' is there twice");
    EXPECT_EQ(problem(":" + ada), "users.txt:1: not a user name");
    EXPECT_EQ(
        problem("ada:\n"),
        "users.txt:1: not a hash that is known here: $7$ (mosquitto_passwd), $argon2id$ or SCRAM-SHA-256$ "
        "(millrace passwd)");
    for (const char* line :
         {"ada:plain text", "ada:$6$c2FsdA==$aGFzaA==", "ada:$7$",
          "ada:$7$0$c2FsdA==$aGFzaA==", "ada:$7$101$$", "ada:$7$101$c2FsdA==$aGFzaA==",
          "ada:$7$x$c2FsdA==$aGFzaA==", "ada:$7$999999999999$c2FsdA==$aGFzaA==", "ada:$argon2id$",
          "ada:$argon2id$v=19$m=65536,t=2,p=1$", "ada:$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA",
          "ada:$argon2id$v=19$m=65536,t=9999,p=1$AAAA$AAAA", "ada:$argon2i$v=19$m=65536,t=2,p=1$AAAA$AAAA"}) {
        EXPECT_NE(problem(line), "") << line;
    }
}

TEST(PasswordFile, AnArgonHashThatIsNotOneMatchesNothing) {
    const auto file = parse("ada:$argon2id$v=19$m=8,t=1,p=1$notbase64!$alsonot!\n");
    ASSERT_TRUE(file);
    EXPECT_FALSE(file->verify("ada", ""));
    EXPECT_FALSE(file->verify("ada", "x"));
}

TEST(UserNames, AreWhatALineCanHold) {
    for (const char* name : {"ada", "Grace Hopper", "a@b.c", "été"}) EXPECT_TRUE(is_user_name(name)) << name;
    for (const char* name : {"", " ada", "ada ", "a:b", "#ada", "a\nb", "\xff"})
        EXPECT_FALSE(is_user_name(name)) << name;
}

}  // namespace
}  // namespace millrace::access
