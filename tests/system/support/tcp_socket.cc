#include "tests/system/support/tcp_socket.h"

#include <arpa/inet.h>
#include <array>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <random>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace millrace::system_test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool can_bind(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return free;
}

}  // namespace

std::uint16_t free_port() {
    static std::mt19937 random{std::random_device{}()};
    std::uniform_int_distribution<std::uint16_t> ports(12000, 32000);
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const std::uint16_t port = ports(random);
        if (can_bind(port)) return port;
    }
    throw std::runtime_error("no free port");
}

TcpSocket::TcpSocket(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = loopback(port);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd_);
        throw std::runtime_error("nobody listens on port " + std::to_string(port));
    }
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

TcpSocket::TcpSocket(TcpSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      closed_(other.closed_),
      buffer_(std::move(other.buffer_)),
      taken_(std::exchange(other.taken_, 0)) {}

TcpSocket::~TcpSocket() {
    if (fd_ >= 0) ::close(fd_);
}

bool TcpSocket::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool TcpSocket::receive(const Deadline& deadline) {
    if (closed_) return false;
    pollfd readable{fd_, POLLIN, 0};
    if (poll(&readable, 1, deadline.left_ms()) <= 0) return false;
    std::array<char, 65536> chunk;
    const ssize_t got = recv(fd_, chunk.data(), chunk.size(), 0);
    buffer_.erase(0, std::exchange(taken_, 0));
    if (got > 0) buffer_.append(chunk.data(), static_cast<std::size_t>(got));
    closed_ = got == 0 || (got < 0 && errno != EINTR);
    return got > 0;
}

bool TcpSocket::closed_by_peer(Clock::duration patience) {
    const Deadline deadline(patience);
    while (receive(deadline)) {
    }
    return closed_;
}

void TcpSocket::finish() {
    ::shutdown(fd_, SHUT_WR);
}

void TcpSocket::reset() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(std::exchange(fd_, -1));
    closed_ = true;
}

}  // namespace millrace::system_test
