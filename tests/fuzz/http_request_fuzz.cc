// HTTP requests: a head is whole or not there, a body is the same however it is cut, its length is never
// ambiguous, and what is percent-encoded can be read back. Byte 0 is the size of the pieces.
#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "http/request_parser.h"
#include "http/target.h"
#include "tests/fuzz/check.h"

using namespace millrace;
using fuzz::check;
using http::RequestParser;

namespace {

constexpr std::size_t kHeaderMax = 2048;
constexpr std::size_t kBodyMax = 1024;

struct Body {
    RequestParser::Step end;
    std::string text;
};

Body read_body(ByteView head, ByteView rest, std::size_t piece) {
    RequestParser parser(kHeaderMax, kBodyMax);
    check(parser.head(head).complete);
    ByteBuffer body;
    Body result;
    std::size_t taken = 0;
    for (std::size_t there = 0; there < rest.size();) {
        there = std::min(there + piece, rest.size());
        const ByteView part = rest.subspan(taken, there - taken);
        const std::vector<std::byte> copy(part.begin(), part.end());
        result.end = parser.body(copy, body);
        check(result.end.consumed <= copy.size());
        taken += result.end.consumed;
        if (result.end.complete || result.end.fault.status != 0) break;
    }
    result.end.consumed = taken;
    result.text = body.text();
    check(result.text.size() <= kBodyMax);
    return result;
}

/// How often a header stands in a head, by its lines alone.
std::size_t count_header(std::string_view head, std::string_view name) {
    std::size_t count = 0;
    for (std::size_t line = head.find('\n'); line != std::string_view::npos;
         line = head.find('\n', line + 1)) {
        const std::string_view start = head.substr(line + 1, name.size());
        count +=
            std::ranges::equal(start, name, {}, [](unsigned char c) { return std::tolower(c); }) ? 1U : 0U;
    }
    return count;
}

void check_head(ByteView bytes, const RequestParser::Step& step, http::Request& request) {
    const std::string_view head = as_text(bytes.first(step.consumed));
    check(head.ends_with("\r\n\r\n") || head.ends_with("\n\n") || head.ends_with("\n\r\n"));
    const std::size_t lengths = count_header(head, "content-length:");
    const std::size_t encodings = count_header(head, "transfer-encoding:");
    check(encodings <= 1 && (encodings == 0 || lengths == 0));
    for (const std::string_view value : {request.path, request.query, request.host, request.authorization}) {
        check(value.empty() || head.find(value) != std::string_view::npos);
        check(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    }
    for (std::size_t shorter = 0; shorter < step.consumed; ++shorter) {
        const ByteView part = bytes.first(shorter);
        const std::vector<std::byte> copy(part.begin(), part.end());
        const RequestParser::Step early = RequestParser(kHeaderMax, kBodyMax).head(copy);
        check(!early.complete && early.fault.status == 0);
    }
}

void check_target(const http::Request& request) {
    const auto decoded = http::percent_decode(request.path);
    if (decoded) check(decoded->size() <= request.path.size());
    const auto value = http::query_parameter(request.query, "after");
    if (value) check(request.query.find("after") != std::string_view::npos);
    std::string_view channel;
    if (http::match_path("/v1/channels/{channel}/messages", request.path, channel))
        check(!channel.empty() && channel.find('/') == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView bytes = std::as_bytes(std::span(data + 1, size - 1));
    RequestParser parser(kHeaderMax, kBodyMax);
    const RequestParser::Step head = parser.head(bytes);
    check(head.consumed <= bytes.size());
    if (head.fault.status != 0) {
        check(head.fault.status >= 400 && !head.fault.detail.empty());
        return 0;
    }
    if (!head.complete) {
        check(head.consumed == 0);
        return 0;
    }
    check_head(bytes, head, parser.request());
    check_target(parser.request());
    if (!parser.has_body()) return 0;
    const ByteView rest = bytes.subspan(head.consumed);
    const Body whole = read_body(bytes.first(head.consumed), rest, rest.size());
    const Body cut = read_body(bytes.first(head.consumed), rest, 1 + data[0] % 64);
    check(whole.end.complete == cut.end.complete && whole.end.fault.status == cut.end.fault.status);
    if (whole.end.fault.status == 0) check(whole.text.starts_with(cut.text));  // the rest may wait for more
    if (whole.end.complete) check(whole.text == cut.text && whole.end.consumed == cut.end.consumed);
    return 0;
}
