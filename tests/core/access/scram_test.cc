#include "core/access/scram.h"

#include <gtest/gtest.h>

#include "core/access/base64.h"
#include "core/access/password_file.h"
#include "tests/core/access/scram_client.h"

namespace millrace::access {
namespace {

// RFC 7677 3.
constexpr std::string_view kClientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view kClientFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
    "Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr std::string_view kServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

const ScramVerifier& pencil() {
    static const ScramVerifier verifier =
        ScramVerifier::make("pencil", *decode_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
    return verifier;
}

std::optional<std::string> run(const ScramClient& client, const ScramUser& user,
                               const std::string& extension = {}) {
    auto exchange = ScramExchange::start(client.first());
    if (!exchange) return std::nullopt;
    const std::string challenge = exchange->challenge(user, "server");
    return exchange->finish(client.last(challenge, extension));
}

TEST(Scram, TheExampleOfRfc7677) {
    auto exchange = ScramExchange::start(kClientFirst);
    ASSERT_TRUE(exchange);
    EXPECT_EQ(exchange->user(), "user");
    EXPECT_EQ(exchange->challenge({pencil(), true}, kServerNonce), kServerFirst);
    EXPECT_EQ(exchange->finish(kClientFinal), kServerFinal);
}

TEST(Scram, RightPasswordsOnly) {
    const ScramUser user{pencil(), true};
    EXPECT_TRUE(run({}, user));
    EXPECT_TRUE(run({.header = "y,,"}, user)) << "a client that would bind channels, and sees that we do not";
    EXPECT_TRUE(run({}, user, ",x=anything")) << "an extension that may be ignored";
    EXPECT_FALSE(run({.password = "pencil "}, user));
    EXPECT_FALSE(run({}, {pencil(), false})) << "who is not there has no right password";
}

TEST(Scram, AnAnswerToAnotherChallengeIsNone) {
    auto first = ScramExchange::start(kClientFirst);
    first->challenge({pencil(), true}, kServerNonce);
    ASSERT_TRUE(first->finish(kClientFinal));
    auto again = ScramExchange::start(kClientFirst);
    again->challenge({pencil(), true}, make_scram_nonce());
    EXPECT_FALSE(again->finish(kClientFinal));
    EXPECT_NE(make_scram_nonce(), make_scram_nonce());
}

TEST(Scram, AnAnswerBeforeTheChallengeIsNone) {
    const auto exchange = ScramExchange::start(kClientFirst);
    EXPECT_FALSE(exchange->finish(kClientFinal));
}

TEST(Scram, EveryChangedByteOfTheAnswerIsRefused) {
    auto exchange = ScramExchange::start(kClientFirst);
    exchange->challenge({pencil(), true}, kServerNonce);
    for (std::size_t i = 0; i < kClientFinal.size(); ++i) {
        std::string changed(kClientFinal);
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_FALSE(exchange->finish(changed)) << i;
        EXPECT_FALSE(exchange->finish(kClientFinal.substr(0, i))) << i;
    }
}

TEST(Scram, ChannelBindingOfTheAnswerIsThatOfTheFirst) {
    ScramClient client;
    auto exchange = ScramExchange::start(client.first());
    const std::string challenge = exchange->challenge({pencil(), true}, "server");
    client.header = "y,,";
    EXPECT_FALSE(exchange->finish(client.last(challenge)));
}

TEST(Scram, FirstMessagesThatAreNotUnderstood) {
    for (const char* text :
         {"", "n", "n,", "n,,", "n,,n=user", "n,,n=,r=abc", "n,,n=user,r=", "n,,r=abc,n=user",
          "n,,m=x,n=user,r=abc", "p=tls-unique,,n=user,r=abc", "n,a=other,n=user,r=abc", "x,,n=user,r=abc",
          "n,,n=us=er,r=abc", "n,,n=user=,r=abc", "n,,n=user=2,r=abc",
          "n,,n=us\x01"
          "er,r=abc",
          "n,,n=us\xC3\xA9r,r=abc", "n,,n=user,r=a bc", "n,,n=user,r=\xC3\xA9"}) {
        EXPECT_FALSE(ScramExchange::start(text)) << text;
    }
    EXPECT_FALSE(ScramExchange::start("n,,n=user,r=" + std::string(257, 'a')));
    EXPECT_FALSE(ScramExchange::start("n,,n=" + std::string(5000, 'a') + ",r=abc"));
}

TEST(Scram, NamesAreUnescaped) {
    const auto exchange = ScramExchange::start("n,,n=a=2Cb=3Dc,r=abc,x=1");
    ASSERT_TRUE(exchange);
    EXPECT_EQ(exchange->user(), "a,b=c");
}

TEST(Scram, PreparedIsPrintableAscii) {
    EXPECT_TRUE(is_prepared("correct horse ~!"));
    EXPECT_FALSE(is_prepared(""));
    EXPECT_FALSE(is_prepared("caf\xC3\xA9"));
    EXPECT_FALSE(is_prepared("tab\t"));
    EXPECT_FALSE(is_prepared(std::string_view("nul\0", 4)));
    EXPECT_FALSE(is_prepared("\x7F"));
}

TEST(ScramVerifier, IsWrittenAndReadAndHoldsNoPassword) {
    const ScramVerifier made = ScramVerifier::make("staple");
    const auto read = ScramVerifier::parse(made.text());
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, made);
    EXPECT_EQ(made.text().find("staple"), std::string::npos);
    EXPECT_TRUE(read->matches("staple"));
    EXPECT_FALSE(read->matches("Staple"));
    EXPECT_NE(ScramVerifier::make("staple"), made) << "salted";
}

TEST(ScramVerifier, BrokenOnesAreSaid) {
    const std::string good = pencil().text();
    ASSERT_TRUE(ScramVerifier::parse(good));
    for (std::size_t i = 0; i < good.size(); ++i) EXPECT_FALSE(ScramVerifier::parse(good.substr(0, i))) << i;
    EXPECT_FALSE(ScramVerifier::parse(good + "="));
    const std::string rest = good.substr(good.find(':'));
    for (const char* count : {"", "0", "4095", "10000001", "99999999999", "4096x", "-1"})
        EXPECT_FALSE(ScramVerifier::parse("SCRAM-SHA-256$" + std::string(count) + rest)) << count;
}

class ScramUsers : public testing::Test {
  protected:
    static PasswordFile file(const std::string& more = {}) {
        const auto parsed = PasswordFile::parse("user:" + pencil().text() + "\n" + more);
        EXPECT_TRUE(parsed);
        return *parsed;
    }
};

TEST_F(ScramUsers, AreFoundAndMayLogInByPasswordToo) {
    const PasswordFile users = file();
    EXPECT_TRUE(users.has_scram());
    EXPECT_TRUE(users.scram_user("user", "").known);
    EXPECT_EQ(users.scram_user("user", "").verifier, pencil());
    EXPECT_TRUE(users.verify("user", "pencil"));
    EXPECT_FALSE(users.verify("user", "pen"));
}

TEST_F(ScramUsers, WhoIsNotThereLooksAsIfAndStaysTheSame) {
    const ScramUser nobody = file().scram_user("nobody", "");
    EXPECT_FALSE(nobody.known);
    EXPECT_EQ(nobody.verifier.iterations, 4096U);
    EXPECT_EQ(nobody.verifier.salt.size(), pencil().salt.size());
    EXPECT_EQ(file().scram_user("nobody", "").verifier, nobody.verifier) << "after a restart";
    EXPECT_NE(file().scram_user("somebody", "").verifier.salt, nobody.verifier.salt);
    EXPECT_FALSE(run({.name = "nobody"}, nobody));
}

TEST_F(ScramUsers, WithASecretTheSaltOutlivesAChangeOfTheFile) {
    const std::string more = "other:" + pencil().text() + "\n";
    EXPECT_EQ(file().scram_user("nobody", "secret").verifier.salt,
              file(more).scram_user("nobody", "secret").verifier.salt);
    EXPECT_NE(file().scram_user("nobody", "").verifier.salt,
              file(more).scram_user("nobody", "").verifier.salt);
}

TEST_F(ScramUsers, AnotherKindOfHashIsAsGoodAsNone) {
    const PasswordFile users = file("ada:$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA\n");
    EXPECT_FALSE(users.scram_user("ada", "").known);
}

}  // namespace
}  // namespace millrace::access
