#include "http/request_parser.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

namespace millrace::http {
namespace {

namespace beast_http = boost::beast::http;

Method method_of(beast_http::verb verb) {
    switch (verb) {
        case beast_http::verb::get:
            return Method::get;
        case beast_http::verb::head:
            return Method::head;
        case beast_http::verb::post:
            return Method::post;
        case beast_http::verb::put:
            return Method::put;
        case beast_http::verb::patch:
            return Method::patch;
        case beast_http::verb::delete_:
            return Method::delete_;
        case beast_http::verb::options:
            return Method::options;
        default:
            return Method::other;
    }
}

/// The path and query of an absolute-form target, which servers have to accept (RFC 9112 3.2.2).
std::string_view without_authority(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!boost::beast::iequals(target.substr(0, scheme.size()), scheme)) continue;
        const std::size_t path = target.find_first_of("/?", scheme.size());
        return path == std::string_view::npos ? "/" : target.substr(path);
    }
    return target;
}

}  // namespace

RequestParser::RequestParser(std::size_t header_bytes_max, std::size_t body_bytes_max)
    : header_bytes_max_(header_bytes_max) {
    header_limit(static_cast<std::uint32_t>(header_bytes_max));
    body_limit(body_bytes_max);
}

RequestParser::Step RequestParser::head(ByteView bytes) {
    head_bytes_ = bytes;
    eager(false);
    Error error;
    Step step;
    step.consumed = put({bytes.data(), bytes.size()}, error);
    step.complete = is_header_done() && !error;
    if (error == beast_http::error::need_more) {
        // The parser will be made anew, so nothing may count as consumed before the head is whole.
        step.consumed = 0;
        if (bytes.size() >= header_bytes_max_) error = beast_http::error::header_limit;
    }
    if (error && error != beast_http::error::need_more) step.fault = fault_of(error);
    if (!step.complete || step.fault.status != 0) return step;
    // RFC 9112 6.3: a request whose last coding is not `chunked` has no end that could be found; with an
    // empty list of codings, who reads it first and who reads it next could find different ones.
    if (transfer_encoding_.data() != nullptr && !boost::beast::iequals(transfer_encoding_, "chunked")) {
        step.fault = {501, "the only transfer encoding understood here is chunked", {}};
    } else if (request_.host.data() == nullptr && !request_.http_1_0) {
        step.fault = {400, "an HTTP/1.1 request needs a Host header", {}};
    }
    request_.keep_alive = keep_alive();
    request_.upgrade = upgrade();
    return step;
}

RequestParser::Step RequestParser::body(ByteView bytes, ByteBuffer& body) {
    // The last chunk is "0 CR LF CR LF" at least (RFC 9112, 7.1). Beast asserts that it sees no less of it
    // twice.
    constexpr std::size_t kLastChunkBytes = 5;
    if (chunked() && bytes.size() < kLastChunkBytes && as_text(bytes).starts_with('0')) return {};
    body_ = &body;
    eager(true);
    Error error;
    Step step;
    step.consumed = put({bytes.data(), bytes.size()}, error);
    step.complete = is_done() && !error;
    // A chunk's head or the trailers, which Beast takes whole only, must not grow without bound.
    const bool endless = bytes.size() - step.consumed > header_bytes_max_;
    if (error == beast_http::error::need_more && endless) error = beast_http::error::bad_chunk;
    if (error && error != beast_http::error::need_more) step.fault = fault_of(error);
    return step;
}

void RequestParser::on_request_impl(Verb verb, Text, Text target, int version, Error&) {
    request_.method = method_of(verb);
    request_.http_1_0 = version < 11;
    target = without_authority(target);
    const std::size_t question = target.find('?');
    request_.path = target.substr(0, question);
    if (question != Text::npos) request_.query = target.substr(question + 1);
}

void RequestParser::on_response_impl(int, Text, int, Error&) {}

std::string_view* RequestParser::single_header(Field field) {
    switch (field) {
        case Field::host:
            return &request_.host;
        case Field::authorization:
            return &request_.authorization;
        case Field::content_type:
            return &request_.content_type;
        case Field::content_encoding:
            return &request_.content_encoding;
        case Field::origin:
            return &request_.origin;
        case Field::access_control_request_method:
            return &request_.preflight_method;
        case Field::transfer_encoding:
            return &transfer_encoding_;
        case Field::upgrade:
            return &request_.upgrade_to;
        case Field::if_none_match:
            return &request_.if_none_match;
        case Field::sec_websocket_key:
            return &request_.websocket_key;
        case Field::sec_websocket_version:
            return &request_.websocket_version;
        default:
            return nullptr;
    }
}

void RequestParser::on_field_impl(Field field, Text name, Text value, Error& error) {
    if (head_done_) return;  // a trailer
    const auto* begin = reinterpret_cast<const char*>(head_bytes_.data());
    // RFC 9112 5.2: a folded line is refused; Beast would have unfolded it into memory of its own.
    if (!value.empty() && (value.data() < begin || value.data() >= begin + head_bytes_.size())) {
        error = beast_http::error::bad_obs_fold;
        return;
    }
    std::string_view* header = single_header(field);
    if (field == Field::unknown && boost::beast::iequals(name, "Idempotency-Key")) {
        header = &request_.idempotency_key;
    } else if (field == Field::unknown && boost::beast::iequals(name, "Last-Event-ID")) {
        header = &request_.last_event_id;
    }
    if (header != nullptr) {
        if (header->data() != nullptr) error = beast_http::error::bad_field;
        *header = value.data() != nullptr ? value : Text("");
    } else if (field == Field::sec_websocket_protocol) {
        request_.websocket_protocols.push_back(value);
    } else if (field == Field::expect) {
        request_.expects_continue = boost::beast::iequals(value, "100-continue");
    }
}

void RequestParser::on_header_impl(Error&) {
    head_done_ = true;
}
void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) {}

std::size_t RequestParser::on_body_impl(Text bytes, Error&) {
    body_->append(bytes);
    return bytes.size();
}

void RequestParser::on_chunk_header_impl(std::uint64_t, Text, Error&) {}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, Text bytes, Error&) {
    body_->append(bytes);
    return bytes.size();
}

void RequestParser::on_finish_impl(Error&) {}

ParseFault RequestParser::fault_of(const Error& code) {
    using beast_http::error;
    if (code == error::header_limit)
        return {431, "the head of the request is too large", "limits.http_header_bytes"};
    if (code == error::body_limit)
        return {413, "the body of the request is too large", "limits.http_body_bytes"};
    if (code == error::bad_version) return {505, "only HTTP/1.1 and HTTP/1.0 are spoken here", {}};
    if (code == error::bad_transfer_encoding || code == error::bad_content_length ||
        code == error::multiple_content_length) {
        return {
            400, "the length of the body is not clear: Content-Length and Transfer-Encoding contradict", {}};
    }
    if (code == error::bad_chunk || code == error::bad_chunk_extension) {
        return {400, "the chunked body is malformed", {}};
    }
    return {400, "the head of the request is malformed", {}};
}

}  // namespace millrace::http
