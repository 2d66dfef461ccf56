#include "core/net/connection.h"

#include <algorithm>
#include <string>

#include "tests/support/shard_fixture.h"

namespace millrace {
namespace {

using testing::Peer;
using testing::ShardFixture;

/// Consumes whole lines, and does what a line says.
class LineProtocol final : public Protocol {
  public:
    struct Record {
        std::vector<std::string> lines;
        std::vector<std::string> offered;
        int closed = 0;
        int drained = 0;
        int deadlines = 0;
        int shutdowns = 0;
        error_code reason;
    };
    LineProtocol(Connection& connection, Record& record, std::string greeting = {})
        : connection_(connection), record_(record) {
        if (greeting.empty()) return;
        connection_.out().append(as_bytes(greeting));
        connection_.wake();
    }

    std::size_t on_bytes(ByteView bytes) override {
        record_.offered.emplace_back(as_text(bytes));
        std::size_t consumed = 0;
        std::string_view text = as_text(bytes);
        while (!upgraded_ && !held_) {
            const std::size_t end = text.find('\n');
            if (end == std::string_view::npos) break;
            act(std::string(text.substr(0, end)));
            consumed += end + 1;
            text.remove_prefix(end + 1);
        }
        held_ = false;
        return consumed;
    }
    void on_closed(error_code reason) override {
        ++record_.closed;
        record_.reason = reason;
    }
    void on_deadline(TimePoint) override { ++record_.deadlines; }
    void on_drained() override { ++record_.drained; }
    void on_shutdown() override {
        ++record_.shutdowns;
        connection_.out().append(as_bytes("bye"));
        connection_.close_after_flush();
    }

    static inline Record* upgraded_record = nullptr;

  private:
    void act(const std::string& line) {
        record_.lines.push_back(line);
        if (line == "close") connection_.close();
        if (line == "hold") {
            held_ = true;
            connection_.pause();
        }
        if (line == "deadline") connection_.set_deadline(Milliseconds{20});
        if (line == "upgrade") {
            upgraded_ = true;
            connection_.upgrade(std::make_unique<LineProtocol>(connection_, *upgraded_record, "upgraded\n"));
        }
        if (line.starts_with("say ")) {
            connection_.out().append(as_bytes(line.substr(4)));
            connection_.wake();
        }
        if (line == "quit") {
            connection_.out().append(as_bytes("done"));
            connection_.close_after_flush();
        }
    }

    Connection& connection_;
    Record& record_;
    bool held_ = false;
    bool upgraded_ = false;
};

class ConnectionTest : public ShardFixture {
  protected:
    Peer line_peer() {
        return connect(shard_, [this](Connection& connection) {
            connection_ = &connection;
            return std::make_unique<LineProtocol>(connection, record_);
        });
    }

