// The doors beside plain TCP: TLS, client certificates, Unix sockets, proxies, IPv6, and listeners with rules
// of their own; with Mosquitto's clients, mqtt.js and Node.
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/certificates.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/mosquitto_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/server.h"

namespace millrace::system_test {
namespace {

using millrace::testing::Certificates;
using ::testing::HasSubstr;

class TlsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        certificates_.issue("server", "localhost");
        certificates_.issue("device", "device-7");
        foreign_.issue("device", "device-7");
        ::setenv("NODE_EXTRA_CA_CERTS", certificates_.authority().c_str(), 1);
        server_ = std::make_unique<Server>(Server::Yaml{configuration()});
        server_->start();
    }
    void TearDown() override {
        EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
    }
    std::string configuration() const {
        const auto on = [](const char* scheme, std::uint16_t port) {
            return std::string(scheme) + "://127.0.0.1:" + std::to_string(port);
        };
        return "  - {url: " + on("mqtts", tls_) +
               ", client_certificate: none}\n"
               "  - {url: " +
               on("mqtts", certified_) +
               ", anonymous: false}\n"
               "  - {url: " +
               on("https", https_) +
               ", client_certificate: optional}\n"
               "  - {url: " +
               on("mqtt", proxied_) +
               ", proxy_protocol: true}\n"
               "  - {url: " +
               on("mqtt", only5_) +
               ", protocols: [5.0]}\n"
               "  - {url: " +
               on("mqtt", closed_) +
               ", anonymous: false}\n"
               "  - \"mqtt://[::1]:" +
               std::to_string(v6_) +
               "\"\n"
               "  - {url: \"mqtt://[::1]:" +
               std::to_string(untrusted_) +
               "\", proxy_protocol: true}\n"
               "  - {url: mqtt+unix://" +
               socket("mqtt") +
               ", mode: 0600}\n"
               "  - http+unix://" +
               socket("http") +
               "\n"
               "threads: 2\nstore: {url: \"sqlite:store.db\"}\nauth: {anonymous: true}\n"
               "limits: {connect_timeout: 3s}\ntls: {certificate: " +
               certificates_.certificate("server") + ", private_key: " + certificates_.key("server") +
               ", client_ca: " + certificates_.authority() +
               "}\n"
               "proxy_protocol: {trusted: [127.0.0.1]}\n"
               "channels:\n  - {match: known/#, store: true, publish: authenticated}\n  - {match: '#', "
               "store: true}\n";
    }

    std::string log() const { return server_->log(); }
    std::string socket(const std::string& name) const {
        return (directory_.path() / (name + ".sock")).string();
    }
    std::vector<std::string> trusting(std::vector<std::string> more = {}) const {
        more.insert(more.end(), {"--cafile", certificates_.authority()});
        return more;
    }
    static std::vector<std::string> certified(const Certificates& of, std::vector<std::string> more) {
        more.insert(more.end(), {"--cert", of.certificate("device"), "--key", of.key("device")});
        return more;
    }
    /// The value of one sample of /metrics.
    std::string metric(const std::string& sample) const {
        return system_test::metric(server_->http_port(), sample);
    }
    /// What openssl's client says of the certificate that new connections are shown.
    std::string shown_certificate() const {
        return run({.argv = {"openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(tls_),
                             "-CAfile", certificates_.authority()}})
            .output;
    }

    TempDir directory_;
    Certificates certificates_;
    Certificates foreign_;
    std::uint16_t tls_ = free_port(), certified_ = free_port(), https_ = free_port(), proxied_ = free_port(),
                  only5_ = free_port(), closed_ = free_port(), v6_ = free_port(), untrusted_ = free_port();
    std::unique_ptr<Server> server_;
};

