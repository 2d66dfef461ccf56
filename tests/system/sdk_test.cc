// What the published Xano SDK, unmodified, goes through beside the acceptance list (sdk_list_test.cc).
#include <cstdlib>
#include <gtest/gtest.h>

#include "tests/system/support/publisher.h"
#include "tests/system/support/sdk_fixture.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;

// The SDK cannot say where it was; with `history: true` it is given what it has missed when it joins again.
TEST_F(SdkTest, WhoComesBackWithHistoryMissesNothing) {
    Publisher publisher(server().http_port(), "room");
    const auto sdk = client(kSdks[2], "room", {"--history", "--seqs"});
    constexpr int kReturns = 12;
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
    // The SDK waits a second before it comes back: of that, not of the reading, are the cuts long.
    for (int cut = 0; cut < kReturns; ++cut) {
        const std::uint64_t until = last + 100;
        while (last < until) ASSERT_TRUE(read(kPatience)) << last;
        sdk->command({{"do", "cut"}});
        ASSERT_EQ(sdk->next("closed"), json::value(1006));
    }
    const std::uint64_t published = publisher.stop();
    while (last < published) ASSERT_TRUE(read(kPatience)) << last << " of " << published;
    EXPECT_EQ(last, published);
    EXPECT_GE(histories, kReturns);
}

/// Where the SDK dials by itself.
class SdkOverTlsTest : public SdkTest {
  protected:
    void expect_talk(int major, std::vector<std::string> more) {
        SCOPED_TRACE(major);
        more.insert(more.end(), {"--history", "--presence", "--port", tls_port()});
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
    void expect_chat(const std::string& example) {
        NodeClient pages("chat_pages.mjs",
                         {"--url", "https://localhost/examples/" + example + "/", "--screenshot",
                          (server().directory() / "chat.png").string(), "--trust",
                          certificates().certificate("server"), "--port", tls_port()});
        EXPECT_EQ(pages.process().wait(120s), 0)
            << pages.process().read_output() << pages.process().error_text();
    }
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
