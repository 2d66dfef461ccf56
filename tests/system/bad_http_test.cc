// HTTP that is broken, too large or beside the point. Each gets a clear answer and hurts nobody else.
#include <gtest/gtest.h>

#include "tests/system/support/http_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

using std::string_literals::operator""s;

class BadHttpTest : public SystemTest {
  protected:
    /// An RFC 9457 problem document with that status.
    static void expect_problem(const HttpAnswer& answer, int status) {
        EXPECT_EQ(answer.status, status) << answer.body;
        EXPECT_TRUE(answer.header("content-type").starts_with("application/problem+json"))
            << answer.header("content-type");
        const boost::json::value problem = answer.json();
        ASSERT_TRUE(problem.is_object()) << answer.body;
        EXPECT_EQ(problem.get_object().at("status"), status);
        for (const char* key : {"title", "detail"}) {
            const boost::json::value* text = problem.get_object().if_contains(key);
            ASSERT_TRUE(text != nullptr && text->is_string()) << key << " in " << answer.body;
            EXPECT_FALSE(text->get_string().empty());
        }
    }
    /// The answer to bytes that no client library would send.
    HttpAnswer raw(std::string_view bytes) {
        HttpConnection connection(server().http_port());
        connection.socket().send(bytes);
        return connection.read_answer();
    }
    HttpAnswer publish(std::string_view body) {
        return HttpConnection(server().http_port()).request("POST", "/v1/publish", body);
    }
    void expect_works() {
        const HttpAnswer answer = publish(R"({"channel":"fine","data":1})");
        EXPECT_EQ(answer.status, 201) << answer.body;
    }
};

TEST_P(BadHttpTest, BadBodyOfPublishIsAProblemThatSaysWhat) {
    for (const std::string& body : {""s,
                                    "{"s,
                                    "nonsense"s,
                                    "null"s,
                                    "[]"s,
                                    "{}"s,
                                    "[[[[[["s,
                                    R"({"channel":"a","data":1}x)"s,
                                    R"({"data":1})"s,
                                    R"({"channel":"a"})"s,
                                    R"({"channel":7,"data":1})"s,
                                    R"({"channel":"","data":1})"s,
                                    R"({"channel":"a/#","data":1})"s,
                                    R"({"channel":"a+b/+","data":1})"s,
                                    "{\"channel\":\"a\\u0000b\",\"data\":1}"s,
                                    R"({"channel":"a","data":1,"type":"rumour"})"s,
                                    R"({"channel":"a","data":1,"id":7})"s,
                                    R"({"channel":"a","data":1,"retain":"yes"})"s,
                                    "{\"channel\":\"a\",\"data\":\"\xc3\x28\"}"s,
                                    "{\"channel\":\"\xff\",\"data\":1}"s,
                                    "{\"channel\":\"\xed\xa0\x80\",\"data\":1}"s}) {
        SCOPED_TRACE(body);
        expect_problem(publish(body), 400);
    }
    expect_problem(
        publish("{\"channel\":\"a\",\"data\":" + std::string(5000, '[') + std::string(5000, ']') + "}"), 400);
    EXPECT_EQ(store().query("select count(*) from " + store().messages()).at(0), "0");
    expect_works();
}

TEST_P(BadHttpTest, ChannelNameOfMoreThan65535BytesIsRefused) {
    expect_problem(publish("{\"channel\":\"" + std::string(70000, 'a') + "\",\"data\":1}"), 400);
    expect_works();
}

