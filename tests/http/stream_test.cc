// Server-Sent Events.
#include <algorithm>
#include <gmock/gmock.h>
#include <numeric>

#include "http/event_stream.h"
#include "tests/http/http_fixture.h"
#include "tests/support/hook_questions.h"

namespace millrace::http {
namespace {

using millrace::testing::HttpAnswer;
using millrace::testing::Peer;
using ::testing::HasSubstr;
using ::testing::Not;

class StreamTest : public millrace::testing::HttpFixture {
  protected:
    /// Opens a stream; its head is taken off.
    Peer listen(std::string_view target, std::string_view headers = {}) {
        Peer peer = open();
        std::string text = "GET ";
        text.append(target).append(" HTTP/1.1\r\nHost: here\r\n").append(headers).append("\r\n");
        peer.send(text);
        EXPECT_TRUE(turn_until([&] { return peer.received().find("\r\n\r\n") != std::string::npos; }));
        head_ = *millrace::testing::take_answer(peer.received());
        EXPECT_EQ(head_.status, 200);
        return peer;
    }
    void publish(const std::string& channel, int n) {
        const auto answer =
            post("/v1/publish", R"({"channel":")" + channel + R"(","data":{"n":)" + std::to_string(n) + "}}");
        EXPECT_LT(answer.status, 300) << answer.body;
    }
    void publish(const std::string& channel, int from, int to) {
        for (int n = from; n <= to; ++n) publish(channel, n);
    }
    /// Whether the stream brings `text` sooner or later.
    bool brings(Peer& peer, std::string_view text) {
        return turn_until([&] { return peer.received().find(text) != std::string::npos; });
    }
    /// The positions of the events so far.
    static std::vector<std::uint64_t> ids(std::string_view stream) {
        std::vector<std::uint64_t> found;
        for (std::size_t at = stream.find("id: "); at != std::string_view::npos;
             at = stream.find("id: ", at)) {
            at += 4;
            found.push_back(parse_event_id(stream.substr(at, stream.find('\n', at) - at)).after);
        }
        return found;
    }

