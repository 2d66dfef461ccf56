// HTTP/1.1 over a socket, one request after another.
#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tests/system/support/tcp_socket.h"

namespace millrace::system_test {

struct HttpAnswer {
    int status = 0;                              // 0: no whole answer came
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;

    std::string header(const std::string& name) const;
    /// The body as JSON; null when it is none.
    boost::json::value json() const;
};

/// A keep-alive connection. Belongs to one thread.
class HttpConnection {
  public:
    explicit HttpConnection(std::uint16_t port) : socket_(port) {}

    HttpAnswer request(std::string_view method, std::string_view target, std::string_view body = {},
                       std::string_view headers = "Content-Type: application/json\r\n");
    /// Only sends; the answer is there for read_answer().
    void send_request(std::string_view method, std::string_view target, std::string_view body = {},
                      std::string_view headers = "Content-Type: application/json\r\n");
    HttpAnswer post(std::string_view target, const boost::json::value& body);
    /// The next answer on the connection, to whatever was sent.
    HttpAnswer read_answer(Clock::duration patience = kPatience);
    TcpSocket& socket() { return socket_; }

  private:
    TcpSocket socket_;
};

/// One request on a connection of its own.
HttpAnswer http_get(std::uint16_t port, std::string_view target);
/// The value of one sample of /metrics; `none`: there is none.
std::string metric(std::uint16_t port, const std::string& sample);
HttpAnswer http_post(std::uint16_t port, std::string_view target, const boost::json::value& body);

}  // namespace millrace::system_test
