#include "http/response.h"

#include <array>
#include <boost/beast/http/status.hpp>
#include <ctime>

#include "core/message_json.h"

namespace millrace::http {
namespace {

bool has_no_body(unsigned status) {
    return status == 204 || status == 304;
}

void append_status_line(ByteBuffer& out, unsigned status) {
    if (status == 200) return out.append("HTTP/1.1 200 OK\r\n");
    if (status == 201) return out.append("HTTP/1.1 201 Created\r\n");
    out.append("HTTP/1.1 ");
    append_decimal(out, status);
    out.append(" ");
    out.append(reason_phrase(status));
    out.append("\r\n");
}

void append_connection(ByteBuffer& out, const ReplyContext& reply) {
    if (!reply.keep_alive) return out.append("Connection: close\r\n");
    if (reply.http_1_0) out.append("Connection: keep-alive\r\n");
}

void append_cors(ByteBuffer& out, const ReplyContext& reply) {
    if (reply.allowed_origin.empty()) return;
    out.append("Access-Control-Allow-Origin: ");
    out.append(reply.allowed_origin);
    out.append("\r\nVary: Origin\r\nAccess-Control-Expose-Headers: ETag, Location, Retry-After\r\n");
}

}  // namespace

std::string_view reason_phrase(unsigned status) {
    return boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
}

void append_answer(ByteBuffer& out, const ReplyContext& reply, const Answer& answer,
                   std::string_view date_line) {
    append_status_line(out, answer.status);
    out.append(date_line);
    if (!has_no_body(answer.status)) {
        out.append("Content-Type: ");
        out.append(answer.content_type);
        out.append("\r\nContent-Length: ");
        append_decimal(out, answer.body.size());
        out.append("\r\n");
    }
    append_connection(out, reply);
    append_cors(out, reply);
    out.append(answer.headers);
    out.append("\r\n");
    if (!reply.head_only && !has_no_body(answer.status)) out.append(answer.body);
}

void append_stream_head(ByteBuffer& out, const ReplyContext& reply, std::string_view content_type,
                        std::string_view date_line) {
    append_status_line(out, 200);
    out.append(date_line);
    out.append("Content-Type: ");
    out.append(content_type);
    // X-Accel-Buffering is nginx' word for: hand it on at once.
    out.append("\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\nConnection: close\r\n");
    append_cors(out, reply);
    out.append("\r\n");
}

void append_problem_members(ByteBuffer& out, const Problem& problem) {
    out.append(R"("type":"about:blank","title":)");
    append_json_string(out, reason_phrase(problem.status));
    out.append(",\"status\":");
    append_decimal(out, problem.status);
    out.append(",\"detail\":");
    append_json_string(out, problem.detail);
    if (problem.limit.empty()) return;
    out.append(",\"limit\":");
    append_json_string(out, problem.limit);
}

Problem denial(std::string_view reason) {
    return {.status = 403, .detail = std::string(reason), .limit = {}, .headers = {}};
}

Problem problem_of(error_code error) {
    Problem problem{.status = 500, .detail = error.message(), .limit = {}, .headers = {}};
    if (error == Errc::not_authorised) {
        problem.status = 403;
    } else if (error == Errc::malformed || error == Errc::invalid_channel) {
        problem.status = 400;
    } else if (error == Errc::too_large) {
        problem.status = 413;
    } else if (error == Errc::not_found) {
        problem.status = 404;
    } else if (error == Errc::overloaded) {
        problem.status = 503;
        problem.headers = "Retry-After: 1\r\n";
    } else if (error == Errc::store_unavailable || error == Errc::timed_out || error == Errc::closed) {
        problem.status = 503;
        problem.headers = "Retry-After: 5\r\n";
    }
    return problem;
}

std::string_view DateLine::at(std::int64_t wall_clock_us) {
    const std::int64_t second = wall_clock_us / 1'000'000;
    if (second == second_) return line_;
    second_ = second;
    const auto time = static_cast<std::time_t>(second);
    std::tm utc{};
    gmtime_r(&time, &utc);
    std::array<char, 64> text{};
    const std::size_t size =
        std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    line_.assign(text.data(), size);
    return line_;
}

}  // namespace millrace::http
