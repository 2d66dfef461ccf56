#include "core/net/listener.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <cstring>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/result.h"
#include "core/shard.h"

namespace millrace {
namespace {

using boost::asio::ip::tcp;
using local = boost::asio::local::stream_protocol;

constexpr int kAcceptsPerTurn = 64;
constexpr Milliseconds kPauseWhenExhausted{100};

boost::system::system_error last_error() {
    return boost::system::system_error(errno, boost::system::system_category());
}

/// Removes the socket that a server left behind which did not end in order. One that is in use stays, and
/// whatever is no socket.
void remove_stale(boost::asio::io_context& context, const local::endpoint& address) {
    local::socket probe(context);
    error_code failure;
    probe.connect(address, failure);
    if (!failure) throw boost::system::system_error(boost::asio::error::address_in_use);
    struct stat status {};
    const std::string path = address.path();
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
    if (failure == boost::asio::error::connection_refused && ::unlink(path.c_str()) != 0) throw last_error();
}

}  // namespace

Listener::Listener(Shard& shard, Endpoint endpoint, Accepted accepted)
    : shard_(shard), accepted_(std::move(accepted)), endpoint_(std::move(endpoint)) {
    try {
        endpoint_.path.empty() ? bind_tcp() : bind_unix();
    } catch (const boost::system::system_error& failure) {
        throw std::runtime_error("cannot listen on " + endpoint_.text() + ": " + failure.code().message());
    }
}

Listener::~Listener() {
    close();
}

void Listener::bind_tcp() {
    boost::asio::io_context context(1);
    tcp::resolver resolver(context);
    const auto found =
        resolver.resolve(endpoint_.host, std::to_string(endpoint_.port), tcp::resolver::passive);
    tcp::acceptor acceptor(context);
    const tcp::endpoint address = *found.begin();
    acceptor.open(address.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.set_option(tcp::no_delay(true));  // what it accepts inherits it
    if (endpoint_.only_ipv6) acceptor.set_option(boost::asio::ip::v6_only(true));
    acceptor.bind(address);
    acceptor.listen(SOMAXCONN);
    acceptor.non_blocking(true);
    endpoint_.port = acceptor.local_endpoint().port();
    descriptor_ = acceptor.release();
}

void Listener::bind_unix() {
    const local::endpoint address(endpoint_.path);
    boost::asio::io_context context(1);
    remove_stale(context, address);
    local::acceptor acceptor(context);
    acceptor.open();
    acceptor.bind(address);
    // Nobody can connect before listen(), so there is no moment with other permissions.
    if (::chmod(endpoint_.path.c_str(), endpoint_.mode) != 0) throw last_error();
    acceptor.listen(SOMAXCONN);
    acceptor.non_blocking(true);
    descriptor_ = acceptor.release();
}

void Listener::close() {
    if (descriptor_ < 0) return;
    if (!endpoint_.path.empty()) ::unlink(endpoint_.path.c_str());
    ::close(descriptor_);
    descriptor_ = -1;
}

void Listener::start() {
    if (!shard_.poller().add(descriptor_, *this, EPOLLIN)) {
        spdlog::error("cannot watch the listening socket of {}: {}", endpoint_.text(), std::strerror(errno));
    }
}

void Listener::stop() {
    shard_.timers().cancel(*this);
    if (descriptor_ < 0) return;
    shard_.poller().remove(descriptor_);
    close();
}

void Listener::on_ready(std::uint32_t) {
    for (int i = 0; i < kAcceptsPerTurn && descriptor_ >= 0; ++i) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        const int client =
            ::accept4(descriptor_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            accepted_(client, Address::from(peer));
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            // The socket stays readable: looking away for a while beats spinning on it.
            spdlog::warn("cannot accept on {}: {}; raise the limit of open files", endpoint_.text(),
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
