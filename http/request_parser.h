// Bytes to requests, with Beast.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <string_view>

#include "core/bytes.h"
#include "http/request.h"

namespace millrace::http {

/// Why a request cannot be read; the connection is closed behind the answer.
struct ParseFault {
    unsigned status = 0;  ///< 0: no fault
    std::string_view detail;
    std::string_view limit;  ///< the configuration key of a limit that was hit
};

/// Reads one request and keeps views instead of copies. Lives on the stack while a whole request is at hand,
/// else with its session until the body is complete.
class RequestParser final : private boost::beast::http::basic_parser<true> {
  public:
    RequestParser(std::size_t header_bytes_max, std::size_t body_bytes_max);

    struct Step {
        std::size_t consumed = 0;
        bool complete = false;
        ParseFault fault;
    };
    /// The head, whole or not at all: `bytes` must outlive the request.
    Step head(ByteView bytes);
    /// After the head: as much of the body as there is, appended to `body`.
    Step body(ByteView bytes, ByteBuffer& body);

    bool has_body() const { return !is_done(); }
    bool is_chunked() const { return chunked(); }
    std::uint64_t body_bytes() const { return content_length_remaining().value_or(0); }
    Request& request() { return request_; }

  private:
    using Verb = boost::beast::http::verb;
    using Field = boost::beast::http::field;
    using Error = boost::beast::error_code;
    using Text = boost::beast::string_view;

    void on_request_impl(Verb verb, Text method, Text target, int version, Error& error) override;
    void on_response_impl(int status, Text reason, int version, Error& error) override;
    void on_field_impl(Field field, Text name, Text value, Error& error) override;
    void on_header_impl(Error& error) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>& size, Error& error) override;
    std::size_t on_body_impl(Text bytes, Error& error) override;
    void on_chunk_header_impl(std::uint64_t size, Text extensions, Error& error) override;
    std::size_t on_chunk_body_impl(std::uint64_t left, Text bytes, Error& error) override;
    void on_finish_impl(Error& error) override;

    std::string_view* single_header(Field field);
    static ParseFault fault_of(const Error& code);

    Request request_;
    ByteView head_bytes_;
    ByteBuffer* body_ = nullptr;
    std::size_t header_bytes_max_;
    std::string_view transfer_encoding_;
    bool head_done_ = false;
};

}  // namespace millrace::http