    LineProtocol::Record record_;
    Connection* connection_ = nullptr;
};

TEST_F(ConnectionTest, KeepsAnUnfinishedLineAndOffersItAgain) {
    Peer peer = line_peer();
    peer.send("first\nsec");
    ASSERT_TRUE(turn_until([&] { return record_.lines.size() == 1; }));
    peer.send("ond\n");
    ASSERT_TRUE(turn_until([&] { return record_.lines.size() == 2; }));
    EXPECT_EQ(record_.lines[1], "second");
    EXPECT_EQ(record_.offered.back(), "second\n");
}

TEST_F(ConnectionTest, AnswersOfOneTurnLeaveInOneWrite) {
    Peer peer = line_peer();
    peer.send("say a\nsay b\nsay c\n");
    ASSERT_TRUE(turn_until([&] { return peer.received() == "abc"; }));
    EXPECT_EQ(record_.drained, 1);
    EXPECT_EQ(shard_.counters().bytes_out.value(), 3U);
    EXPECT_EQ(shard_.counters().bytes_in.value(), 18U);
}

TEST_F(ConnectionTest, UpgradeHandsTheRestToTheNextProtocol) {
    LineProtocol::Record after;
    LineProtocol::upgraded_record = &after;
    Peer peer = line_peer();
    peer.send("one\nupgrade\ntwo\nthree");
    ASSERT_TRUE(turn_until([&] { return peer.received() == "upgraded\n"; }));
    EXPECT_EQ(record_.lines, (std::vector<std::string>{"one", "upgrade"}));
    peer.send("\n");
    ASSERT_TRUE(turn_until([&] { return after.lines.size() == 2; }));
    EXPECT_EQ(after.lines, (std::vector<std::string>{"two", "three"}));
    peer.close();
    ASSERT_TRUE(turn_until([&] { return after.closed == 1; }));
    EXPECT_EQ(record_.closed, 0);
}

TEST_F(ConnectionTest, PausedReadsNothingUntilResumed) {
    Peer peer = line_peer();
    peer.send("hold\nkept\n");
    ASSERT_TRUE(turn_until([&] { return record_.lines.size() == 1; }));
    peer.send("later\n");
    for (int i = 0; i < 5; ++i) shard_.turn(Milliseconds{1});
    EXPECT_EQ(record_.lines.size(), 1U);
    connection_->resume();
    ASSERT_TRUE(turn_until([&] { return record_.lines.size() == 3; }));
    EXPECT_EQ(record_.lines, (std::vector<std::string>{"hold", "kept", "later"}));
}

TEST_F(ConnectionTest, CloseInsideOnBytesEndsItOnce) {
    Peer peer = line_peer();
    const ConnectionId id = connection_->id();
    peer.send("close\nnever\n");
    ASSERT_TRUE(turn_until([&] { return record_.closed == 1; }));
    EXPECT_FALSE(record_.reason);
    EXPECT_EQ(shard_.connections().find(id), nullptr);
    EXPECT_EQ(shard_.connections().size(), 0U);
    EXPECT_EQ(shard_.counters().connections.value(), 0U);
    EXPECT_TRUE(peer.closed_by_server());
}

TEST_F(ConnectionTest, ClosesAfterTheLastWordWasSent) {
    Peer peer = line_peer();
    peer.send("quit\nand much that nobody reads");
    ASSERT_TRUE(turn_until([&] { return peer.closed_by_server(); }));
    EXPECT_EQ(peer.received(), "done");
    peer.close();
    ASSERT_TRUE(turn_until([&] { return record_.closed == 1; }));
}

TEST_F(ConnectionTest, APeerThatGoesAwayIsNoticed) {
    Peer peer = line_peer();
    peer.send("last\n");
    peer.close();
    ASSERT_TRUE(turn_until([&] { return record_.closed == 1; }));
    EXPECT_EQ(record_.lines.size(), 1U);
    EXPECT_EQ(record_.reason, make_error_code(Errc::closed));
}

TEST_F(ConnectionTest, APeerThatOnlyStopsSendingStillGetsItsAnswer) {
    Peer peer = line_peer();
    peer.send("say answer\n");
    ::shutdown(peer.descriptor(), SHUT_WR);
    ASSERT_TRUE(turn_until([&] { return record_.closed == 1; }));
    EXPECT_EQ(peer.received(), "answer");
}

TEST_F(ConnectionTest, DeadlinesReachTheProtocol) {
    Peer peer = line_peer();
    peer.send("deadline\n");
    ASSERT_TRUE(turn_until([&] { return record_.deadlines == 1; }));
    peer.send("deadline\n");
    ASSERT_TRUE(turn_until([&] { return record_.lines.size() == 2; }));
    connection_->clear_deadline();
    EXPECT_EQ(record_.deadlines, 1);
}

TEST_F(ConnectionTest, AStaleIdFindsNothingThoughItsSlotIsTakenAgain) {
    Peer first = line_peer();
    const ConnectionId old = connection_->id();
    first.send("close\n");
    ASSERT_TRUE(turn_until([&] { return record_.closed == 1; }));
    Peer second = line_peer();
    EXPECT_EQ(connection_->id().slot, old.slot);
    EXPECT_EQ(shard_.connections().find(old), nullptr);
    EXPECT_EQ(shard_.connections().find(connection_->id()), connection_);
}

TEST_F(ConnectionTest, AReaderThatStopsKeepsItsBytesAndGetsThemLater) {
    Peer peer = line_peer();
    std::string expected;
    for (int i = 0; i < 2000; ++i) {
        const std::string text(1000, static_cast<char>('a' + i % 26));
        connection_->out().append(as_bytes(text));
        expected += text;
    }
    connection_->wake();
    for (int i = 0; i < 5; ++i) shard_.turn(Milliseconds{1});
    EXPECT_FALSE(connection_->out().empty());
    ASSERT_TRUE(turn_until([&] { return peer.received().size() == expected.size(); }));
    EXPECT_TRUE(peer.received() == expected);
    EXPECT_TRUE(connection_->out().empty());
}

TEST_F(ConnectionTest, ShutDownLetsEveryProtocolSayGoodbye) {
    Peer first = line_peer();
    Peer second = line_peer();
    shard_.connections().shut_down();
    ASSERT_TRUE(turn_until([&] { return first.closed_by_server() && second.closed_by_server(); }));
    EXPECT_EQ(first.received(), "bye");
    EXPECT_EQ(record_.shutdowns, 2);
}

}  // namespace
}  // namespace millrace