TEST_F(TlsTest, MosquittoOverBothVersions) {
    for (const std::string version : {"tlsv1.2", "tlsv1.3"}) {
        MosquittoSub subscriber(tls_, trusting({"--tls-version", version, "-t", "a/#", "-q", "1"}));
        ASSERT_TRUE(subscriber.subscribed()) << version;
        const std::string big(100'000, 'm');  // several records
        for (const std::string& text : {std::string("small"), big}) {
            const Outcome sent =
                mosquitto_pub(tls_, trusting({"--tls-version", version, "-t", "a/b", "-q", "1", "-m", text}));
            ASSERT_EQ(sent.status, 0) << sent.error;
            EXPECT_TRUE(subscriber.next() == text) << version;
        }
    }
    EXPECT_EQ(metric("millrace_tls_handshakes_total"), "6");
    const Outcome old = run({.argv = {"openssl", "s_client", "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0",
                                      "-connect", "127.0.0.1:" + std::to_string(tls_)}});
    EXPECT_NE(old.status, 0);
    EXPECT_EQ(metric("millrace_tls_failures_total{reason=\"version\"}"), "1") << old.error;
    EXPECT_NE(mosquitto_pub(tls_, {"--cafile", foreign_.authority(), "-t", "a", "-m", "b"}).status, 0);
    EXPECT_TRUE(
        eventually([this] { return metric("millrace_tls_failures_total{reason=\"alert\"}") == "1"; }));
}

TEST_F(TlsTest, AClientCertificateIsAUser) {
    const std::vector<std::string> message = {"-t", "known/a", "-q", "1", "-m", "from the device"};
    for (const std::string version : {"tlsv1.2", "tlsv1.3"}) {
        std::vector<std::string> arguments = trusting(certified(certificates_, message));
        arguments.insert(arguments.end(), {"--tls-version", version, "-V", "mqttv5"});
        const Outcome sent = mosquitto_pub(certified_, arguments);
        EXPECT_EQ(sent.status, 0) << sent.error;
        EXPECT_EQ(sent.error, "") << "the channel wants authenticated publishers";
    }
    EXPECT_THAT(http_get(server_->http_port(), "/v1/channels/known%2Fa/messages").body,
                HasSubstr("\"seq\":2"));
    EXPECT_NE(mosquitto_pub(certified_, trusting(message)).status, 0) << "it has none";
    EXPECT_NE(mosquitto_pub(certified_, trusting(certified(foreign_, message))).status, 0)
        << "signed by others";
    EXPECT_TRUE(eventually([this] {
        return metric("millrace_tls_failures_total{reason=\"no_certificate\"}") == "1" &&
               metric("millrace_tls_failures_total{reason=\"certificate\"}") == "1";
    }));
    EXPECT_THAT(log(), HasSubstr("failed (no_certificate): peer did not return a certificate"));
    EXPECT_THAT(http_get(server_->http_port(), "/v1/channels/known%2Fa/messages").body,
                Not(HasSubstr("\"seq\":3")));
    // The same over https: with the certificate somebody, without it nobody.
    const auto publish = [this](std::vector<std::string> more) {
        std::vector<std::string> argv = {"curl",     "-s",
                                         "-o",       "-",
                                         "--cacert", certificates_.authority(),
                                         "-d",       R"({"channel":"known/a","data":1,"type":"message"})",
                                         "-H",       "Content-Type: application/json"};
        argv.insert(argv.end(), more.begin(), more.end());
        argv.push_back("https://localhost:" + std::to_string(https_) + "/v1/publish");
        return run({.argv = argv}).output;
    };
    EXPECT_THAT(publish(certified(certificates_, {})), HasSubstr("\"seq\":3"));
    EXPECT_THAT(publish({}), HasSubstr("\"status\":4"));
}

TEST_F(TlsTest, MqttJsOverTlsAndSecureWebSocket) {
    for (const std::string& url : {"mqtts://localhost:" + std::to_string(tls_),
                                   "wss://localhost:" + std::to_string(https_) + "/mqtt"}) {
        for (const std::string version : {"4", "5"}) {
            NodeClient client("mqttjs_client.mjs",
                              {"--url", url, "--version", version, "--topic", "js", "--qos", "1"});
            ASSERT_TRUE(client.next("subscribed")) << url << client.process().error_text();
            client.send({{"do", "publish"}, {"topic", "js"}, {"payload", url}, {"qos", 1}});
            const auto message = client.next("message");
            ASSERT_TRUE(message) << url;
            EXPECT_EQ(message->at("payload").as_string(), url);
        }
    }
}

TEST_F(TlsTest, FetchAndWebSocketsOfNode) {
    NodeClient client("https_client.mjs", {"--url", "https://localhost:" + std::to_string(https_)});
    const auto published = client.next("seq");
    ASSERT_TRUE(published) << client.process().error_text();
    EXPECT_EQ(published->as_int64(), 1);
    const auto history = client.next("history");
    ASSERT_TRUE(history);
    EXPECT_EQ(history->as_array().at(0).as_int64(), 300'000);
    const auto frame = client.next("websocket");
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->at("options").at("channel").as_string(), "room");
    EXPECT_TRUE(client.next("closed"));
}

// Bug class 23.
TEST_F(TlsTest, CertificatesAreReloadedAndNobodyIsDropped) {
    MosquittoSub stays(tls_, trusting({"-t", "a"}));
    ASSERT_TRUE(stays.subscribed());
    EXPECT_THAT(shown_certificate(), HasSubstr("CN = localhost"));
    certificates_.issue("server", "renewed");
    server_->reload();
    ASSERT_TRUE(eventually([this] { return shown_certificate().find("CN = renewed") != std::string::npos; }));
    // What cannot be used changes nothing.
    write_file(certificates_.certificate("server"), "nonsense");
    server_->reload();
    ASSERT_TRUE(
        eventually([this] { return log().find("the old configuration stays") != std::string::npos; }));
    EXPECT_THAT(shown_certificate(), HasSubstr("CN = renewed"));
    EXPECT_EQ(mosquitto_pub(tls_, trusting({"-t", "a", "-m", "still here", "-q", "1"})).status, 0);
    EXPECT_EQ(stays.next(), "still here");
}

TEST_F(TlsTest, UnixSocketsForMqttAndHttp) {
    struct stat status {};
    ASSERT_EQ(::stat(socket("mqtt").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    Process subscriber({.argv = {"stdbuf", "-oL", "mosquitto_sub", "-d", "--unix", socket("mqtt"), "-t", "a",
                                 "-F", "message %p"}});
    while (const auto line = subscriber.read_line())
        if (line->starts_with("Subscribed (mid:")) break;
    ASSERT_EQ(run({.argv = {"mosquitto_pub", "--unix", socket("mqtt"), "-t", "a", "-m", "local", "-q", "1"}})
                  .status,
              0);
    std::optional<std::string> line;
    do line = subscriber.read_line();
    while (line && !line->starts_with("message"));
    EXPECT_EQ(line, "message local");
    const Outcome asked =
        run({.argv = {"curl", "-s", "--unix-socket", socket("http"), "http://localhost/healthz"}});
    EXPECT_THAT(asked.output, HasSubstr("\"ok\""));
}

TEST_F(TlsTest, ASocketThatAKilledServerLeftIsReplaced) {
    server_->kill();
    EXPECT_TRUE(std::filesystem::exists(socket("mqtt")));
    server_->start();
    EXPECT_EQ(
        run({.argv = {"mosquitto_pub", "--unix", socket("mqtt"), "-t", "a", "-m", "b", "-q", "1"}}).status,
        0);
    EXPECT_EQ(server_->stop(), 0);
    EXPECT_FALSE(std::filesystem::exists(socket("mqtt")));
    server_->start();
}

// Bug class 22.
TEST_F(TlsTest, ProxiesAreBelievedWhereTheyAreTrusted) {
    const auto answer = [](TcpSocket& socket) {
        socket.receive(Deadline(kPatience));
        return socket.received().empty() ? -1 : static_cast<unsigned char>(socket.received()[0]);
    };
    TcpSocket proxied(proxied_);
    ASSERT_TRUE(
        proxied.send("PROXY TCP4 203.0.113.9 192.0.2.1 51234 1883\r\n" + mqtt_connect(kMqtt5, "proxied")));
    EXPECT_EQ(answer(proxied), 0x20);  // CONNACK
    TcpSocket direct(proxied_);
    ASSERT_TRUE(direct.send(mqtt_connect(kMqtt5, "direct")));
    EXPECT_TRUE(direct.closed_by_peer());
    TcpSocket unasked(server_->mqtt_port());
    ASSERT_TRUE(
        unasked.send("PROXY TCP4 203.0.113.9 192.0.2.1 51234 1883\r\n" + mqtt_connect(kMqtt5, "unasked")));
    EXPECT_TRUE(unasked.closed_by_peer()) << "half a packet, and no CONNECT in time";
    EXPECT_NE(
        run({.argv = {"mosquitto_pub", "-h", "::1", "-p", std::to_string(untrusted_), "-t", "a", "-m", "b"}})
            .status,
        0);
    EXPECT_EQ(metric("millrace_connections_refused_total{reason=\"proxy_header\"}"), "1");
    EXPECT_EQ(metric("millrace_connections_refused_total{reason=\"proxy_untrusted\"}"), "1");
    EXPECT_THAT(log(), HasSubstr("refused: it is not in proxy_protocol.trusted"));
}

TEST_F(TlsTest, ListenersHaveRulesOfTheirOwn) {
    const std::vector<std::string> message = {"-t", "a", "-m", "b", "-q", "1", "-V"};
    const auto publish = [&](std::uint16_t port, const char* version) {
        std::vector<std::string> arguments = message;
        arguments.emplace_back(version);
        return mosquitto_pub(port, arguments).status;
    };
    EXPECT_EQ(publish(only5_, "mqttv5"), 0);
    EXPECT_NE(publish(only5_, "mqttv311"), 0);
    EXPECT_EQ(publish(server_->mqtt_port(), "mqttv311"), 0);
    EXPECT_NE(publish(closed_, "mqttv5"), 0) << "it lets nobody in without credentials";
    EXPECT_EQ(run({.argv = {"mosquitto_pub", "-h", "::1", "-p", std::to_string(v6_), "-t", "a", "-m", "b",
                            "-q", "1"}})
                  .status,
              0);
}

TEST_F(TlsTest, PlainClientsOnATlsPortAreToldApart) {
    TcpSocket plain(tls_);
    ASSERT_TRUE(plain.send(mqtt_connect(kMqtt5, "lost")));
    EXPECT_TRUE(plain.closed_by_peer());
    TcpSocket browser(https_);
    ASSERT_TRUE(browser.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    EXPECT_TRUE(browser.closed_by_peer());
    EXPECT_EQ(metric("millrace_tls_failures_total{reason=\"not_tls\"}"), "2");
    EXPECT_THAT(log(), HasSubstr("failed (not_tls): http request"));
}

}  // namespace
}  // namespace millrace::system_test
