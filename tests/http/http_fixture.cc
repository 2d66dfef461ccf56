#include "tests/http/http_fixture.h"

#include <algorithm>
#include <cctype>

namespace millrace::testing {
namespace {

class EchoProtocol final : public Protocol {
  public:
    explicit EchoProtocol(Connection& connection) : connection_(connection) {}
    std::size_t on_bytes(ByteView bytes) override {
        connection_.out().append(bytes);
        connection_.wake();
        return bytes.size();
    }
    void on_closed(error_code) override {}
    void on_deadline(TimePoint) override {}
    void on_shutdown() override {}

  private:
    Connection& connection_;
};

}  // namespace

std::optional<HttpAnswer> take_answer(std::string& text, bool head_only) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) return std::nullopt;
    HttpAnswer answer;
    answer.status = std::stoi(text.substr(9, 3));
    std::size_t line = text.find("\r\n") + 2;
    while (line < end) {
        const std::size_t line_end = text.find("\r\n", line);
        const std::size_t colon = text.find(": ", line);
        std::string name = text.substr(line, colon - line);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
        answer.headers[name] = text.substr(colon + 2, line_end - colon - 2);
        line = line_end + 2;
    }
    const std::string length = answer.header("content-length");
    const std::size_t size = length.empty() || head_only ? 0 : std::stoul(length);
    if (text.size() < end + 4 + size) return std::nullopt;
    answer.body = text.substr(end + 4, size);
    text.erase(0, end + 4 + size);
    return answer;
}

http::UpgradeAnswer EchoUpgrades::on_upgrade(const http::UpgradeRequest& request) {
    path = request.path;
    query = request.query;
    subprotocols.assign(request.subprotocols.begin(), request.subprotocols.end());
    origin = request.origin;
    kind = request.principal->kind;
    loopback = request.peer_is_loopback;
    http::UpgradeAnswer answer;
    if (path == "/closed") {
        answer.status = 403;
        answer.detail = "closed today";
        return answer;
    }
    if (!subprotocols.empty()) answer.subprotocol = subprotocols.front();
    answer.make = [](Connection& connection) { return std::make_unique<EchoProtocol>(connection); };
    return answer;
}

HttpFixture::HttpFixture() {
    config_.auth.api_keys = {"s3cret"};
    config_.channels = {
        config::ChannelRule{.match = "live/#", .store = false},
        config::ChannelRule{.match = "locked/#", .anonymous = false, .publish = config::Who::nobody},
        config::ChannelRule{.match = "#"}};
}

HttpFixture::~HttpFixture() {
    memory_.release();
    if (store_) store_->drain();
    shard_.turn(Milliseconds{0});
}

void HttpFixture::start() {
    authoriser_.emplace(config_);
    store::Limits limits;
    limits.wait = config_.limits.store_wait;
    limits.lane_queue_messages = config_.limits.lane_queue_messages;
    store_.emplace(std::make_unique<MemoryBackend>(memory_), limits, distributor_);
    context_.config = &config_;
    context_.store = &*store_;
    context_.brokers.resize(1);
    broker_.emplace(shard_, context_, *authoriser_);
    context_.brokers[0] = &*broker_;
    server_.emplace(*broker_, &upgrades_);
}

Peer HttpFixture::open() {
    if (!server_) start();
    return connect(shard_, [this](Connection& connection) { return server_->make_session(connection); });
}

HttpAnswer HttpFixture::next(Peer& peer) {
    std::optional<HttpAnswer> answer;
    const bool came = turn_until([&] {
        answer = take_answer(peer.received());
        return answer.has_value();
    });
    EXPECT_TRUE(came) << "no answer; received: " << peer.received();
    return answer.value_or(HttpAnswer{});
}

HttpAnswer HttpFixture::exchange(Peer& peer, std::string_view bytes, bool head_only) {
    peer.send(bytes);
    std::optional<HttpAnswer> answer;
    EXPECT_TRUE(turn_until([&] {
        answer = take_answer(peer.received(), head_only);
        return answer.has_value();
    })) << "received: "
        << peer.received();
    return answer.value_or(HttpAnswer{});
}

HttpAnswer HttpFixture::ask(std::string_view bytes) {
    Peer peer = open();
    return exchange(peer, bytes, bytes.starts_with("HEAD"));
}

HttpAnswer HttpFixture::get(std::string_view target, std::string_view headers) {
    std::string text = "GET ";
    text.append(target).append(" HTTP/1.1\r\nHost: here\r\n").append(headers).append("\r\n");
    return ask(text);
}

std::string HttpFixture::post_text(std::string_view target, std::string_view body, std::string_view headers) {
    std::string text = "POST ";
    text.append(target).append(" HTTP/1.1\r\nHost: here\r\n").append(headers);
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
    return text;
}

HttpAnswer HttpFixture::post(std::string_view target, std::string_view body, std::string_view headers) {
    return ask(post_text(target, body, headers));
}

void HttpFixture::expect_problem(const HttpAnswer& answer, int status) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.header("content-type"), "application/problem+json");
    const boost::json::value problem = answer.json();
    EXPECT_EQ(problem.at("status"), status);
    EXPECT_FALSE(problem.at("title").as_string().empty());
    EXPECT_FALSE(problem.at("detail").as_string().empty());
}

}  // namespace millrace::testing
