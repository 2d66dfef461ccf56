// A shard turned by hand, and sockets to its connections.
#pragma once

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/connection.h"
#include "core/shard.h"

namespace millrace::testing {

/// The test's end of a connection: a non-blocking socket.
class Peer {
  public:
    explicit Peer(int descriptor) : descriptor_(descriptor) {}
    Peer(Peer&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)), received_(other.received_) {}
    ~Peer() { close(); }

    void send(std::string_view bytes) const {
        ASSERT_EQ(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    /// Everything that has arrived so far and was not taken yet.
    std::string& received() {
        std::array<char, 65536> buffer;
        for (;;) {
            const ssize_t size = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
            if (size == 0) closed_ = true;
            if (size < 0 && errno != EAGAIN) closed_ = true;
            if (size <= 0) return received_;
            received_.append(buffer.data(), static_cast<std::size_t>(size));
        }
    }
    std::string take() { return std::exchange(received(), {}); }
    /// Whether the server has closed its end.
    bool closed_by_server() {
        received();
        return closed_;
    }
    void close() {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = -1;
    }
    int descriptor() const { return descriptor_; }

  private:
    int descriptor_;
    bool closed_ = false;
    std::string received_;
};

/// Owns one shard that the test's thread turns; time passes only as it really does.
class ShardFixture : public ::testing::Test {
  protected:
    Shard shard_{0};

    /// A connection of `shard` that speaks what `make` returns.
    Peer connect(Shard& shard, const std::function<std::unique_ptr<Protocol>(Connection&)>& make) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
        Connection& connection = shard.connections().adopt(ends[0]);
        connection.start(make(connection));
        return Peer(ends[1]);
    }

    /// Turns the shard until `done`, at most five seconds.
    static bool turn_until(Shard& shard, const std::function<bool()>& done) {
        const TimePoint end = steady_now() + Milliseconds{5000};
        while (!done()) {
            if (steady_now() > end) return false;
            shard.turn(Milliseconds{5});
        }
        return true;
    }
    bool turn_until(const std::function<bool()>& done) { return turn_until(shard_, done); }
};

}  // namespace millrace::testing
