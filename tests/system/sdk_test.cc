// What the published Xano SDK, unmodified, goes through.
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/certificates.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/publisher.h"
#include "tests/system/support/server.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;

class SdkTest : public ::testing::Test {
  protected:
    void SetUp() override {
        server_ = std::make_unique<Server>(Server::Yaml{configuration()});
        server_->start();
    }
    void TearDown() override {
        if (!server_) return;
        EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
    }
    virtual std::string configuration() const {
        return "threads: 2\nstore: {url: \"sqlite:store.db\"}\nauth: {anonymous: true, jwt: {secret: "
               "the-secret-of-the-tests-is-32-bytes}}\n"
               "channels:\n  - {match: '#', store: true, history: 50000}\n";
    }
    std::unique_ptr<SdkClient> client(int major, std::vector<std::string> more,
                                      const std::string& key = "default") const {
        return std::make_unique<SdkClient>(major, server_->websocket_url(), "room", std::move(more), key);
    }
    static void expect_sent_away(const std::vector<std::unique_ptr<SdkClient>>& clients, const char* code) {
        for (const auto& sdk : clients) {
            ASSERT_TRUE(sdk->next("dial"));
            const auto error = sdk->next("error");
            ASSERT_TRUE(error);
            EXPECT_EQ(error->at("payload").at("code"), code);
            EXPECT_EQ(sdk->next("closed"), json::value(4401));
        }
        // A client that does come back waits a second before.
        for (const auto& sdk : clients) EXPECT_FALSE(sdk->next("dial", 1500ms));
    }
    void post(const std::string& data) const {
        const HttpAnswer answer =
            http_post(server_->http_port(), "/v1/publish", {{"channel", "room"}, {"data", data}});
        EXPECT_EQ(answer.status, 201) << answer.body;
    }

    std::unique_ptr<Server> server_;
};

TEST_F(SdkTest, AWrongKeyIsOneErrorAndNoSecondTry) {
    std::vector<std::unique_ptr<SdkClient>> clients;
    for (const int major : {1, 2, 3}) clients.push_back(client(major, {}, "wrong"));
    expect_sent_away(clients, "unknown_key");
}

TEST_F(SdkTest, ABadTokenIsOneErrorAndNoSecondTry) {
    std::vector<std::unique_ptr<SdkClient>> clients;
    for (const int major : {1, 2, 3}) clients.push_back(client(major, {"--token", "not.a.token"}));
    expect_sent_away(clients, "token_not_verified");
}

TEST_F(SdkTest, AnErrorReachesOnlyTheHandlerOfItsChannel) {
    for (const int major : {1, 2, 3}) {
        const auto sdk = client(major, {"--second", "$share/not/for/browsers"});
        const auto error = sdk->next("second_error");
        ASSERT_TRUE(error) << major;
        EXPECT_EQ(error->at("payload").at("code"), "invalid_channel");
        post("after");
        // What comes first of these two is what the first channel's handlers have got.
        for (;;) {
            const auto frame = sdk->next("frame");
            ASSERT_TRUE(frame) << major;
            EXPECT_NE(frame->at("action"), "error");
            if (frame->at("action") == "event") break;
        }
        EXPECT_FALSE(sdk->next("error", 50ms)) << major;
    }
}

TEST_F(SdkTest, WhatIsQueuedBehindTheJoinIsDelivered) {
    for (const int major : {1, 2, 3}) {
        const auto sdk = client(major, {"--queue"});
        sdk->message(1);
        sdk->message(2);
        for (const int number : {1, 2}) {
            const auto frame = sdk->frame("message");
            ASSERT_TRUE(frame) << major;
            EXPECT_EQ(frame->at("payload"), json::value(number));
        }
    }
}

