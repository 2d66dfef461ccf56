// Connections with TLS below their protocol, over real sockets.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "core/net/connection.h"
#include "core/net/tls_stream.h"
#include "tests/support/certificates.h"
#include "tests/support/shard_fixture.h"
#include "tests/support/tls_client.h"

namespace millrace {
namespace {

using testing::Peer;
using testing::TlsClient;

const testing::Certificates& certificates() {
    static const testing::Certificates made;
    static const bool issued = (made.issue("server", "millrace.test"), true);
    EXPECT_TRUE(issued);
    return made;
}

/// Sends everything back; "quit" ends the connection, "hold" pauses it.
class Echo final : public Protocol {
  public:
    struct Record {
        std::string heard;
        int drained = 0;
        int closed = 0;
    };
    Echo(Connection& connection, Record& record) : connection_(connection), record_(record) {}

    std::size_t on_bytes(ByteView bytes) override {
        record_.heard.append(as_text(bytes));
        connection_.out().append(bytes);
        connection_.wake();
        if (as_text(bytes) == "quit") connection_.close_after_flush();
        if (as_text(bytes) == "drop") connection_.close();
        if (as_text(bytes) == "hold") connection_.pause();
        return bytes.size();
    }
    void on_closed(error_code) override { ++record_.closed; }
    void on_deadline(TimePoint) override {}
    void on_drained() override { ++record_.drained; }
    void on_shutdown() override { connection_.close_after_flush(); }

  private:
    Connection& connection_;
    Record& record_;
};

class ConnectionTlsTest : public testing::ShardFixture, public ::testing::WithParamInterface<int> {
  protected:
    void SetUp() override {
        peer_.emplace(connect(shard_, [this](Connection& connection) {
            connection_ = &connection;
            connection.secure(std::make_unique<tls::Stream>(context_, shard_.buffers(), "mqtt",
                                                            tls::ClientCertificate::none));
            return std::make_unique<Echo>(connection, record_);
        }));
        client_.emplace(
            testing::TlsClientOptions{.authority = certificates().authority(), .version = GetParam()});
    }
    /// Turns the shard and carries the client's bytes, `piece` at a time, until `done`.
    bool carry_until(const std::function<bool()>& done, std::size_t piece = SIZE_MAX) {
        return turn_until([&] {
            pending_ += client_->take_sealed();
            const std::size_t size = std::min(piece, pending_.size());
            const ssize_t sent = ::send(peer_->descriptor(), pending_.data(), size, MSG_NOSIGNAL);
            if (sent > 0) pending_.erase(0, static_cast<std::size_t>(sent));
            client_->receive(peer_->take());
            return done();
        });
    }
    bool handshake() {
        return carry_until(
            [this] { return client_->established() && connection_->secured()->established(); });
    }