    HttpAnswer head_;
};

TEST_F(StreamTest, AMessageIsAnEventWithItsPosition) {
    Peer peer = listen("/v1/channels/room%2F1/stream");
    EXPECT_EQ(head_.header("content-type"), "text/event-stream");
    EXPECT_EQ(head_.header("cache-control"), "no-store");
    EXPECT_EQ(head_.header("connection"), "close");
    ASSERT_TRUE(brings(peer, "id: e1:0\n\n"));
    peer.take();
    publish("room/1", 7);
    ASSERT_TRUE(brings(peer, "\n\n"));
    EXPECT_EQ(peer.take(),
              "id: e1:1\nevent: event\ndata: {\"seq\":1,\"id\":\"e1-1\",\"type\":\"event\","
              "\"at\":\"2026-10-14T17:46:40.123Z\",\"data\":{\"n\":7}}\n\n");
}

TEST_F(StreamTest, ResumesBehindTheLastEventId) {
    publish("a", 1, 5);
    Peer peer = listen("/v1/channels/a/stream?after=1", "Last-Event-ID: e1:3\r\n");
    ASSERT_TRUE(brings(peer, "id: e1:5\n"));
    publish("a", 6);
    ASSERT_TRUE(brings(peer, "id: e1:6\n"));
    EXPECT_THAT(ids(peer.received()), ::testing::ElementsAre(4, 5, 6));
}

TEST_F(StreamTest, ResumesBehindTheParameter) {
    publish("a", 1, 3);
    Peer peer = listen("/v1/channels/a/stream?after=0&epoch=e1");
    ASSERT_TRUE(brings(peer, "id: e1:3\n"));
    EXPECT_THAT(ids(peer.received()), ::testing::ElementsAre(1, 2, 3));
    EXPECT_THAT(peer.received(), Not(HasSubstr("reset")));
}

TEST_F(StreamTest, APositionThatMeansNothingIsSaidPlainly) {
    publish("a", 1, 2);
    for (const std::string id : {"other:1", "e1:9", "e1:", "nonsense", ":2"}) {
        Peer peer = listen("/v1/channels/a/stream", "Last-Event-ID: " + id + "\r\n");
        ASSERT_TRUE(brings(peer, "id: e1:2\n")) << id;
        EXPECT_THAT(peer.received(),
                    ::testing::StartsWith(
                        "id: e1:0\nevent: reset\ndata: {\"reset\":true,\"first\":1,\"epoch\":\"e1\"}\n\n"
                        "id: e1:1\nevent: event\n"))
            << id;
    }
}

TEST_F(StreamTest, APositionThatRetentionTookIsSaidPlainly) {
    publish("a", 1, 6);
    std::erase_if((*memory_.channels.lock())["a"], [](const MessagePtr& one) { return one->seq() < 4; });
    Peer peer = listen("/v1/channels/a/stream?after=1&epoch=e1");
    ASSERT_TRUE(brings(peer, "id: e1:6\n"));
    EXPECT_THAT(peer.received(),
                ::testing::StartsWith("id: e1:3\nevent: reset\ndata: {\"reset\":true,\"first\":4,"));
    EXPECT_THAT(ids(peer.received()), ::testing::ElementsAre(3, 4, 5, 6));
}

TEST_F(StreamTest, WhatIsPublishedWhileHistoryIsReadComesOnce) {
    publish("a", 1, 3);
    Peer peer = listen("/v1/channels/a/stream?after=0");
    for (int n = 4; n <= 40; ++n) publish("a", n);
    ASSERT_TRUE(brings(peer, "id: e1:40\n"));
    std::vector<std::uint64_t> expected(40);
    std::iota(expected.begin(), expected.end(), 1U);
    EXPECT_EQ(ids(peer.received()), expected);
}

TEST_F(StreamTest, ALiveChannelHasNoPositions) {
    Peer peer = listen("/v1/channels/live%2Fx/stream");
    publish("live/x", 1);
    ASSERT_TRUE(brings(peer, "\n\n"));
    EXPECT_THAT(peer.received(), ::testing::StartsWith("event: event\ndata: {\"seq\":0,"));
    Peer lost = listen("/v1/channels/live%2Fx/stream?after=3");
    ASSERT_TRUE(brings(lost, "\n\n"));
    EXPECT_EQ(lost.received(), "event: reset\ndata: {\"reset\":true,\"epoch\":\"e1\"}\n\n");
}

TEST_F(StreamTest, AFilterBringsManyChannelsEachByName) {
    Peer peer = listen("/v1/channels/sensors%2F%2B%2Ftemp/stream");
    publish("sensors/7/temp", 1);
    ASSERT_TRUE(brings(peer, "\n\n"));
    EXPECT_THAT(peer.received(),
                ::testing::StartsWith("event: event\ndata: {\"channel\":\"sensors/7/temp\",\"seq\":1,"));
}

TEST_F(StreamTest, JsonWithLineEndsStaysOneEvent) {
    Peer peer = listen("/v1/channels/a/stream");
    ASSERT_TRUE(brings(peer, "\n\n"));
    peer.take();
    const auto answer = post("/v1/channels/a", "{\r\n \"n\": 1\n}", "Content-Type: application/json\r\n");
    EXPECT_EQ(answer.status, 201);
    ASSERT_TRUE(brings(peer, "\n\n"));
    const std::string event = peer.take();
    EXPECT_EQ(std::ranges::count(event, '\n'), 4);
    EXPECT_EQ(event.find('\r'), std::string::npos);
}

TEST_F(StreamTest, OnlyWhoMayJoinMayListen) {
    expect_problem(get("/v1/channels/locked%2Fa/stream"), 403);
    expect_problem(get("/v1/channels/%23/stream"), 403);
    expect_problem(get("/v1/channels/a%2F%23b/stream"), 400);
    expect_problem(get("/v1/channels/a/stream?after=x"), 400);
    expect_problem(post("/v1/channels/a/stream", ""), 405);
    Peer peer = listen("/v1/channels/locked%2Fa/stream", "Authorization: Bearer s3cret\r\n");
    EXPECT_TRUE(brings(peer, "id: e1:0\n\n"));
}

TEST_F(StreamTest, AnAudienceIsKept) {
    Peer nobody = listen("/v1/channels/a/stream");
    Peer backend = listen("/v1/channels/a/stream", "Authorization: Bearer s3cret\r\n");
    ASSERT_TRUE(brings(nobody, "id: e1:0\n"));
    ASSERT_TRUE(brings(backend, "id: e1:0\n"));
    const auto answer = post("/v1/publish", R"({"channel":"a","data":1,"to":{"dbo_id":1,"row_id":2}})",
                             "Authorization: Bearer s3cret\r\n");
    EXPECT_EQ(answer.status, 201);
    publish("a", 2);
    ASSERT_TRUE(brings(nobody, "id: e1:2\n"));
    ASSERT_TRUE(brings(backend, "id: e1:2\n"));
    EXPECT_THAT(ids(nobody.received()), ::testing::ElementsAre(0, 2));
    EXPECT_THAT(ids(backend.received()), ::testing::ElementsAre(0, 1, 2));
}

TEST_F(StreamTest, HeadAndOriginsAreAnsweredAsElsewhere) {
    const HttpAnswer head = ask("HEAD /v1/channels/a/stream HTTP/1.1\r\nHost: here\r\n\r\n");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("content-type"), "text/event-stream");
    listen("/v1/channels/a/stream", "Origin: http://localhost:3000\r\n");
    EXPECT_EQ(head_.header("access-control-allow-origin"), "http://localhost:3000");
}

TEST_F(StreamTest, SilenceIsFilledWithComments) {
    config_.limits.stream_keep_alive = std::chrono::milliseconds(50);
    Peer peer = listen("/v1/channels/live%2Fx/stream");
    EXPECT_TRUE(brings(peer, ":\n\n:\n\n"));
}

TEST_F(StreamTest, ASlowReaderIsClosedAndCounted) {
    config_.limits.outbox_bytes = 64 * 1024;
    Peer peer = listen("/v1/channels/live%2Fx/stream");
    const std::string body(100'000, 'x');
    Peer publisher = open();
    for (int i = 0; i < 40 && shard_.counters().closed_slow_reader.value() == 0; ++i) {
        exchange(publisher, post_text("/v1/channels/live%2Fx", body, "Content-Type: text/plain\r\n"));
    }
    EXPECT_EQ(shard_.counters().closed_slow_reader.value(), 1U);
    EXPECT_EQ(shard_.counters().dropped_outbox_full.value(), 1U);
    EXPECT_TRUE(turn_until([&] { return peer.closed_by_server(); }));
}

TEST_F(StreamTest, AStreamThatIsGoneCostsNothing) {
    {
        Peer peer = listen("/v1/channels/live%2Fx/stream");
        EXPECT_TRUE(turn_until([&] { return shard_.connections().size() == 1; }));
    }
    EXPECT_TRUE(turn_until([&] { return shard_.connections().size() == 0; }));
    publish("live/x", 1);
    EXPECT_EQ(shard_.counters().messages_out.value(), 0U);
}

TEST_F(StreamTest, WhenTheStoreIsAwayItSaysSoAndEnds) {
    start();
    memory_.away = true;
    Peer peer = listen("/v1/channels/a/stream?after=0");
    EXPECT_TRUE(brings(peer, "event: unavailable\ndata: {\"detail\":"));
    EXPECT_TRUE(turn_until([&] { return peer.closed_by_server(); }));
    memory_.away = false;
}

TEST_F(StreamTest, ADrainingServerEndsIt) {
    Peer peer = listen("/v1/channels/live%2Fx/stream");
    shard_.connections().shut_down();
    EXPECT_TRUE(turn_until([&] { return peer.closed_by_server(); }));
}

TEST_F(StreamTest, WhatIsForbiddenByTheTimeOfTheHooksAnswerIsRefused) {
    config_.channels[2].hooks.join = "http://h/join";
    millrace::testing::HookQuestions questions;
    start();
    broker_->follow_hooks(questions);
    for (const char* target : {"/v1/channels/room/stream", "/v1/channels/room%2F%2B/stream"}) {
        Peer peer = open();
        peer.send("GET " + std::string(target) + " HTTP/1.1\r\nHost: here\r\n\r\n");
        const std::size_t asked = questions.size();
        ASSERT_TRUE(turn_until([&] { return questions.size() > asked; }));
        config::Config changed = config_;
        for (config::ChannelRule& rule : changed.channels) rule.anonymous = false;
        broker_->use(std::make_shared<const access::Authoriser>(changed), {&config_, [](auto*) {}});
        questions.answer(asked);
        expect_problem(next(peer), 403);
        broker_->use(std::make_shared<const access::Authoriser>(config_), {&config_, [](auto*) {}});
    }
}

}  // namespace
}  // namespace millrace::http