// The SDK cannot say where it was; with `history: true` it is given what it has missed when it joins again.
TEST_F(SdkTest, WhoComesBackWithHistoryMissesNothing) {
    Publisher publisher(server_->http_port(), "room");
    const auto sdk = client(3, {"--history", "--seqs"});
    std::uint64_t last = 0;
    int histories = 0;
    const auto read = [&](Clock::duration patience) {
        const auto line = sdk->next("seqs", patience);
        if (!line || line->as_array().empty()) return false;
        const json::array& seqs = line->as_array();
        const auto first = seqs.front().to_number<std::uint64_t>();
        if (seqs.size() > 1) ++histories;
        EXPECT_LE(first, last + 1) << "missed";
        for (std::size_t i = 0; i < seqs.size(); ++i)
            EXPECT_EQ(seqs[i].to_number<std::uint64_t>(), first + i);
        EXPECT_GE(first + seqs.size() - 1, last);
        last = first + seqs.size() - 1;
        return true;
    };
    for (std::uint64_t cut = 1; cut <= 3; ++cut) {
        const std::uint64_t until = last + 1000;
        while (last < until) ASSERT_TRUE(read(kPatience)) << last;
        sdk->command({{"do", "cut"}});
        ASSERT_EQ(sdk->next("closed"), json::value(1006));
    }
    const std::uint64_t published = publisher.stop();
    while (last < published) ASSERT_TRUE(read(kPatience)) << last << " of " << published;
    EXPECT_EQ(last, published);
    EXPECT_GE(histories, 3);
}

/// On port 443, where the SDK dials by itself.
class SdkOverTlsTest : public SdkTest {
  protected:
    void SetUp() override {
        if (!port_is_free()) GTEST_SKIP() << "port 443 of 127.0.0.1 cannot be listened on";
        certificates_.issue("server", "localhost");
        ::setenv("NODE_EXTRA_CA_CERTS", certificates_.authority().c_str(), 1);
        SdkTest::SetUp();
    }
    std::string configuration() const override {
        return "  - https://127.0.0.1:443\n" + SdkTest::configuration() +
               "tls: {certificate: " + certificates_.certificate("server") +
               ", private_key: " + certificates_.key("server") + "}\n";
    }
    static bool port_is_free() {
        const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int yes = 1;
        ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(443);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const bool free =
            ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(descriptor);
        return free;
    }
    void expect_talk(int major, std::vector<std::string> more) const {
        SCOPED_TRACE(major);
        more.insert(more.end(), {"--history", "--presence"});
        SdkClient sdk(major, "https://localhost/", "tls", std::move(more));
        ASSERT_TRUE(sdk.frame("presence_full"));
        sdk.message("over TLS");
        const auto frame = sdk.frame("message");
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->at("payload"), "over TLS");
        EXPECT_TRUE(frame->at("options").as_object().contains("seq"));
        EXPECT_EQ(sdk.presence().size(), 1U);
    }

    /// The scenario of ChatTest, step by step.
    void expect_chat(const std::string& example) const {
        NodeClient pages("chat_pages.mjs", {"--url", "https://localhost/examples/" + example + "/",
                                            "--screenshot", (server_->directory() / "chat.png").string(),
                                            "--trust", certificates_.certificate("server")});
        EXPECT_EQ(pages.process().wait(120s), 0)
            << pages.process().read_output() << pages.process().error_text();
    }

    const ::millrace::testing::Certificates certificates_;
};

TEST_F(SdkOverTlsTest, EverySdkInNode) {
    for (const int major : {1, 2, 3}) expect_talk(major, {});
}

TEST_F(SdkOverTlsTest, EverySdkWithTheWebSocketOfNode) {
    if (run({.argv = {"node", "--experimental-websocket", "-e", "0"}}).status != 0)
        GTEST_SKIP() << "this Node has no WebSocket of its own";
    ::setenv("NODE_OPTIONS", "--experimental-websocket", 1);
    for (const int major : {1, 2, 3}) expect_talk(major, {"--builtin"});
    ::unsetenv("NODE_OPTIONS");
}

TEST_F(SdkOverTlsTest, TheChatInChromium) {
    expect_chat("chat");
}

TEST_F(SdkOverTlsTest, TheFirstChatInChromium) {
    expect_chat("first_chat");
}

}  // namespace
}  // namespace millrace::system_test
