#include "core/net/outbox.h"

#include <array>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace {
namespace {

class OutboxTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()), 0);
        const int small = 4096;
        ::setsockopt(ends_[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    }
    void TearDown() override {
        for (const int end : ends_) ::close(end);
    }

    std::string receive(std::size_t at_most = std::size_t(1) << 20) {
        std::string text(at_most, '\0');
        const ssize_t size = ::recv(ends_[1], text.data(), text.size(), 0);
        text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return text;
    }

    /// Flushes and reads in turn until the outbox is empty.
    std::string drain(Outbox& outbox) {
        std::string all;
        for (;;) {
            const Outbox::Flush result = outbox.flush(ends_[0]);
            EXPECT_NE(result, Outbox::Flush::failed);
            for (std::string piece = receive(); !piece.empty(); piece = receive()) all += piece;
            if (result == Outbox::Flush::done) return all;
        }
    }

    static MessagePtr message_of(const std::string& payload) {
        return Message::create({.channel = "c", .payload = as_bytes(payload)});
    }

    std::array<int, 2> ends_{};
    BufferPool pool_;
};

TEST_F(OutboxTest, SendsWhatWasAppendedInOrder) {
    Outbox outbox(pool_);
    outbox.append(as_bytes("one "));
    outbox.append(as_bytes("two"));
    EXPECT_EQ(outbox.bytes(), 7U);
    EXPECT_EQ(drain(outbox), "one two");
    EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, ReferencesLargePayloadsAndLetsThemGo) {
    Outbox outbox(pool_);
    const std::string large(100'000, 'x');
    MessagePtr message = message_of(large);
    outbox.append(as_bytes("<"));
    outbox.append_shared(message, message->payload());
    outbox.append(as_bytes(">"));
    EXPECT_EQ(outbox.bytes(), large.size() + 2);
    EXPECT_EQ(drain(outbox), "<" + large + ">");
}

TEST_F(OutboxTest, ABlockedSocketLosesNothing) {
    std::mt19937 random(11);
    std::uniform_int_distribution<int> what(0, 9);
    std::uniform_int_distribution<std::size_t> length(1, 9000);
    Outbox outbox(pool_);
    std::string expected;
    std::string received;
    for (int i = 0; i < 3000; ++i) {
        const std::string piece(length(random), static_cast<char>('a' + i % 26));
        if (piece.size() > Outbox::kShareAtLeast) {
            const MessagePtr message = message_of(piece);
            outbox.append_shared(message, message->payload());
        } else {
            outbox.append(as_bytes(piece));
        }
        expected += piece;
        if (what(random) < 4) {
            ASSERT_NE(outbox.flush(ends_[0]), Outbox::Flush::failed);
        }
        if (what(random) < 4) received += receive(length(random));
        ASSERT_LE(received.size() + outbox.bytes(), expected.size());
    }
    received += drain(outbox);
    EXPECT_TRUE(received == expected);
    EXPECT_EQ(outbox.bytes(), 0U);
}

TEST_F(OutboxTest, MoreSegmentsThanOneCallTakes) {
    Outbox outbox(pool_);
    std::string expected;
    for (int i = 0; i < 200; ++i) {
        const std::string piece(5000, static_cast<char>('A' + i % 50));
        const MessagePtr message = message_of(piece);
        outbox.append_shared(message, message->payload());
        outbox.append(as_bytes("|"));
        expected += piece + "|";
    }
    EXPECT_TRUE(drain(outbox) == expected);
}

TEST_F(OutboxTest, SpliceMovesEverythingBehind) {
    Outbox outer(pool_);
    Outbox inner(pool_);
    const MessagePtr message = message_of(std::string(6000, 'm'));
    outer.append(as_bytes("head "));
    inner.append(as_bytes("body "));
    inner.append_shared(message, message->payload());
    inner.append(as_bytes(" tail"));
    outer.splice(inner);
    EXPECT_TRUE(inner.empty());
    outer.append(as_bytes(" end"));
    inner.append(as_bytes("again"));
    EXPECT_EQ(drain(outer), "head body " + std::string(6000, 'm') + " tail end");
    outer.splice(inner);
    EXPECT_EQ(drain(outer), "again");
}

TEST_F(OutboxTest, AGonePeerIsAFailure) {
    Outbox outbox(pool_);
    ::close(ends_[1]);
    ends_[1] = ::dup(ends_[0]);
    outbox.append(as_bytes("x"));
    EXPECT_EQ(outbox.flush(ends_[0]), Outbox::Flush::failed);
}

}  // namespace
}  // namespace millrace