    tls::Context context_{tls::Files{certificates().certificate("server"), certificates().key("server"), {}}};
    Echo::Record record_;
    Connection* connection_ = nullptr;
    std::optional<Peer> peer_;
    std::optional<TlsClient> client_;
    std::string pending_;
};

INSTANTIATE_TEST_SUITE_P(Versions, ConnectionTlsTest, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& test) { return test.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

TEST_P(ConnectionTlsTest, CarriesBothWaysByteByByte) {
    client_->send("");
    ASSERT_TRUE(carry_until([this] { return client_->established(); }, 1));
    client_->send("to and fro");
    ASSERT_TRUE(carry_until([this] { return client_->plain() == "to and fro"; }, 1));
    EXPECT_EQ(shard_.counters().tls_handshakes.value(), 1U);
    EXPECT_GE(record_.drained, 1);
}

TEST_P(ConnectionTlsTest, BigMessagesPassASmallSocket) {
    const int small = 4096;
    ::setsockopt(connection_->descriptor(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    ASSERT_TRUE(handshake());
    std::string big;
    for (int i = 0; i < 300'000; ++i) big += static_cast<char>('a' + i * 7 % 26);
    client_->send(big);
    ASSERT_TRUE(carry_until([&] { return client_->plain().size() == big.size(); }));
    EXPECT_TRUE(client_->plain() == big);
    EXPECT_TRUE(record_.heard == big);
    EXPECT_TRUE(connection_->out().empty());
    EXPECT_GE(record_.drained, 1);
}

TEST_P(ConnectionTlsTest, WhatWasWrittenWhileThePeerDidNotReadIsSentBeforeTheEnd) {
    ASSERT_TRUE(handshake());
    const std::string much(3'000'000, 'm');
    connection_->out().append(as_bytes(much));
    connection_->close_after_flush();
    for (int i = 0; i < 5; ++i) shard_.turn(Milliseconds{1});
    EXPECT_FALSE(connection_->out().empty());
    ASSERT_TRUE(carry_until([this] { return client_->ended(); }));
    EXPECT_TRUE(client_->plain() == much);
    EXPECT_FALSE(client_->failed());
}

TEST_P(ConnectionTlsTest, PausedReadsNothingUntilResumed) {
    ASSERT_TRUE(handshake());
    client_->send("hold");
    ASSERT_TRUE(carry_until([this] { return client_->plain() == "hold"; }));
    client_->send("later");
    peer_->send(client_->take_sealed());
    for (int i = 0; i < 5; ++i) shard_.turn(Milliseconds{1});
    EXPECT_EQ(record_.heard, "hold");
    connection_->resume();
    ASSERT_TRUE(carry_until([this] { return client_->plain() == "holdlater"; }));
}

TEST_P(ConnectionTlsTest, ClosingSaysSo) {
    for (const char* word : {"quit", "drop"}) {
        SetUp();
        ASSERT_TRUE(handshake());
        client_->send(word);
        ASSERT_TRUE(carry_until([this] { return client_->ended(); })) << word;
        EXPECT_FALSE(client_->failed());
        peer_->close();
        const int before = record_.closed;
        ASSERT_TRUE(turn_until([&] { return record_.closed > before || shard_.connections().size() <= 1; }));
    }
}

TEST_P(ConnectionTlsTest, APeerThatSaysGoodbyeIsAnsweredAndGone) {
    ASSERT_TRUE(handshake());
    client_->send("last");
    client_->say_goodbye();
    ASSERT_TRUE(carry_until([this] { return client_->ended(); }));
    EXPECT_EQ(client_->plain(), "last");
    peer_->close();
    ASSERT_TRUE(turn_until([this] { return record_.closed == 1; }));
}

TEST_P(ConnectionTlsTest, FailuresAreCountedAndTheProtocolHearsNothing) {
    peer_->send("GET / HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(turn_until([this] { return peer_->closed_by_server(); }));
    EXPECT_EQ(shard_.counters().tls_failed_not_tls.value(), 1U);
    peer_->close();
    ASSERT_TRUE(turn_until([this] { return record_.closed == 1; }));
    EXPECT_EQ(record_.heard, "");
}

TEST_P(ConnectionTlsTest, APeerThatLeavesDuringTheHandshakeIsCounted) {
    peer_->send(client_->take_sealed().substr(0, 40));
    peer_->close();
    ASSERT_TRUE(turn_until([this] { return record_.closed == 1; }));
    EXPECT_EQ(shard_.counters().tls_failed_cut_off.value(), 1U);
    EXPECT_EQ(shard_.counters().tls_handshakes.value(), 0U);
}

TEST_P(ConnectionTlsTest, APeerThatLeavesWithoutAWordIsNoFailure) {
    peer_->close();
    ASSERT_TRUE(turn_until([this] { return record_.closed == 1; }));
    EXPECT_EQ(shard_.counters().tls_failed_cut_off.value(), 0U);
}

TEST_P(ConnectionTlsTest, ShutDownDuringTheHandshakeEnds) {
    peer_->send(client_->take_sealed().substr(0, 40));
    shard_.turn(Milliseconds{1});
    shard_.connections().shut_down();
    ASSERT_TRUE(turn_until([this] { return peer_->closed_by_server(); }));
    peer_->close();
    ASSERT_TRUE(turn_until([this] { return record_.closed == 1; }));
}

}  // namespace
}  // namespace millrace
