// One connection to a backend.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "config/values.h"
#include "core/result.h"

namespace millrace::hooks {

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// What came back for a request.
struct Reply {
    error_code error;    ///< there is no whole answer
    bool begun = false;  ///< some of an answer has come
    bool keep = false;   ///< the connection may be used again
    unsigned status = 0;
    std::string body;
};

/// HTTP/1.1, with TLS where the address says https; one request at a time. Owned by the Caller, on its
/// thread; an operation ends with an error after close().
class Link {
  public:
    using Clock = std::chrono::steady_clock;
    using Tcp = boost::asio::ip::tcp;

    /// `tls` is used for https only and outlives the link.
    Link(boost::asio::io_context& context, const config::HookUrl& url, boost::asio::ssl::context& tls);

    /// Looks the name up, connects, shakes hands.
    boost::asio::awaitable<error_code> open();
    /// `request` outlives the operation. A longer body than `body_bytes_max` is Errc::too_large.
    boost::asio::awaitable<Reply> exchange(const HttpRequest& request, std::size_t body_bytes_max);
    void close();

    /// Whether a request has been answered on it.
    bool used() const { return used_; }
    /// Unused for longer than `longest`, or closed by the backend.
    bool stale(std::chrono::seconds longest);

  private:
    boost::asio::awaitable<error_code> connect();
    boost::asio::awaitable<error_code> shake_hands();

    const config::HookUrl url_;
    Tcp::socket socket_;
    Tcp::resolver resolver_;
    std::optional<boost::asio::ssl::stream<Tcp::socket&>> tls_;
    boost::beast::flat_buffer buffer_;
    Clock::time_point used_at_ = Clock::now();
    bool used_ = false;
    bool closed_ = false;
};

}  // namespace millrace::hooks
