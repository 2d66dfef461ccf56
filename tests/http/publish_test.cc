// The ways to publish, and what they answer.
#include "tests/http/http_fixture.h"

namespace millrace::testing {
namespace {

using std::string_literals::operator""s;
namespace json = boost::json;

constexpr std::string_view kKey = "Authorization: Bearer s3cret\r\n";

class HttpPublishTest : public HttpFixture {
  protected:
    MessagePtr stored(const std::string& channel, std::size_t index) {
        auto channels = memory_.channels.lock();
        const auto found = channels->find(channel);
        return found != channels->end() && index < found->second.size() ? found->second[index] : nullptr;
    }
    std::string payload(const std::string& channel, std::size_t index = 0) {
        const MessagePtr message = stored(channel, index);
        return message ? std::string(as_text(message->payload())) : "nothing is stored";
    }
};

TEST_F(HttpPublishTest, StoredMessageIs201WithItsPlace) {
    const HttpAnswer answer = post("/v1/publish", R"({"channel":"room/42","data":{"a":1}})");
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.json(), json::parse(R"({"id":"e1-1","channel":"room/42","seq":1,"epoch":"e1",
        "at":"2026-10-14T17:46:40.123Z"})"))
        << answer.body;
    EXPECT_EQ(stored("room/42", 0)->kind(), MessageKind::event);
}

TEST_F(HttpPublishTest, WhatCurlSendsWorks) {
    const HttpAnswer answer = post("/v1/publish", R"({"channel":"marvel_chat_room","data":{"text":"hi"}})",
                                   "Content-Type: application/x-www-form-urlencoded\r\n");
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(payload("marvel_chat_room"), R"({"text":"hi"})");
}

TEST_F(HttpPublishTest, DataIsStoredCompactAndOtherwiseAsItWasWritten) {
    post("/v1/publish",
         "{ \"data\" : { \"pi\" : 3.14 , \"big\":123456789012345678901234567890, \"e\":1e2,\n \"s\": \"a "
         "\\\" b\\u00e9\" , \"l\":[ 1, {} ,[ ] ] } , \"channel\":\"c\" }");
    EXPECT_EQ(payload("c"),
              R"({"pi":3.14,"big":123456789012345678901234567890,"e":1e2,"s":"a \" b\u00e9","l":[1,{},[]]})");
}

TEST_F(HttpPublishTest, MessageIsAnotherNameOfData) {
    EXPECT_EQ(post("/v1/publish", R"({"channel":"c","message":"hello"})").status, 201);
    EXPECT_EQ(payload("c"), R"("hello")");
    expect_problem(post("/v1/publish", R"({"channel":"c","message":1,"data":2})"), 400);
}

TEST_F(HttpPublishTest, TypeRetainAudienceAndEscapedNames) {
    const HttpAnswer answer = post(
        "/v1/publish",
        R"({"\u0063hannel":"caf\u00e9\/1","d\u0061ta":null,"type":"message","retain":true,"to":{"dbo\u005fid":7,"row_id":42},"unknown":[1]})");
    EXPECT_EQ(answer.status, 201) << answer.body;
    const MessagePtr message = stored("caf\xc3\xa9/1", 0);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->kind(), MessageKind::message);
    EXPECT_TRUE(message->retain());
    EXPECT_EQ(message->audience().dbo_id, 7);
    EXPECT_EQ(message->audience().row_id, 42);
    EXPECT_EQ(as_text(message->payload()), "null");
}

TEST_F(HttpPublishTest, ARepeatedIdIs200WithTheFirstAnswer) {
    const std::string body = R"({"channel":"c","data":1,"id":"order-1"})";
    const HttpAnswer first = post("/v1/publish", body);
    EXPECT_EQ(first.status, 201);
    EXPECT_EQ(first.json().at("id"), "order-1");
    const HttpAnswer again = post("/v1/publish", body);
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, first.body);
    for (const char* header : {"Idempotency-Key: order-1\r\n", "Idempotency-Key: \"order-1\"\r\n"}) {
        EXPECT_EQ(post("/v1/publish", R"({"channel":"c","data":1})", header).status, 200);
    }
    expect_problem(post("/v1/publish", body, "Idempotency-Key: other\r\n"), 400);
    EXPECT_FALSE(stored("c", 1));
}

TEST_F(HttpPublishTest, ALiveChannelIs202WithoutSeq) {
    const HttpAnswer answer = post("/v1/publish", R"({"channel":"live/lamp","data":1})");
    EXPECT_EQ(answer.status, 202);
    const json::object object = answer.json().as_object();
    EXPECT_EQ(object.size(), 3U);
    EXPECT_EQ(object.at("channel"), "live/lamp");
    EXPECT_FALSE(object.at("id").as_string().empty());
    EXPECT_TRUE(object.at("at").as_string().ends_with("Z"));
    EXPECT_EQ(post("/v1/publish", R"({"channel":"live/lamp","data":1,"id":"x"})").json().at("id"), "x");
}

