#include "tests/system/support/sdk_fixture.h"

#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <iostream>

#include "tests/system/support/http_client.h"
#include "tests/system/support/tcp_socket.h"

namespace millrace::system_test {
namespace {

constexpr const char* kBackend = "the-key-of-a-backend";

/// Closed to anonymous clients; open to them as an audience only; open to everybody.
constexpr const char* kRules =
    "channels:\n"
    "  - {match: members/#, store: true, history: 100, presence: true, anonymous: false}\n"
    "  - {match: stage/#, store: true, history: 100, presence: true, publish: authenticated,\n"
    "     private: authenticated, audience: authenticated}\n"
    "  - {match: '#', store: true, history: 50000, presence: true, private: anyone}\n";

}  // namespace

std::ostream& operator<<(std::ostream& out, const Sdk& sdk) {
    return out << sdk.name;
}

const ::millrace::testing::Certificates& SdkTest::certificates() {
    struct Issued : ::millrace::testing::Certificates {
        Issued() {
            issue("server", "localhost");
            ::setenv("NODE_EXTRA_CA_CERTS", authority().c_str(), 1);
        }
    };
    static const Issued issued;
    return issued;
}

std::string SdkTest::tls_port() {
    static const std::string port = std::to_string(free_port());
    return port;
}

void SdkTest::SetUp() {
    server_ = std::make_unique<Server>(Server::Yaml{
        "  - https://127.0.0.1:" + tls_port() + "\nthreads: 2\nstore: {url: \"sqlite:store.db\"}\n" +
        "auth: {anonymous: true, api_keys: [" + kBackend +
        "], jwt: {secret: the-secret-of-the-tests-is-32-bytes}}\n" +
        "tls: {certificate: " + certificates().certificate("server") +
        ", private_key: " + certificates().key("server") + "}\n" + kRules + more_yaml()});
    server_->start();
}

void SdkTest::TearDown() {
    EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
    if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
}

std::unique_ptr<SdkClient> SdkTest::client(const Sdk& sdk, const std::string& channel,
                                           std::vector<std::string> more, const std::string& key) {
    if (sdk.in_chromium) {
        static const Chromium chromium(certificates().certificate("server"), tls_port());
        more.insert(more.end(), {"--browser", chromium.address()});
    }
    const std::string url = sdk.in_chromium ? "https://localhost/" : server_->websocket_url();
    return std::make_unique<SdkClient>(sdk.major, url, channel, std::move(more), key);
}

std::string SdkTest::token(const std::string& row) const {
    return server_->token(row, {"--extras", R"({"name":"hero )" + row + "\"}"});
}

std::vector<std::string> SdkTest::as_user(const std::string& row, std::vector<std::string> more) const {
    more.insert(more.end(), {"--token", token(row)});
    return more;
}

void SdkTest::post(const std::string& channel, const boost::json::value& data,
                   boost::json::object more) const {
    more.emplace("channel", channel);
    more.emplace("data", data);
    HttpConnection http(server_->http_port());
    const HttpAnswer answer = http.request(
        "POST", "/v1/publish", boost::json::serialize(more),
        "Content-Type: application/json\r\nAuthorization: Bearer " + std::string(kBackend) + "\r\n");
    EXPECT_EQ(answer.status, 201) << answer.body;
}

}  // namespace millrace::system_test
