// A plain TCP connection to the server, and addresses for it to listen on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/system/support/wait.h"

namespace millrace::system_test {

/// A port on 127.0.0.1 that nobody listens on, outside the range the kernel gives to outgoing connections.
std::uint16_t free_port();

/// A connected socket with everything that has been read and not yet taken. Belongs to one thread; closed
/// with its owner.
class TcpSocket {
  public:
    explicit TcpSocket(std::uint16_t port);
    ~TcpSocket();
    TcpSocket(TcpSocket&& other) noexcept;
    TcpSocket& operator=(TcpSocket&&) = delete;

    /// False when the other side does not take it all.
    bool send(std::string_view bytes);
    /// Waits for more bytes and adds them to received(). False: the deadline passed or the peer closed.
    bool receive(const Deadline& deadline);
    std::string_view received() const { return std::string_view(buffer_).substr(taken_); }
    void take(std::size_t count) { taken_ += count; }
    /// Whether the peer closes within that time, whatever it sends before.
    bool closed_by_peer(Clock::duration patience = kPatience);
    bool is_closed() const { return closed_; }
    /// Says that nothing more will be sent.
    void finish();
    /// Sends a reset instead of an orderly end.
    void reset();

  private:
    int fd_ = -1;
    bool closed_ = false;
    std::string buffer_;
    std::size_t taken_ = 0;
};

}  // namespace millrace::system_test