TEST_F(HttpPublishTest, BadBodiesAre400) {
    for (const std::string& body :
         {""s,
          "{"s,
          "nonsense"s,
          "null"s,
          "[]"s,
          "{}"s,
          R"({"channel":"a","data":1}x)"s,
          R"({"data":1})"s,
          R"({"channel":"a"})"s,
          R"({"channel":7,"data":1})"s,
          R"({"channel":"","data":1})"s,
          R"({"channel":"a/#","data":1})"s,
          "{\"channel\":\"a\\u0000b\",\"data\":1}"s,
          R"({"channel":"a","data":1,"type":"rumour"})"s,
          R"({"channel":"a","data":1,"id":7})"s,
          R"({"channel":"a","data":1,"id":""})"s,
          R"({"channel":"a","data":1,"retain":"yes"})"s,
          R"({"channel":"a","data":1,"to":7})"s,
          R"({"channel":"a","data":1,"to":{}})"s,
          R"({"channel":"a","data":1,"to":{"dbo_id":-1}})"s,
          "{\"channel\":\"a\",\"data\":\"\xc3\x28\"}"s,
          "{\"channel\":\"" + std::string(70000, 'a') + "\",\"data\":1}",
          "{\"channel\":\"a\",\"data\":" + std::string(5000, '[') + std::string(5000, ']') + "}"}) {
        SCOPED_TRACE(body.substr(0, 80));
        expect_problem(post("/v1/publish", body), 400);
    }
    EXPECT_FALSE(stored("a", 0));
}

TEST_F(HttpPublishTest, WhatCannotBeJsonIs415) {
    const std::string body = R"({"channel":"a","data":1})";
    expect_problem(post("/v1/publish", body, "Content-Type: multipart/form-data; boundary=x\r\n"), 415);
    expect_problem(post("/v1/publish", body, "Content-Encoding: gzip\r\n"), 415);
    EXPECT_EQ(post("/v1/publish", body, "Content-Encoding: identity\r\n").status, 201);
}

TEST_F(HttpPublishTest, RawBodyIsThePayload) {
    EXPECT_EQ(post("/v1/channels/room%2F42", "not json\xff", "Content-Type: text/x-thing\r\n").status, 201);
    const MessagePtr message = stored("room/42", 0);
    ASSERT_TRUE(message);
    EXPECT_EQ(as_text(message->payload()), "not json\xff");
    EXPECT_EQ(as_text(message->properties()), "\x03\x00\x0ctext/x-thing"s.insert(1, 0, '\0'));
    EXPECT_EQ(post("/v1/channels/room%2F42", " {} ", "Idempotency-Key: k\r\n").status, 201);
    EXPECT_EQ(post("/v1/channels/room%2F42", " {} ", "Idempotency-Key: k\r\n").status, 200);
    EXPECT_EQ(payload("room/42", 1), " {} ");
    EXPECT_EQ(post("/v1/channels/room%2F42", "").status, 201);
    for (const char* path : {"/v1/channels/%zz", "/v1/channels/%", "/v1/channels/a%00b", "/v1/channels/a%2b",
                             "/v1/channels/%c3%28"}) {
        expect_problem(post(path, "x"), 400);
    }
    expect_problem(post("/v1/channels/", "x"), 404);
}

