// Answers, written straight into a connection's outbox.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/result.h"

namespace millrace::http {

inline constexpr std::string_view kJson = "application/json";

/// What the request, not the handler, says about the answer.
struct ReplyContext {
    bool keep_alive = true;
    bool http_1_0 = false;
    bool head_only = false;
    std::string allowed_origin;  ///< empty: no CORS headers
};

struct Answer {
    unsigned status = 200;
    std::string_view content_type = kJson;
    std::string_view body;
    std::string_view headers;  ///< more header lines, each with its CRLF
};

/// An RFC 9457 problem document. Without a title the status' own words are used.
struct Problem {
    unsigned status = 500;
    std::string detail;
    std::string_view limit;    ///< the configuration key of a limit that was hit
    std::string_view headers;  ///< as in Answer
};

/// `date_line` is a whole `Date: …` line.
void append_answer(ByteBuffer& out, const ReplyContext& reply, const Answer& answer,
                   std::string_view date_line);
/// The head of an answer whose body goes on until the connection ends.
void append_stream_head(ByteBuffer& out, const ReplyContext& reply, std::string_view content_type,
                        std::string_view date_line);
/// The members of a problem document, without braces, so that a batch can put it among its own.
void append_problem_members(ByteBuffer& out, const Problem& problem);

/// 403, with the reason.
Problem denial(std::string_view reason);

/// What an error of the broker or the store means to the client that asked.
Problem problem_of(error_code error);

std::string_view reason_phrase(unsigned status);

/// `Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n`, made once a second. Belongs to one shard.
class DateLine {
  public:
    std::string_view at(std::int64_t wall_clock_us);

  private:
    std::int64_t second_ = -1;
    std::string line_;
};

}  // namespace millrace::http