TEST_P(BadHttpTest, OversizedBodyIs413) {
    const std::string head = "POST /v1/publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    expect_problem(raw(head + "Content-Length: 1073741824\r\n\r\n{"), 413);
    expect_problem(
        raw(head + "Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n" + std::string((1 << 20) + 65536, 'x')),
        413);
    expect_works();
}

TEST_P(BadHttpTest, UnknownRouteAndWrongMethod) {
    HttpConnection connection(server().http_port());
    expect_problem(connection.request("GET", "/v1/nowhere"), 404);
    expect_problem(connection.request("GET", "/"s + std::string(2000, 'a')), 404);
    expect_problem(connection.request("GET", "/examples/../../../../etc/passwd"), 404);
    expect_problem(connection.request("GET", "/examples/%2e%2e/%2e%2e/etc/passwd"), 404);
    const HttpAnswer wrong = connection.request("DELETE", "/v1/publish");
    expect_problem(wrong, 405);
    EXPECT_NE(wrong.header("allow").find("POST"), std::string::npos) << wrong.header("allow");
    expect_works();
}

// Bug class 27.
TEST_P(BadHttpTest, BadPathsAndQueriesOfHistory) {
    HttpConnection connection(server().http_port());
    for (const char* target :
         {"/v1/channels/%zz/messages", "/v1/channels/%/messages", "/v1/channels/%c3%28/messages",
          "/v1/channels/a%00b/messages", "/v1/channels/a/messages?limit=x",
          "/v1/channels/a/messages?limit=-1", "/v1/channels/a/messages?after=99999999999999999999",
          "/v1/channels/a/messages?before=1e3"}) {
        SCOPED_TRACE(target);
        expect_problem(connection.request("GET", target), 400);
    }
    expect_works();
}

TEST_P(BadHttpTest, BadRequestLineAndHeaders) {
    for (const std::string& bytes :
         {"nonsense\r\n\r\n"s, "GET\r\n\r\n"s, "GET / HTTP/9.9\r\nHost: a\r\n\r\n"s,
          "GET /healthz HTTP/1.1\r\nHost: a\r\nno colon here\r\n\r\n"s,
          "POST /v1/publish HTTP/1.1\r\nHost: a\r\nContent-Length: banana\r\n\r\n"s,
          "POST /v1/publish HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"s,
          "POST /v1/publish HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n"s,
          "POST /v1/publish HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"s,
          "POST /v1/publish HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"s}) {
        SCOPED_TRACE(bytes);
        const HttpAnswer answer = raw(bytes);
        EXPECT_TRUE(answer.status == 400 || answer.status == 505) << answer.status;
    }
    expect_works();
}

// RFC 9112 6.3: the two framings together are how one request is smuggled behind another.
// Bug class 27.
TEST_P(BadHttpTest, ContentLengthWithTransferEncodingIsRefused) {
    HttpConnection connection(server().http_port());
    connection.socket().send(
        "POST /v1/publish HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nPOST /v1/publish HTTP/1.1\r\nHost: a\r\nContent-Length: "
        "29\r\n\r\n{\"channel\":\"smug\",\"data\":true}");
    EXPECT_EQ(connection.read_answer().status, 400);
    EXPECT_TRUE(connection.socket().closed_by_peer());
    EXPECT_EQ(store().query("select count(*) from " + store().messages()).at(0), "0");
    expect_works();
}

// Bug class 27.
TEST_P(BadHttpTest, HeaderTooLargeIs431) {
    const HttpAnswer answer =
        raw("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Large: " + std::string(65536, 'x') + "\r\n\r\n");
    EXPECT_EQ(answer.status, 431);
    expect_works();
}

TEST_P(BadHttpTest, BadBatchSaysWhichMessageIsWrong) {
    HttpConnection connection(server().http_port());
    expect_problem(connection.request("POST", "/v1/publish/batch", R"({"messages":7})"), 400);
    const HttpAnswer answer = connection.request(
        "POST", "/v1/publish/batch",
        R"({"messages":[{"channel":"a","data":1},{"channel":"#","data":2},{"channel":"a","data":3}]})");
    ASSERT_EQ(answer.status, 200) << answer.body;
    const boost::json::array results = answer.json().at("results").as_array();
    ASSERT_EQ(results.size(), 3U);
    EXPECT_EQ(results[0].at("status"), 201);
    EXPECT_EQ(results[1].at("status"), 400);
    EXPECT_EQ(results[2].at("status"), 201);
}

TEST_P(BadHttpTest, CutConnectionsAreSurvived) {
    const std::string request =
        "POST /v1/publish HTTP/1.1\r\nHost: a\r\nContent-Length: 25\r\n\r\n{\"channel\":\"cut\",\"data\":1}";
    for (std::size_t size = 0; size < request.size(); ++size) {
        TcpSocket socket(server().http_port());
        socket.send(std::string_view(request).substr(0, size));
        if (size % 2 == 0) socket.reset();
    }
    expect_works();
    EXPECT_EQ(store().query("select count(*) from " + store().messages() + " where channel = 'cut'").at(0),
              "0");
}

TEST_P(BadHttpTest, PipelinedRequestsAreAnsweredInOrder) {
    HttpConnection connection(server().http_port());
    std::string burst;
    for (int i = 1; i <= 20; ++i) {
        const std::string body = R"({"channel":"pipe","data":)" + std::to_string(i) + "}";
        burst += "POST /v1/publish HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
                 "\r\n\r\n" + body;
        if (i % 5 == 0) burst += "GET /v1/nowhere HTTP/1.1\r\nHost: a\r\n\r\n";
    }
    connection.socket().send(burst);
    for (int i = 1; i <= 20; ++i) {
        EXPECT_EQ(connection.read_answer().json().at("seq"), i);
        if (i % 5 == 0) expect_problem(connection.read_answer(), 404);
    }
}

MILLRACE_ON_BOTH_STORES(BadHttpTest);

}  // namespace
}  // namespace millrace::system_test
