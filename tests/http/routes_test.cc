// Routes, credentials, origins, history, metrics, embedded files and the WebSocket handshake.
#include "http/static_files.h"
#include "tests/http/http_fixture.h"

namespace millrace::testing {
namespace {

namespace json = boost::json;

constexpr std::string_view kHandshake =
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

class HttpRoutesTest : public HttpFixture {
  protected:
    void fill(int count) {
        for (int i = 1; i <= count; ++i) {
            ASSERT_EQ(post("/v1/publish", R"({"channel":"h","data":)" + std::to_string(i) + "}").status, 201);
        }
    }
    std::vector<std::int64_t> seqs(std::string_view query) {
        std::vector<std::int64_t> found;
        const json::value page = get("/v1/channels/h/messages" + std::string(query)).json();
        for (const json::value& message : page.at("messages").as_array())
            found.push_back(message.at("seq").as_int64());
        return found;
    }
};

TEST_F(HttpRoutesTest, UnknownPathsAre404AndWrongMethods405) {
    for (const char* path : {"/", "/v1/nowhere", "/v1/channel", "/v1/channels/a/b/messages",
                             "/examples/../etc/passwd", "/examples/%2e%2e/passwd", "/healthz/"}) {
        SCOPED_TRACE(path);
        expect_problem(get(path), 404);
    }
    const HttpAnswer wrong = ask("DELETE /v1/publish HTTP/1.1\r\nHost: here\r\n\r\n");
    expect_problem(wrong, 405);
    EXPECT_EQ(wrong.header("allow"), "POST, OPTIONS");
    expect_problem(get("/v1/publish"), 405);
    expect_problem(ask("BREW /healthz HTTP/1.1\r\nHost: here\r\n\r\n"), 405);
    EXPECT_EQ(ask("OPTIONS /healthz HTTP/1.1\r\nHost: here\r\n\r\n").header("allow"), "GET, HEAD, OPTIONS");
    EXPECT_EQ(ask("OPTIONS * HTTP/1.1\r\nHost: here\r\n\r\n").status, 204);
}

// Bug class 27.
TEST_F(HttpRoutesTest, CredentialsAreCheckedOnEveryRequest) {
    const std::string body = R"({"channel":"a","data":1})";
    for (const char* header : {"Authorization: Bearer wrong\r\n", "Authorization: Bearer \r\n",
                               "Authorization: Basic czNjcmV0\r\n", "Authorization: Bearer s3cret2\r\n"}) {
        const HttpAnswer answer = post("/v1/publish", body, header);
        expect_problem(answer, 401);
        EXPECT_EQ(answer.header("www-authenticate"), "Bearer");
    }
    EXPECT_EQ(post("/v1/publish", body, "Authorization: bearer s3cret\r\n").status, 201);
}

TEST_F(HttpRoutesTest, WithoutAnonymousOnlyHealthIsOpen) {
    config_.auth.anonymous = false;
    expect_problem(post("/v1/publish", R"({"channel":"a","data":1})"), 401);
    expect_problem(get("/metrics"), 401);
    EXPECT_EQ(get("/healthz").status, 200);
    EXPECT_EQ(get("/readyz").status, 200);
    EXPECT_EQ(get("/metrics", "Authorization: Bearer s3cret\r\n").status, 200);
}

TEST_F(HttpRoutesTest, HistoryPages) {
    fill(5);
    const HttpAnswer all = get("/v1/channels/h/messages");
    ASSERT_EQ(all.status, 200);
    EXPECT_EQ(all.json().at("epoch"), "e1");
    EXPECT_EQ(all.json().at("first"), 1);
    EXPECT_EQ(all.json().at("last"), 5);
    EXPECT_EQ(all.json().at("more"), false);
    EXPECT_EQ(
        all.json().at("messages").at(0),
        json::parse(R"({"seq":1,"id":"e1-1","type":"event","at":"2026-10-14T17:46:40.123Z","data":1})"));
    EXPECT_EQ(seqs("?limit=2"), (std::vector<std::int64_t>{4, 5}));
    EXPECT_EQ(seqs("?after=1&limit=2"), (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(seqs("?x=y&before=3"), (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(seqs("?after=1&before=4"), (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(seqs("?since=2026-10-14T17:46:40.123Z&limit=2"), (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(seqs("?until=2026-10-14T19:46:40.123%2B02:00"), (std::vector<std::int64_t>{}));
    EXPECT_EQ(seqs("?until=1800000000000&after=3"), (std::vector<std::int64_t>{4, 5}));
    config_.limits.history_page_messages = 3;
    EXPECT_EQ(seqs("?limit=1000000").size(), 3U);
    for (const char* query :
         {"?limit=x", "?limit=-1", "?limit=0", "?after=99999999999999999999", "?before=1e3",
          "?after=", "?since=yesterday", "?since=2026-02-30T00:00:00Z", "?until=2026-10-14", "?until="}) {
        expect_problem(get("/v1/channels/h/messages" + std::string(query)), 400);
    }
}

TEST_F(HttpRoutesTest, HistoryShowsTextAndBytesAndHidesWhatIsForOthers) {
    post("/v1/channels/h", "plain \"text\"\n");
    post("/v1/channels/h", "\xff\x01");
    post("/v1/publish", R"({"channel":"h","data":1,"to":{"dbo_id":1}})");
    const json::array messages = get("/v1/channels/h/messages").json().at("messages").as_array();
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages[0].at("data"), "plain \"text\"\n");
    EXPECT_FALSE(messages[0].as_object().contains("encoding"));
    EXPECT_EQ(messages[1].at("data"), "/wE=");
    EXPECT_EQ(messages[1].at("encoding"), "base64");
}

TEST_F(HttpRoutesTest, HistoryGoesOnBehindWhatIsForOthers) {
    const auto page = [this](std::string_view query) {
        return get("/v1/channels/h/messages?" + std::string(query)).json().as_object();
    };
    post("/v1/channels/h", "1");
    for (int i = 0; i < 8; ++i) post("/v1/publish", R"({"channel":"h","data":1,"to":{"dbo_id":1}})");
    post("/v1/channels/h", "10");
    json::object found = page("after=1&limit=2");
    ASSERT_EQ(found.at("messages").as_array().size(), 1U);
    EXPECT_EQ(found.at("messages").at(0).at("seq"), 10);
    EXPECT_EQ(found.at("more"), false);
    EXPECT_EQ(found.at("next"), nullptr);
    found = page("before=10&limit=1");
    EXPECT_EQ(found.at("messages").at(0).at("seq"), 1);
    config_.limits.history_scan_messages = 3;
    found = page("after=1&limit=2");
    EXPECT_TRUE(found.at("messages").as_array().empty());
    EXPECT_EQ(found.at("more"), true);
    EXPECT_EQ(found.at("next"), 4);
    found = page("before=10&limit=2");
    EXPECT_EQ(found.at("next"), 7);
}

TEST_F(HttpRoutesTest, MetricsAddUpTheCounters) {
    fill(2);
    const HttpAnswer answer = get("/metrics");
    EXPECT_EQ(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_NE(answer.body.find("\nmillrace_messages_published_total 2\n"), std::string::npos) << answer.body;
    EXPECT_NE(answer.body.find("millrace_messages_dropped_total{reason=\"queue_full\"} 0\n"),
              std::string::npos);
    EXPECT_NE(answer.body.find("\nmillrace_store_reachable 1\n"), std::string::npos);
}

TEST_F(HttpRoutesTest, OriginsOnLoopbackAndOurOwnMayUseIt) {
    for (const char* origin :
         {"http://localhost:3000", "http://127.0.0.1", "http://[::1]:5173", "https://HERE"}) {
        const HttpAnswer answer =
            post("/v1/publish", R"({"channel":"a","data":1})", "Origin: " + std::string(origin) + "\r\n");
        EXPECT_EQ(answer.status, 201) << origin;
        EXPECT_EQ(answer.header("access-control-allow-origin"), origin);
        EXPECT_EQ(answer.header("vary"), "Origin");
    }
    for (const char* origin :
         {"https://evil.example", "null", "http://127.evil.example", "http://localhost.evil.example"}) {
        const std::string header = "Origin: " + std::string(origin) + "\r\n";
        const HttpAnswer refused = post("/v1/publish", R"({"channel":"a","data":1})", header);
        expect_problem(refused, 403);
        EXPECT_EQ(refused.header("access-control-allow-origin"), "");
        const HttpAnswer read = get("/healthz", header);
        EXPECT_EQ(read.status, 200);
        EXPECT_EQ(read.header("access-control-allow-origin"), "");
    }
}

TEST_F(HttpRoutesTest, AConfiguredListReplacesLoopback) {
    config_.realtime.allowed_origins = {"https://app.example.com"};
    const std::string preflight =
        "OPTIONS /v1/publish HTTP/1.1\r\nHost: here\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: authorization\r\nOrigin: ";
    const HttpAnswer allowed = ask(preflight + "https://App.example.com\r\n\r\n");
    EXPECT_EQ(allowed.status, 204);
    EXPECT_EQ(allowed.header("access-control-allow-origin"), "https://App.example.com");
    EXPECT_EQ(allowed.header("access-control-allow-methods"), "POST, OPTIONS");
    EXPECT_NE(allowed.header("access-control-allow-headers").find("Authorization"), std::string::npos);
    EXPECT_EQ(allowed.header("access-control-max-age"), "600");
    EXPECT_EQ(allowed.header("content-length"), "");
    const HttpAnswer refused = ask(preflight + "http://localhost:3000\r\n\r\n");
    EXPECT_EQ(refused.header("access-control-allow-origin"), "");
    EXPECT_EQ(refused.header("access-control-allow-methods"), "");
}

TEST_F(HttpRoutesTest, EmbeddedFilesHaveTypesAndValidators) {
    for (const http::Asset& asset : http::embedded_assets()) {
        SCOPED_TRACE(asset.path);
        const HttpAnswer answer = get(asset.path);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, asset.bytes);
        EXPECT_EQ(answer.header("content-type"), asset.content_type);
        EXPECT_EQ(answer.header("etag"), asset.etag);
        const HttpAnswer fresh = get(asset.path, "If-None-Match: " + std::string(asset.etag) + "\r\n");
        EXPECT_EQ(fresh.status, 304);
        EXPECT_EQ(fresh.body, "");
        if (!asset.path.ends_with('/')) continue;
        const HttpAnswer moved = get(asset.path.substr(0, asset.path.size() - 1));
        EXPECT_EQ(moved.status, 308);
        EXPECT_EQ(moved.header("location"), asset.path);
    }
}

TEST_F(HttpRoutesTest, UpgradeHandsTheConnectionOver) {
    Peer peer = open();
    const HttpAnswer answer = exchange(
        peer, "GET /ws?v=1 HTTP/1.1\r\nHost: here\r\nOrigin: http://localhost\r\n" + std::string(kHandshake) +
                  "Sec-WebSocket-Protocol: one , two\r\nSec-WebSocket-Protocol: three\r\n\r\nleft over");
    EXPECT_EQ(answer.status, 101);
    EXPECT_EQ(answer.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    EXPECT_EQ(answer.header("sec-websocket-protocol"), "one");
    EXPECT_EQ(upgrades_.query, "v=1");
    EXPECT_EQ(upgrades_.subprotocols, (std::vector<std::string>{"one", "two", "three"}));
    EXPECT_EQ(upgrades_.origin, "http://localhost");
    EXPECT_EQ(upgrades_.kind, access::Principal::Kind::anonymous);
    EXPECT_TRUE(upgrades_.loopback);
    EXPECT_TRUE(turn_until([&] { return peer.received() == "left over"; })) << peer.received();
    peer.send(" and more");
    EXPECT_TRUE(turn_until([&] { return peer.received() == "left over and more"; }));
}

TEST_F(HttpRoutesTest, UpgradeCarriesTheCredentials) {
    config_.auth.anonymous = false;
    EXPECT_EQ(get("/ws", std::string(kHandshake)).status, 101);
    EXPECT_EQ(upgrades_.kind, access::Principal::Kind::anonymous);
    EXPECT_EQ(get("/ws", std::string(kHandshake) + "Authorization: Bearer s3cret\r\n").status, 101);
    EXPECT_EQ(upgrades_.kind, access::Principal::Kind::backend);
    expect_problem(get("/ws", std::string(kHandshake) + "Authorization: Bearer no\r\n"), 401);
}

TEST_F(HttpRoutesTest, BadHandshakesAreRefused) {
    const HttpAnswer plain = get("/ws");
    expect_problem(plain, 426);
    EXPECT_EQ(plain.header("upgrade"), "websocket");
    const std::string upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const HttpAnswer old = get("/ws", upgrade + key + "Sec-WebSocket-Version: 8\r\n");
    expect_problem(old, 426);
    EXPECT_EQ(old.header("sec-websocket-version"), "13");
    expect_problem(get("/ws", upgrade + "Sec-WebSocket-Version: 13\r\n"), 400);
    expect_problem(get("/ws", upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n"), 400);
    expect_problem(get("/ws", "Upgrade: h2c\r\nConnection: Upgrade\r\n"), 426);
    expect_problem(get("/ws", std::string(kHandshake) + "Origin: https://evil.example\r\n"), 403);
    expect_problem(get("/closed", std::string(kHandshake)), 403);
    expect_problem(get("/nowhere", std::string(kHandshake)), 404);
}

}  // namespace
}  // namespace millrace::testing
