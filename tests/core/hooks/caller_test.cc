#include "core/hooks/caller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "core/hooks/question.h"
#include "tests/core/hooks/scripted_backend.h"
#include "tests/support/certificates.h"
#include "tests/support/shard_fixture.h"

namespace millrace::hooks {
namespace {

using testing::ScriptedBackend;
using Reply = ScriptedBackend::Reply;
using Request = ScriptedBackend::Request;

constexpr Milliseconds kLong{30'000};
constexpr Milliseconds kShort{50};

class CallerTest : public testing::ShardFixture {
  protected:
    void start() { caller_ = std::make_unique<Caller>(settings_of(config_)); }
    void ask(int number, const std::string& url, Milliseconds timeout = kLong, std::string body = "{}") {
        caller_->ask({.url = url,
                      .body = std::move(body),
                      .timeout = timeout,
                      .shard = &shard_,
                      .done = [this, number](const Verdict& verdict) { verdicts_[number] = verdict; }});
    }
    Verdict answer(int number) {
        EXPECT_TRUE(turn_until([&] { return verdicts_.contains(number); })) << number;
        return verdicts_[number];
    }
    Verdict ask_and_wait(const std::string& url, Milliseconds timeout = kLong, std::string body = "{}") {
        const int number = --last_;
        ask(number, url, timeout, std::move(body));
        return answer(number);
    }

    config::Config config_;
    std::map<int, Verdict> verdicts_;
    int last_ = 0;
    std::unique_ptr<Caller> caller_;
};

TEST_F(CallerTest, PostsTheQuestionWithItsSignature) {
    std::string seen;
    ScriptedBackend backend([&](const Request& request, int, int) {
        seen = std::string(request.method_string()) + " " + std::string(request.target()) + " " +
               std::string(request["Content-Type"]) + " " + std::string(request["Millrace-Signature"]) + " " +
               request.body();
        return ScriptedBackend::say(R"({"allow":false,"reason":"no room"})");
    });
    config_.hooks.secret = "0123456789abcdef0123456789abcdef";
    start();
    const Verdict verdict = ask_and_wait(backend.url("/a?b=c"), kLong, R"({"x":1})");
    EXPECT_EQ(verdict.outcome, Outcome::denied);
    EXPECT_EQ(verdict.reason, "no room");
    EXPECT_EQ(seen,
              "POST /a?b=c application/json " + sign(R"({"x":1})", config_.hooks.secret) + R"( {"x":1})");
}

TEST_F(CallerTest, AConnectionIsUsedAgain) {
    ScriptedBackend backend([](const Request&, int, int) { return ScriptedBackend::say(""); });
    start();
    EXPECT_TRUE(ask_and_wait(backend.url()).connected);
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(ask_and_wait(backend.url()).connected);
    EXPECT_EQ(backend.connections(), 1);
}

TEST_F(CallerTest, NoMoreConnectionsThanAllowed) {
    ScriptedBackend backend([](const Request&, int, int) { return ScriptedBackend::say(""); });
    config_.limits.hook_connections = 3;
    start();
    for (int i = 0; i < 200; ++i) ask(i, backend.url());
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(answer(i).allowed());
    EXPECT_LE(backend.connections(), 3);
}

TEST_F(CallerTest, AsksAgainWhenAKeptConnectionTurnsOutClosed) {
    // The second question on a connection is read and not answered.
    ScriptedBackend backend([](const Request&, int, int request) {
        return request == 1 ? ScriptedBackend::say("") : Reply{.bytes = "", .close = true};
    });
    start();
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(ask_and_wait(backend.url()).allowed()) << i;
    EXPECT_EQ(backend.connections(), 5);
}

TEST_F(CallerTest, AFreshConnectionThatIsClosedIsAFailure) {
    ScriptedBackend backend([](const Request&, int, int) { return Reply{.bytes = "", .close = true}; });
    start();
    EXPECT_EQ(ask_and_wait(backend.url()).outcome, Outcome::unreachable);
    EXPECT_EQ(backend.connections(), 1) << "it is asked once";
}

// Bug class 28.
TEST_F(CallerTest, AnAnswerThatHasBegunIsNotAskedForAgain) {
    ScriptedBackend backend([](const Request&, int, int request) {
        return request == 1 ? ScriptedBackend::say("")
                            : Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", .close = true};
    });
    start();
    EXPECT_TRUE(ask_and_wait(backend.url()).allowed());
    EXPECT_EQ(ask_and_wait(backend.url()).outcome, Outcome::bad_answer);
    EXPECT_EQ(backend.connections(), 1);
}

// Bug class 28.
TEST_F(CallerTest, WhoeverDoesNotAnswerInTimeHasSaidNo) {
    ScriptedBackend backend([](const Request& request, int, int) {
        return request.target() == "/silent" ? Reply{.bytes = "", .stay_silent = true}
                                             : ScriptedBackend::say("");
    });
    start();
    EXPECT_EQ(ask_and_wait(backend.url("/silent"), kShort).outcome, Outcome::timed_out);
    EXPECT_TRUE(ask_and_wait(backend.url("/other")).allowed());
}

TEST_F(CallerTest, TimeInTheQueueCounts) {
    ScriptedBackend backend([](const Request&, int, int) { return Reply{.bytes = "", .stay_silent = true}; });
    config_.limits.hook_connections = 1;
    start();
    ask(1, backend.url(), kLong);
    ask(2, backend.url(), kShort);
    EXPECT_EQ(answer(2).outcome, Outcome::timed_out);
    EXPECT_FALSE(verdicts_.contains(1));
}

TEST_F(CallerTest, NobodyThereIsANo) {
    std::string url;
    {
        const ScriptedBackend gone([](const Request&, int, int) { return Reply{}; });
        url = gone.url();
    }
    start();
    EXPECT_EQ(ask_and_wait(url).outcome, Outcome::unreachable);
    EXPECT_EQ(ask_and_wait("http://name.invalid/").outcome, Outcome::unreachable);
}

// Bug class 28.
TEST_F(CallerTest, TooLargeAnAnswerIsANo) {
    ScriptedBackend backend(
        [](const Request&, int, int) { return ScriptedBackend::say(std::string(2000, ' ')); });
    config_.limits.hook_answer_bytes = 1024;
    start();
    EXPECT_EQ(ask_and_wait(backend.url()).outcome, Outcome::too_large);
}

// Bug class 28.
TEST_F(CallerTest, RedirectsAreNotFollowed) {
    ScriptedBackend backend([&](const Request&, int, int) {
        return Reply{"HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"};
    });
    start();
    EXPECT_EQ(ask_and_wait(backend.url()).outcome, Outcome::bad_answer);
}

TEST_F(CallerTest, AFullQueueIsANo) {
    ScriptedBackend backend([](const Request&, int, int) { return Reply{.bytes = "", .stay_silent = true}; });
    config_.limits.hook_queue_calls = 2;
    start();
    for (int i = 0; i < 3; ++i) ask(i, backend.url());
    EXPECT_EQ(answer(2).outcome, Outcome::queue_full);
    EXPECT_THAT(answer(2).reason, ::testing::HasSubstr("limits.hook_queue_calls"));
    EXPECT_EQ(verdicts_.size(), 1U);
}

TEST_F(CallerTest, AQueueOfManyBytesIsFullToo) {
    ScriptedBackend backend([](const Request&, int, int) { return Reply{.bytes = "", .stay_silent = true}; });
    config_.limits.hook_queue_bytes = 1000;
    start();
    ask(1, backend.url(), kLong, std::string(600, 'a'));
    ask(2, backend.url(), kLong, std::string(600, 'a'));
    EXPECT_EQ(answer(2).outcome, Outcome::queue_full);
}

TEST_F(CallerTest, HttpsIsAskedOnlyWhereTheCertificateIsTrusted) {
    const testing::Certificates certificates;
    certificates.issue("backend", "backend");
    boost::asio::ssl::context tls(boost::asio::ssl::context::tls_server);
    tls.use_certificate_chain_file(certificates.certificate("backend"));
    tls.use_private_key_file(certificates.key("backend"), boost::asio::ssl::context::pem);
    ScriptedBackend backend([](const Request&, int, int) { return ScriptedBackend::say(""); }, &tls);
    start();
    EXPECT_EQ(ask_and_wait(backend.url()).outcome, Outcome::unreachable);
    config_.hooks.ca = certificates.authority();
    caller_->use(settings_of(config_));
    EXPECT_TRUE(ask_and_wait(backend.url()).allowed());
    EXPECT_FALSE(ask_and_wait(backend.url()).connected) << "kept";
    std::string named = backend.url();
    named.replace(named.find("127.0.0.1"), 9, "localhost");
    EXPECT_TRUE(ask_and_wait(named).allowed()) << "the name is in the certificate, too";
}

// Bug class 28.
TEST_F(CallerTest, TheCertificateHasToBeForTheAddress) {
    const testing::Certificates certificates;
    certificates.issue("backend", "backend");
    boost::asio::ssl::context tls(boost::asio::ssl::context::tls_server);
    tls.use_certificate_chain_file(certificates.certificate("backend"));
    tls.use_private_key_file(certificates.key("backend"), boost::asio::ssl::context::pem);
    ScriptedBackend backend([](const Request&, int, int) { return ScriptedBackend::say(""); }, &tls);
    config_.hooks.ca = certificates.authority();
    start();
    std::string elsewhere = backend.url();
    elsewhere.replace(elsewhere.find("127.0.0.1"), 9, "0.0.0.0");
    EXPECT_EQ(ask_and_wait(elsewhere).outcome, Outcome::unreachable);
}

TEST_F(CallerTest, ACaThatCannotBeReadIsSaidAtTheStart) {
    config_.hooks.ca = "/nowhere/ca.pem";
    EXPECT_THROW(settings_of(config_), std::runtime_error);
}

TEST_F(CallerTest, EndsWithQuestionsUnderWay) {
    ScriptedBackend backend([](const Request&, int, int) { return Reply{.bytes = "", .stay_silent = true}; });
    start();
    for (int i = 0; i < 50; ++i) ask(i, backend.url());
    turn_until([&] { return backend.connections() > 0; });
    caller_.reset();
}

}  // namespace
}  // namespace millrace::hooks
