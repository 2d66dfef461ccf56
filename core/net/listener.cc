#include "core/net/listener.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/shard.h"

namespace millrace {
namespace {

using boost::asio::ip::tcp;

constexpr int kAcceptsPerTurn = 64;
constexpr Milliseconds kPauseWhenExhausted{100};

}  // namespace

Listener::Listener(Shard& shard, const std::string& host, std::uint16_t port, Accepted accepted)
    : shard_(shard), accepted_(std::move(accepted)) {
    const std::string where = host + ":" + std::to_string(port);
    try {
        tcp::resolver resolver(shard.context());
        const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive);
        tcp::acceptor acceptor(shard.context());
        const tcp::endpoint endpoint = *found.begin();
        acceptor.open(endpoint.protocol());
        acceptor.set_option(tcp::acceptor::reuse_address(true));
        acceptor.set_option(tcp::no_delay(true));  // what it accepts inherits it
        acceptor.bind(endpoint);
        acceptor.listen(SOMAXCONN);
        acceptor.non_blocking(true);
        port_ = acceptor.local_endpoint().port();
        descriptor_ = acceptor.release();
    } catch (const boost::system::system_error& failure) {
        throw std::runtime_error("cannot listen on " + where + ": " + failure.code().message());
    }
}

Listener::~Listener() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void Listener::start() {
    if (!shard_.poller().add(descriptor_, *this, EPOLLIN)) {
        spdlog::error("cannot watch the listening socket of port {}: {}", port_, std::strerror(errno));
    }
}

void Listener::stop() {
    shard_.timers().cancel(*this);
    if (descriptor_ < 0) return;
    shard_.poller().remove(descriptor_);
    ::close(descriptor_);
    descriptor_ = -1;
}

void Listener::on_ready(std::uint32_t) {
    for (int i = 0; i < kAcceptsPerTurn && descriptor_ >= 0; ++i) {
        const int client = ::accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            accepted_(client);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            // The socket stays readable: looking away for a while beats spinning on it.
            spdlog::warn("cannot accept on port {}: {}; raise the limit of open files", port_,
                         std::strerror(errno));
            shard_.poller().remove(descriptor_);
            shard_.timers().arm_in(*this, kPauseWhenExhausted);
        }
        if (errno != EINTR && errno != ECONNABORTED) return;
    }
}

void Listener::on_timer(TimePoint) {
    start();
}

}  // namespace millrace
