// A backend that does what a test says.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include "core/guarded.h"

namespace millrace::testing {

/// Listens on a port of 127.0.0.1, with a thread per connection. Belongs to the test; what `script` uses
/// must bear several threads.
class ScriptedBackend {
  public:
    using Tcp = boost::asio::ip::tcp;
    using Request = boost::beast::http::request<boost::beast::http::string_body>;
    struct Reply {
        std::string bytes;         ///< the whole answer, as it is sent
        bool close = false;        ///< afterwards
        bool stay_silent = false;  ///< until the other side closes
    };
    /// `connection` and `request` count from 1; the latter on its connection.
    using Script = std::function<Reply(const Request& question, int connection, int request)>;

    explicit ScriptedBackend(Script script, boost::asio::ssl::context* tls = nullptr)
        : script_(std::move(script)), tls_(tls), thread_([this] { accept(); }) {}
    ~ScriptedBackend() {
        stopping_ = true;
        boost::system::error_code unimportant;
        Tcp::socket(context_).connect(acceptor_.local_endpoint(), unimportant);
        thread_.join();
        end_connections();
        for (std::thread& connection : connections_) connection.join();
    }
    ScriptedBackend(const ScriptedBackend&) = delete;
    ScriptedBackend& operator=(const ScriptedBackend&) = delete;

    std::string url(const std::string& target = "/hook") const {
        return std::string(tls_ != nullptr ? "https" : "http") +
               "://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + target;
    }
    int connections() const { return accepted_; }

    /// A whole answer with that body.
    static Reply say(const std::string& body, const std::string& head = "200 OK") {
        return {"HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                body};
    }

  private:
    void end_connections() {
        auto open = open_.lock();
        for (const int descriptor : *open) ::shutdown(descriptor, SHUT_RDWR);
    }
    void accept() {
        for (;;) {
            auto socket = std::make_unique<Tcp::socket>(acceptor_.accept());
            if (stopping_) return;
            const int number = ++accepted_;
            open_.lock()->push_back(socket->native_handle());
            connections_.emplace_back([this, number, peer = std::move(socket)] { greet(*peer, number); });
        }
    }
    void greet(Tcp::socket& socket, int number) {
        boost::system::error_code failure;
        if (tls_ == nullptr) {
            serve(socket, number, socket);
        } else {
            boost::asio::ssl::stream<Tcp::socket&> stream(socket, *tls_);
            stream.handshake(boost::asio::ssl::stream_base::server, failure);
            if (!failure) serve(stream, number, socket);
        }
        auto open = open_.lock();
        std::erase(*open, socket.native_handle());
        socket.close(failure);
    }
    template <class Stream>
    void serve(Stream& stream, int connection, Tcp::socket& socket) {
        boost::beast::flat_buffer buffer;
        boost::system::error_code failure;
        for (int number = 1;; ++number) {
            Request request;
            boost::beast::http::read(stream, buffer, request, failure);
            if (failure) return;
            const Reply reply = script_(request, connection, number);
            if (reply.stay_silent) {
                socket.wait(Tcp::socket::wait_read, failure);
                return;
            }
            boost::asio::write(stream, boost::asio::buffer(reply.bytes), failure);
            if (failure || reply.close) return;
        }
    }

    Script script_;
    boost::asio::ssl::context* tls_;
    boost::asio::io_context context_;
    Tcp::acceptor acceptor_{context_, {boost::asio::ip::address_v4::loopback(), 0}};
    std::atomic<bool> stopping_{false};
    std::atomic<int> accepted_{0};
    Guarded<std::vector<int>> open_;
    std::vector<std::thread> connections_;
    std::thread thread_;
};

}  // namespace millrace::testing
