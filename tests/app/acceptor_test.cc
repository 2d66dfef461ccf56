// From a listening socket to a connection: TCP, IPv6, Unix sockets, PROXY headers and limits by address.
#include "app/acceptor.h"

#include <arpa/inet.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "app/entrance.h"
#include "core/net/connection.h"
#include "tests/support/shard_fixture.h"

namespace millrace::app {
namespace {

using testing::Peer;

/// Answers every line with where it came from.
class WhoAmI final : public Protocol {
  public:
    explicit WhoAmI(Connection& connection) : connection_(connection) {}
    std::size_t on_bytes(ByteView bytes) override {
        if (as_text(bytes).find('\n') == std::string_view::npos) return 0;
        const std::string answer = connection_.peer() +
                                   (connection_.peer_is_loopback() ? " loopback " : " ") +
                                   std::to_string(connection_.listener());
        connection_.out().append(as_bytes(answer));
        connection_.wake();
        return bytes.size();
    }
    void on_closed(error_code) override {}
    void on_deadline(TimePoint) override {}
    void on_shutdown() override {}

  private:
    Connection& connection_;
};

Peer connect_to(const sockaddr* address, socklen_t size) {
    const int client = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(client, address, size), 0) << std::strerror(errno);
    EXPECT_EQ(::fcntl(client, F_SETFL, O_NONBLOCK), 0);
    return Peer(client);
}

Peer connect_v4(std::uint16_t port) {
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Peer connect_v6(std::uint16_t port) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    address.sin6_addr = in6addr_loopback;
    return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Peer connect_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

class AcceptorTest : public testing::ShardFixture {
  protected:
    void TearDown() override {
        if (acceptor_) acceptor_->stop();
        acceptor_.reset();
        std::filesystem::remove_all(path_);
    }
    void listen(Acceptor::Options options, const config::Limits& limits = {}) {
        config::Config config;
        config.limits = limits;
        config.proxy_protocol.trusted = {"127.0.0.0/8"};
        entrance_ = make_entrance(config, {&shard_});
        if (entrance_->admission.counts_open()) tell_departures({&shard_}, entrance_->admission);
        acceptor_ = std::make_unique<Acceptor>(
            shard_, *entrance_, std::move(options), nullptr,
            [](Connection& connection) { return std::make_unique<WhoAmI>(connection); });
        acceptor_->start();
    }
    std::string answer(Peer& peer) {
        turn_until([&] { return !peer.received().empty() || peer.closed_by_server(); });
        return peer.take();
    }
    std::string ask(Peer& peer) {
        peer.send("who\n");
        return answer(peer);
    }
    bool closes(Peer& peer) {
        return turn_until([&] { return peer.closed_by_server(); });
    }

    std::string path_ = "/tmp/millrace-acceptor-" + std::to_string(::getpid());
    std::unique_ptr<Entrance> entrance_;
    std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, TcpOnBothFamilies) {
    listen({.endpoint = {.host = "127.0.0.1"}, .index = 3});
    Peer v4 = connect_v4(acceptor_->port());
    EXPECT_TRUE(ask(v4).ends_with(" loopback 3"));
    TearDown();
    listen({.endpoint = {.host = "::1"}});
    Peer v6 = connect_v6(acceptor_->port());
    const std::string who = ask(v6);
    EXPECT_TRUE(who.starts_with("[::1]:") && who.ends_with(" loopback 0")) << who;
}

TEST_F(AcceptorTest, AnyIpv6AddressTakesIpv4TooUnlessAnotherListenerHasIt) {
    listen({.endpoint = {.host = "::"}});
    Peer mapped = connect_v4(acceptor_->port());
    EXPECT_TRUE(ask(mapped).starts_with("127.0.0.1:"));
    std::vector<config::Listener> both(2);
    both[0].host = "0.0.0.0";
    both[1].host = "::";
    EXPECT_TRUE(acceptor_options(both, 1).endpoint.only_ipv6);
    both[0].port = 1;
    EXPECT_FALSE(acceptor_options(both, 1).endpoint.only_ipv6);
}

TEST_F(AcceptorTest, UnixSocketsHaveAModeAndLeaveNothing) {
    listen({.endpoint = {.path = path_, .mode = 0600}});
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    Peer peer = connect_unix(path_);
    EXPECT_EQ(ask(peer), "local loopback 0");
    acceptor_->stop();
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(AcceptorTest, AStaleSocketIsReplacedAndNothingElse) {
    const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(stale);
    listen({.endpoint = {.path = path_}});
    Peer peer = connect_unix(path_);
    EXPECT_EQ(ask(peer), "local loopback 0");
    EXPECT_THROW(Acceptor(shard_, *entrance_, {.endpoint = {.path = path_}}, nullptr, nullptr),
                 std::runtime_error)
        << "it is in use";
    EXPECT_TRUE(std::filesystem::exists(path_));
    acceptor_->stop();
    std::filesystem::create_directory(path_);
    EXPECT_THROW(Acceptor(shard_, *entrance_, {.endpoint = {.path = path_}}, nullptr, nullptr),
                 std::runtime_error);
    EXPECT_TRUE(std::filesystem::is_directory(path_));
}

TEST_F(AcceptorTest, TheProxysWordIsTakenForTheClientsAddress) {
    listen({.endpoint = {.host = "127.0.0.1"}, .behind_proxy = true});
    Peer whole = connect_v4(acceptor_->port());
    whole.send("PROXY TCP4 203.0.113.9 192.0.2.1 51234 1883\r\nwho\n");
    EXPECT_EQ(answer(whole), "203.0.113.9:51234 0");
    Peer cut = connect_v4(acceptor_->port());
    for (const char c : std::string_view("PROXY TCP6 2001:db8::1 ::1 51234 1883\r\nwho\n")) {
        cut.send({&c, 1});
        shard_.turn(Milliseconds{1});
    }
    EXPECT_EQ(answer(cut), "[2001:db8::1]:51234 0");
    Peer local = connect_v4(acceptor_->port());
    local.send(std::string_view("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0who\n", 20));
    EXPECT_TRUE(answer(local).ends_with(" loopback 0"));
    Peer unknown = connect_v4(acceptor_->port());
    unknown.send("PROXY UNKNOWN\r\nwho\n");
    EXPECT_EQ(answer(unknown), "unknown 0");
    // What comes later in the slot of a forwarded connection has its own address.
    whole.close();
    ASSERT_TRUE(turn_until([this] { return shard_.connections().size() == 3; }));
    Peer next = connect_v4(acceptor_->port());
    next.send("PROXY TCP4 203.0.113.10 192.0.2.1 1 1883\r\nwho\n");
    EXPECT_EQ(answer(next), "203.0.113.10:1 0");
}

TEST_F(AcceptorTest, WithoutAProperHeaderNobodyComesIn) {
    config::Limits limits;
    limits.connect_timeout = Milliseconds{100};
    listen({.endpoint = {.host = "127.0.0.1"}, .behind_proxy = true}, limits);
    Peer none = connect_v4(acceptor_->port());
    none.send("who\n");
    EXPECT_TRUE(closes(none));
    Peer silent = connect_v4(acceptor_->port());
    silent.send("PROXY TCP4 ");
    EXPECT_TRUE(closes(silent)) << "it took too long";
    Peer gone = connect_v4(acceptor_->port());
    gone.send("PROXY");
    gone.close();
    EXPECT_TRUE(turn_until([this] { return shard_.counters().refused_proxy_header.value() == 3; }));
    EXPECT_EQ(shard_.counters().connections_total.value(), 0U);
}

// Bug class 22.
TEST_F(AcceptorTest, WhoIsNoProxyIsRefusedThere) {
    listen({.endpoint = {.host = "::1"}, .behind_proxy = true});
    Peer stranger = connect_v6(acceptor_->port());
    EXPECT_TRUE(closes(stranger));
    EXPECT_EQ(shard_.counters().refused_proxy_untrusted.value(), 1U);
}

TEST_F(AcceptorTest, LimitsLookAtTheRealClient) {
    config::Limits limits;
    limits.connections_per_address = 1;
    listen({.endpoint = {.host = "127.0.0.1"}, .behind_proxy = true}, limits);
    const std::string first = "PROXY TCP4 203.0.113.9 192.0.2.1 1 1\r\nwho\n";
    const std::string other = "PROXY TCP4 203.0.113.10 192.0.2.1 1 1\r\nwho\n";
    Peer one = connect_v4(acceptor_->port());
    one.send(first);
    EXPECT_EQ(answer(one), "203.0.113.9:1 0");
    Peer two = connect_v4(acceptor_->port());
    two.send(first);
    EXPECT_TRUE(closes(two));
    EXPECT_EQ(shard_.counters().refused_address.value(), 1U);
    Peer three = connect_v4(acceptor_->port());
    three.send(other);
    EXPECT_EQ(answer(three), "203.0.113.10:1 0");
    one.close();
    ASSERT_TRUE(turn_until([this] { return shard_.connections().size() == 1; }));
    shard_.turn(Milliseconds{1});
    Peer four = connect_v4(acceptor_->port());
    four.send(first);
    EXPECT_EQ(answer(four), "203.0.113.9:1 0");
}

// Bug class 24.
TEST_F(AcceptorTest, ConnectionsInAllAndTheRateAreLimited) {
    config::Limits limits;
    limits.connections = 1;
    listen({.endpoint = {.host = "127.0.0.1"}}, limits);
    Peer one = connect_v4(acceptor_->port());
    EXPECT_NE(ask(one), "");
    Peer two = connect_v4(acceptor_->port());
    EXPECT_TRUE(closes(two));
    EXPECT_EQ(shard_.counters().refused_connections.value(), 1U);
    TearDown();
    limits = {};
    limits.connect_rate = 1;
    listen({.endpoint = {.host = "127.0.0.1"}}, limits);
    Peer three = connect_v4(acceptor_->port());
    EXPECT_NE(ask(three), "");
    Peer four = connect_v4(acceptor_->port());
    EXPECT_TRUE(closes(four));
    EXPECT_EQ(shard_.counters().refused_connect_rate.value(), 1U);
}

}  // namespace
}  // namespace millrace::app
