#include "tests/system/support/http_client.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

namespace millrace::system_test {
namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

std::size_t number(std::string_view text, int base = 10) {
    std::size_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
}

/// The status line and the fields, without the empty line.
void parse_head(std::string_view head, HttpAnswer& answer) {
    if (head.size() > 12) answer.status = static_cast<int>(number(head.substr(9, 3)));
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
        const std::size_t end = head.find("\r\n", at + 2);
        const std::string_view line = head.substr(at + 2, end == std::string_view::npos ? end : end - at - 2);
        const std::size_t colon = line.find(':');
        const std::size_t value = line.find_first_not_of(' ', colon + 1);
        if (colon != std::string_view::npos) {
            answer.headers[lower(line.substr(0, colon))] =
                value == std::string_view::npos ? "" : std::string(line.substr(value));
        }
        at = end;
    }
}

bool receive_at_least(TcpSocket& socket, std::size_t bytes, const Deadline& deadline) {
    while (socket.received().size() < bytes) {
        if (!socket.receive(deadline)) return false;
    }
    return true;
}

std::string read_chunks(TcpSocket& socket, const Deadline& deadline) {
    std::string body;
    for (;;) {
        std::size_t line = 0;
        while ((line = socket.received().find("\r\n")) == std::string_view::npos) {
            if (!socket.receive(deadline)) return body;
        }
        const std::size_t size = number(socket.received(), 16);
        if (!receive_at_least(socket, line + 2 + size + 2, deadline)) return body;
        body += socket.received().substr(line + 2, size);
        socket.take(line + 2 + size + 2);
        if (size == 0) return body;
    }
}

}  // namespace

std::string HttpAnswer::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
}

boost::json::value HttpAnswer::json() const {
    boost::system::error_code error;
    return boost::json::parse(body, error);
}

HttpAnswer HttpConnection::read_answer(Clock::duration patience) {
    const Deadline deadline(patience);
    std::size_t end = 0;
    while ((end = socket_.received().find("\r\n\r\n")) == std::string_view::npos) {
        if (!socket_.receive(deadline)) return {};
    }
    HttpAnswer answer;
    parse_head(socket_.received().substr(0, end), answer);
    socket_.take(end + 4);
    if (answer.header("transfer-encoding") == "chunked") {
        answer.body = read_chunks(socket_, deadline);
        return answer;
    }
    const std::size_t length = number(answer.header("content-length"));
    if (!receive_at_least(socket_, length, deadline)) return {};
    answer.body = socket_.received().substr(0, length);
    socket_.take(length);
    return answer;
}

HttpAnswer HttpConnection::request(std::string_view method, std::string_view target, std::string_view body,
                                   std::string_view headers) {
    send_request(method, target, body, headers);
    return read_answer();
}

void HttpConnection::send_request(std::string_view method, std::string_view target, std::string_view body,
                                  std::string_view headers) {
    std::string bytes;
    bytes.append(method)
        .append(" ")
        .append(target)
        .append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        .append(headers);
    if (!body.empty() || method == "POST") bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    bytes.append("\r\n").append(body);
    socket_.send(bytes);
}

HttpAnswer HttpConnection::post(std::string_view target, const boost::json::value& body) {
    return request("POST", target, boost::json::serialize(body));
}

HttpAnswer http_get(std::uint16_t port, std::string_view target) {
    return HttpConnection(port).request("GET", target);
}

std::string metric(std::uint16_t port, const std::string& sample) {
    const std::string body = http_get(port, "/metrics").body;
    const std::size_t at = body.find("\n" + sample + " ");
    if (at == std::string::npos) return "none";
    const std::size_t begin = at + sample.size() + 2;
    return body.substr(begin, body.find('\n', begin) - begin);
}

HttpAnswer http_post(std::uint16_t port, std::string_view target, const boost::json::value& body) {
    return HttpConnection(port).post(target, body);
}

}  // namespace millrace::system_test