TEST_F(HttpPublishTest, BatchAnswersEachMessage) {
    const HttpAnswer answer = post(
        "/v1/publish/batch",
        R"({"messages":[{"channel":"a","data":1},{"channel":"#","data":2},{"channel":"live/x","data":3},{"channel":"a","data":4,"id":"k"},{"channel":"a","data":4,"id":"k"},7]})");
    ASSERT_EQ(answer.status, 200) << answer.body;
    const json::array results = answer.json().at("results").as_array();
    std::vector<std::int64_t> statuses;
    for (const json::value& result : results) statuses.push_back(result.at("status").as_int64());
    EXPECT_EQ(statuses, (std::vector<std::int64_t>{201, 400, 202, 201, 200, 400}));
    EXPECT_EQ(results[0].at("seq"), 1);
    EXPECT_EQ(results[3].at("seq"), 2);
    EXPECT_EQ(results[4].at("seq"), 2);
    EXPECT_FALSE(results[1].at("detail").as_string().empty());
}

TEST_F(HttpPublishTest, BatchOfLinesAndItsLimits) {
    const std::string_view type = "Content-Type: application/x-ndjson\r\n";
    const HttpAnswer answer =
        post("/v1/publish/batch",
             "{\"channel\":\"a\",\"data\":1}\r\n\n{oops}\n{\"channel\":\"a\",\"data\":2}", type);
    ASSERT_EQ(answer.status, 200);
    const json::array results = answer.json().at("results").as_array();
    ASSERT_EQ(results.size(), 3U);
    EXPECT_EQ(results[1].at("status"), 400);
    EXPECT_EQ(results[2].at("seq"), 2);
    EXPECT_EQ(post("/v1/publish/batch", R"({"messages":[]})").body, R"({"results":[]})");
    EXPECT_EQ(post("/v1/publish/batch", R"({"m\u0065ssages":[]})").body, R"({"results":[]})");
    expect_problem(post("/v1/publish/batch", R"({"messages":7})"), 400);
    expect_problem(post("/v1/publish/batch", R"([])"), 400);
    config_.limits.http_batch_messages = 1;
    const HttpAnswer too_many = post("/v1/publish/batch", "{}\n{}", type);
    expect_problem(too_many, 413);
    EXPECT_EQ(too_many.json().at("limit"), "limits.http_batch_messages");
}

TEST_F(HttpPublishTest, AFullLaneIs503) {
    config_.limits.lane_queue_messages = 1;
    memory_.stuck = true;
    Peer first = open();
    Peer second = open();
    first.send(post_text("/v1/publish", R"({"channel":"a","data":1})"));
    shard_.turn(Milliseconds{0});
    second.send(post_text("/v1/publish", R"({"channel":"a","data":2})"));
    const HttpAnswer refused = next(second);
    expect_problem(refused, 503);
    EXPECT_EQ(refused.header("retry-after"), "1");
    memory_.release();
    EXPECT_EQ(next(first).status, 201);
}

TEST_F(HttpPublishTest, AnUnreachableStoreIs503) {
    config_.limits.store_wait = std::chrono::milliseconds(30);
    memory_.away = true;
    const HttpAnswer answer = post("/v1/publish", R"({"channel":"a","data":2})");
    expect_problem(answer, 503);
    EXPECT_EQ(answer.header("retry-after"), "5");
    expect_problem(get("/readyz"), 503);
    EXPECT_EQ(get("/healthz").status, 200);
    expect_problem(get("/v1/channels/a/messages"), 503);
    EXPECT_EQ(post("/v1/publish", R"({"channel":"live/a","data":2})").status, 202);
}

TEST_F(HttpPublishTest, RulesDecideAndAKeyMayAnything) {
    const std::string body = R"({"channel":"locked/a","data":1})";
    const HttpAnswer refused = post("/v1/publish", body);
    expect_problem(refused, 403);
    EXPECT_EQ(refused.json().at("detail"), "clients may not write to the channel");
    EXPECT_EQ(post("/v1/publish", body, kKey).status, 201);
    expect_problem(post("/v1/publish", R"({"channel":"$SYS/x","data":1})", kKey), 403);
    expect_problem(get("/v1/channels/locked%2Fa/messages"), 403);
    EXPECT_EQ(get("/v1/channels/locked%2Fa/messages", kKey).status, 200);
}

TEST_F(HttpPublishTest, MessagesOfClientsSayWho) {
    constexpr std::string_view kSecret = "the-secret-of-the-tests-is-32-bytes";
    config_.auth.jwt.secret = kSecret;
    const std::string token = access::sign_token(
        R"({"sub":"ada@example.com","dbo_id":1,"row_id":7,"extras":{"name":"Ada"}})", kSecret);
    const std::string user = "Authorization: Bearer " + token + "\r\n";
    const std::string message = R"({"channel":"a","data":1,"type":"message"})";
    ASSERT_EQ(post("/v1/publish", message, user).status, 201);
    ASSERT_EQ(post("/v1/publish", message).status, 201);
    ASSERT_EQ(post("/v1/publish", message, kKey).status, 201);
    ASSERT_EQ(post("/v1/publish", R"({"channel":"a","data":1})", user).status, 201);
    const json::value page = get("/v1/channels/a/messages", kKey).json();
    const json::array& messages = page.at("messages").as_array();
    ASSERT_EQ(messages.size(), 4U);
    EXPECT_EQ(
        messages[0].at("client"),
        json::parse(R"({"socketId":"http","extras":{"name":"Ada"},"permissions":{"dbo_id":1,"row_id":7}})"));
    EXPECT_EQ(messages[1].at("client"),
              json::parse(R"({"socketId":"http","extras":{},"permissions":{"dbo_id":0,"row_id":0}})"));
    EXPECT_FALSE(messages[2].as_object().contains("client")) << "of a backend";
    EXPECT_FALSE(messages[3].as_object().contains("client")) << "an event";
}

}  // namespace
}  // namespace millrace::testing
