#include "core/hooks/link.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <sys/socket.h>

namespace millrace::hooks {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::asio::as_tuple;
using boost::asio::deferred;

constexpr std::uint32_t kHeaderBytesMax = 16 * 1024;

template <class Stream>
asio::awaitable<Reply> talk(Stream& stream, boost::beast::flat_buffer& buffer, const HttpRequest& request,
                            std::size_t body_bytes_max) {
    Reply reply;
    const auto [unsent, written] = co_await http::async_write(stream, request, as_tuple(deferred));
    reply.error = unsent;
    if (reply.error) co_return reply;
    http::response_parser<http::string_body> parser;
    parser.body_limit(body_bytes_max);
    parser.header_limit(kHeaderBytesMax);
    const auto [failure, size] = co_await http::async_read(stream, buffer, parser, as_tuple(deferred));
    reply.error = failure;
    reply.begun = parser.got_some();
    if (failure == http::error::body_limit || failure == http::error::header_limit ||
        failure == http::error::buffer_overflow)
        reply.error = Errc::too_large;
    if (reply.error) co_return reply;
    reply.keep = parser.keep_alive() && buffer.size() == 0;
    reply.status = parser.get().result_int();
    reply.body = std::move(parser.get().body());
    co_return reply;
}

}  // namespace

Link::Link(asio::io_context& context, const config::HookUrl& url, asio::ssl::context& tls)
    : url_(url), socket_(context), resolver_(context) {
    if (url_.secure) tls_.emplace(socket_, tls);
}

asio::awaitable<error_code> Link::connect() {
    error_code no_address;
    const asio::ip::address address = asio::ip::make_address(url_.host, no_address);
    if (!no_address) {
        const Tcp::endpoint endpoint(address, url_.port);
        const auto [failure] = co_await socket_.async_connect(endpoint, as_tuple(deferred));
        co_return failure;
    }
    const std::string port = std::to_string(url_.port);
    const auto [unknown, found] = co_await resolver_.async_resolve(url_.host, port, as_tuple(deferred));
    if (unknown) co_return unknown;
    // Looking up a name cannot be broken off.
    if (closed_) co_return Errc::closed;
    const auto [failure, endpoint] = co_await asio::async_connect(socket_, found, as_tuple(deferred));
    co_return failure;
}

asio::awaitable<error_code> Link::shake_hands() {
    error_code failure;
    tls_->set_verify_mode(asio::ssl::verify_peer, failure);
    if (!failure) tls_->set_verify_callback(asio::ssl::host_name_verification(url_.host), failure);
    if (failure) co_return failure;
    error_code no_address;
    static_cast<void>(asio::ip::make_address(url_.host, no_address));
    std::string name = url_.host;
    // RFC 6066 3: only a name is announced. SSL_set_tlsext_host_name() is this with a cast of the old style.
    if (no_address)
        SSL_ctrl(tls_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    const auto [refused] = co_await tls_->async_handshake(asio::ssl::stream_base::client, as_tuple(deferred));
    co_return refused;
}

asio::awaitable<error_code> Link::open() {
    error_code failure = co_await connect();
    if (failure) co_return failure;
    if (closed_) co_return Errc::closed;
    error_code unimportant;
    socket_.set_option(Tcp::no_delay(true), unimportant);
    if (!tls_) co_return error_code{};
    failure = co_await shake_hands();
    co_return failure;
}

asio::awaitable<Reply> Link::exchange(const HttpRequest& request, std::size_t body_bytes_max) {
    Reply reply;
    if (tls_) {
        reply = co_await talk(*tls_, buffer_, request, body_bytes_max);
    } else {
        reply = co_await talk(socket_, buffer_, request, body_bytes_max);
    }
    used_ = true;
    used_at_ = Clock::now();
    co_return reply;
}

void Link::close() {
    closed_ = true;
    error_code unimportant;
    socket_.close(unimportant);
}

bool Link::stale(std::chrono::seconds longest) {
    if (!socket_.is_open() || Clock::now() - used_at_ > longest) return true;
    char next = 0;
    // What TLS sends between answers is no end: only an end, or an error, is.
    const ssize_t size = ::recv(socket_.native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

}  // namespace millrace::hooks
