// HTTP/1.1 as such: framing, order, limits, time.
#include "http/session.h"
#include "tests/http/http_fixture.h"

namespace millrace::testing {
namespace {

using std::string_literals::operator""s;

constexpr std::string_view kHealth = "GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n";

class HttpProtocolTest : public HttpFixture {};

TEST_F(HttpProtocolTest, KeepsTheConnectionAndDatesItsAnswers) {
    Peer peer = open();
    for (int i = 0; i < 3; ++i) {
        const HttpAnswer answer = exchange(peer, kHealth);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.header("content-type"), "application/json");
        EXPECT_EQ(answer.body, R"({"status":"ok"})");
        EXPECT_TRUE(answer.header("date").ends_with(" GMT"));
    }
    EXPECT_FALSE(peer.closed_by_server());
}

TEST_F(HttpProtocolTest, AnyRequestMayArriveByteByByte) {
    const std::string chunked =
        "POST /v1/publish HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1b;x=y\r\n{\"channel\":\"a\",\"data\":\"chun\r\n4\r\nks\"}\r\n0\r\nTrailer: t\r\n\r\n";
    const std::string bare =
        "POST /v1/publish HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1f\r\n{\"channel\":\"a\",\"data\":\"chunks\"}\r\n0\r\n\r\n";
    const std::string plain = post_text("/v1/publish", R"({"channel":"a","data":"plain"})");
    for (const std::string& text : {std::string(kHealth), plain, chunked, bare}) {
        for (std::size_t split = 1; split < text.size(); ++split) {
            Peer peer = open();
            peer.send(std::string_view(text).substr(0, split));
            shard_.turn(Milliseconds{0});
            EXPECT_EQ(peer.received(), "");
            EXPECT_LE(exchange(peer, std::string_view(text).substr(split)).status, 201) << split;
        }
        Peer drip = open();
        for (const char c : text) {
            drip.send(std::string_view(&c, 1));
            shard_.turn(Milliseconds{0});
        }
        EXPECT_LE(next(drip).status, 201);
    }
    auto stored = memory_.channels.lock();
    for (const MessagePtr& message : stored->at("a")) {
        const std::string_view payload = as_text(message->payload());
        EXPECT_TRUE(payload == R"("plain")" || payload == R"("chunks")") << payload;
    }
}

TEST_F(HttpProtocolTest, PipelinedRequestsAreAnsweredInOrder) {
    memory_.stuck = true;
    Peer peer = open();
    peer.send(post_text("/v1/publish", R"({"channel":"p","data":1})") + std::string(kHealth) +
              post_text("/v1/publish", R"({"channel":"p","data":2})") +
              "GET /v1/channels/p/messages HTTP/1.1\r\nHost: here\r\n\r\n" + std::string(kHealth));
    for (int i = 0; i < 5; ++i) shard_.turn(Milliseconds{1});
    EXPECT_EQ(peer.received(), "") << "nothing may overtake the first answer";
    memory_.release();
    EXPECT_EQ(next(peer).json().at("seq"), 1);
    EXPECT_EQ(next(peer).body, R"({"status":"ok"})");
    EXPECT_EQ(next(peer).json().at("seq"), 2);
    EXPECT_EQ(next(peer).json().at("messages").as_array().size(), 2U);
    EXPECT_EQ(next(peer).body, R"({"status":"ok"})");
}

TEST_F(HttpProtocolTest, AFloodOfRequestsBehindAWaitingOneIsServedAfterIt) {
    memory_.stuck = true;
    Peer peer = open();
    peer.send(post_text("/v1/publish", R"({"channel":"p","data":1})"));
    shard_.turn(Milliseconds{0});
    const std::size_t count = 20'000;
    std::string flood;
    for (std::size_t i = 0; i < count; ++i) flood.append(kHealth);
    std::size_t sent = 0;
    std::size_t answers = 0;
    EXPECT_TRUE(turn_until([&] {
        const ssize_t size =
            ::send(peer.descriptor(), flood.data() + sent, flood.size() - sent, MSG_NOSIGNAL);
        if (size > 0) sent += static_cast<std::size_t>(size);
        if (size < 0) memory_.release();
        while (take_answer(peer.received())) ++answers;
        return answers == count + 1;
    })) << answers
        << " answers, " << sent << " bytes sent";
}

TEST_F(HttpProtocolTest, AReaderThatDoesNotReadIsNotServedForEver) {
    Peer peer = open();
    std::string flood;
    for (int i = 0; i < 1000; ++i) flood.append(kHealth);
    std::size_t sent = 0;
    for (int i = 0; i < 200; ++i) {
        const ssize_t size = ::send(peer.descriptor(), flood.data(), flood.size(), MSG_NOSIGNAL);
        if (size > 0) sent += static_cast<std::size_t>(size);
        shard_.turn(Milliseconds{0});
    }
    EXPECT_LT(sent, flood.size() * 100) << "the server has to stop reading";
}

TEST_F(HttpProtocolTest, ClosesWhenAsked) {
    Peer peer = open();
    const HttpAnswer answer =
        exchange(peer, "GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_TRUE(turn_until([&] { return peer.closed_by_server(); }));
}

TEST_F(HttpProtocolTest, SpeaksHttp10) {
    Peer once = open();
    EXPECT_EQ(exchange(once, "GET /healthz HTTP/1.0\r\n\r\n").status, 200);
    EXPECT_TRUE(turn_until([&] { return once.closed_by_server(); }));
    Peer kept = open();
    const HttpAnswer answer = exchange(kept, "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(answer.header("connection"), "keep-alive");
    EXPECT_EQ(exchange(kept, "GET /healthz HTTP/1.0\r\n\r\n").status, 200);
}

TEST_F(HttpProtocolTest, HeadHasTheHeadersOfGetAndNoBody) {
    Peer peer = open();
    const HttpAnswer head = exchange(peer, "HEAD /healthz HTTP/1.1\r\nHost: here\r\n\r\n", true);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("content-length"), "15");
    EXPECT_EQ(exchange(peer, kHealth).body, R"({"status":"ok"})");
}

TEST_F(HttpProtocolTest, AskedForContinueBeforeTheBody) {
    Peer peer = open();
    EXPECT_EQ(
        exchange(
            peer,
            "POST /v1/publish HTTP/1.1\r\nHost: here\r\nContent-Length: 24\r\nExpect: 100-continue\r\n\r\n")
            .status,
        100);
    EXPECT_EQ(exchange(peer, R"({"channel":"a","data":1})").status, 201);
}

TEST_F(HttpProtocolTest, AbsoluteTargetAndLeadingEmptyLine) {
    EXPECT_EQ(ask("\r\nGET http://here/healthz HTTP/1.1\r\nHost: here\r\n\r\n").status, 200);
}

TEST_F(HttpProtocolTest, MalformedRequestsAreRefusedAndTheConnectionClosed) {
    const std::string post = "POST /v1/publish HTTP/1.1\r\nHost: a\r\n";
    const std::vector<std::pair<std::string, int>> cases{
        {"nonsense\r\n\r\n", 400},
        {"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505},
        {"GET /healthz HTTP/1.1\r\n\r\n", 400},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nOrigin: x\r\n y\r\n\r\n", 400},
        {post + "Content-Length: banana\r\n\r\n", 400},
        {post + "Content-Length: -5\r\n\r\n", 400},
        {post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400},
        {post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400},
        {post + "Transfer-Encoding: gzip\r\n\r\n", 501},
        {post + "Transfer-Encoding:\r\nContent-Length: 4\r\n\r\nabcd", 501},
        {post + "Content-Length: 4\r\nTransfer-Encoding:\r\n\r\nabcd", 400},
        {post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
        {post + "Content-Length: 1073741824\r\n\r\n{", 413},
        {post + "Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n{", 413},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Large: " + std::string(65536, 'x') + "\r\n\r\n", 431},
        {"GET /" + std::string(20000, 'x'), 431}};
    for (const auto& [text, status] : cases) {
        SCOPED_TRACE(text.substr(0, 120));
        Peer peer = open();
        expect_problem(exchange(peer, text), status);
        EXPECT_TRUE(turn_until([&] { return peer.closed_by_server(); }));
    }
    EXPECT_EQ(shard_.counters().closed_protocol_error.value(), cases.size());
}

TEST_F(HttpProtocolTest, ALimitIsNamedByItsKey) {
    config_.limits.http_body_bytes = 10;
    const HttpAnswer answer = post("/v1/publish", R"({"channel":"a","data":1})");
    expect_problem(answer, 413);
    EXPECT_EQ(answer.json().at("limit"), "limits.http_body_bytes");
}

TEST_F(HttpProtocolTest, ChunkedBodiesAddUpToTheLimit) {
    config_.limits.http_body_bytes = 20;
    expect_problem(ask("POST /v1/publish HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "c\r\n{\"channel\":\"\r\nc\r\na\",\"data\":1}  \r\n0\r\n\r\n"),
                   413);
}

TEST_F(HttpProtocolTest, ARequestThatTricklesIsTimedOut) {
    config_.limits.http_request_timeout = std::chrono::milliseconds(40);
    Peer peer = open();
    peer.send("GET /healthz HTT");
    const HttpAnswer answer = next(peer);
    expect_problem(answer, 408);
    EXPECT_TRUE(turn_until([&] { return peer.closed_by_server(); }));
    EXPECT_EQ(shard_.counters().closed_timed_out.value(), 1U);
}

TEST_F(HttpProtocolTest, AnIdleConnectionIsClosed) {
    config_.limits.http_idle_timeout = std::chrono::milliseconds(30);
    Peer peer = open();
    EXPECT_EQ(exchange(peer, kHealth).status, 200);
    EXPECT_TRUE(turn_until([&] { return peer.closed_by_server(); }));
    EXPECT_EQ(peer.received(), "");
}

TEST_F(HttpProtocolTest, AnAnswerThatNeverComesIs503) {
    config_.limits.store_wait = std::chrono::milliseconds(20);
    config_.limits.http_request_timeout = std::chrono::milliseconds(20);
    memory_.stuck = true;
    const HttpAnswer answer = post("/v1/publish", R"({"channel":"a","data":1})");
    expect_problem(answer, 503);
    EXPECT_EQ(answer.header("retry-after"), "5");
    memory_.release();
    EXPECT_TRUE(turn_until([&] { return shard_.connections().size() == 0; }));
}

TEST_F(HttpProtocolTest, TheClientMayGoAwayWhileItsPublishIsUnderWay) {
    memory_.stuck = true;
    {
        Peer peer = open();
        peer.send(post_text("/v1/publish", R"({"channel":"a","data":1})"));
        shard_.turn(Milliseconds{0});
    }
    EXPECT_TRUE(turn_until([&] { return shard_.connections().size() == 0; }));
    memory_.release();
    EXPECT_TRUE(turn_until([&] { return memory_.channels.lock()->contains("a"); }));
}

TEST_F(HttpProtocolTest, ShutdownLetsTheRequestInProgressFinish) {
    memory_.stuck = true;
    Peer busy = open();
    Peer idle = open();
    busy.send(post_text("/v1/publish", R"({"channel":"a","data":1})"));
    shard_.turn(Milliseconds{0});
    shard_.connections().shut_down();
    EXPECT_TRUE(turn_until([&] { return idle.closed_by_server(); }));
    memory_.release();
    const HttpAnswer answer = next(busy);
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_TRUE(turn_until([&] { return busy.closed_by_server(); }));
}

}  // namespace
}  // namespace millrace::testing
