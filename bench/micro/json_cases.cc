// JSON and HTTP text.
#include <benchmark/benchmark.h>
#include <memory>
#include <stdexcept>
#include <string>

#include "bench/micro/case.h"
#include "bench/micro/samples.h"
#include "core/compact_json.h"
#include "core/message_json.h"
#include "core/utf8.h"
#include "http/publish.h"
#include "http/request_parser.h"

namespace millrace::bench {
namespace {

constexpr std::size_t kTimes = 1000;
constexpr std::string_view kRequest =
    "POST /v1/publish HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
    "Authorization: Bearer 0123456789abcdef\r\nContent-Length: 112\r\n\r\n";
constexpr std::string_view kBody =
    R"({"channel":"site/4711/room/12/temperature","data":{"sensor":"t-0815","value":21.75,"unit":"C"},"id":"a-1234567"})";

void add_text_case(Cases& cases, const char* name, void (*append)(ByteBuffer&)) {
    cases.push_back({name, kTimes, [append] {
                         return repeat([append, out = ByteBuffer()]() mutable {
                             out.clear();
                             append(out);
                             benchmark::DoNotOptimize(out.data());
                         });
                     }});
}

}  // namespace

void add_json_cases(Cases& cases) {
    cases.push_back({"json/classify_64", kTimes,
                     [] { return repeat([] { benchmark::DoNotOptimize(classify(as_bytes(kPayload))); }); }});
    cases.push_back({"json/read_publish_body", kTimes, [] {
                         return repeat([] {
                             http::Draft draft;
                             if (http::read_draft(kBody, draft)) throw std::runtime_error("refused");
                             benchmark::DoNotOptimize(draft.data.data());
                         });
                     }});
    cases.push_back({"json/message", kTimes, [] {
                         return repeat([message = stored_message(), out = ByteBuffer()]() mutable {
                             out.clear();
                             append_json_message(out, *message, "7f3a9c21e5b8-123456");
                             benchmark::DoNotOptimize(out.data());
                         });
                     }});
    add_text_case(cases, "json/string_29", [](ByteBuffer& out) { append_json_string(out, kTopic); });
    add_text_case(cases, "json/compact_64", [](ByteBuffer& out) { append_compact(out, kPayload); });
    add_text_case(cases, "json/time", [](ByteBuffer& out) { append_json_time(out, 1'792'000'000'123'000); });
    cases.push_back({"json/is_utf8_64", kTimes,
                     [] { return repeat([] { benchmark::DoNotOptimize(is_utf8(kPayload)); }); }});
    cases.push_back({"http/parse_head", kTimes, [] {
                         return repeat([] {
                             http::RequestParser parser(16'384, 1 << 20);
                             const http::RequestParser::Step step = parser.head(as_bytes(kRequest));
                             if (!step.complete) throw std::runtime_error("no whole head");
                             benchmark::DoNotOptimize(parser.request().path.data());
                         });
                     }});
    cases.push_back(
        {"http/answer", kTimes, [] {
             return repeat([out = ByteBuffer(), date = std::make_unique<http::DateLine>()]() mutable {
                 out.clear();
                 const http::Answer answer{
                     .status = 202, .content_type = http::kJson, .body = kPayload, .headers = {}};
                 http::append_answer(out, {}, answer, date->at(1'792'000'000'123'000));
                 benchmark::DoNotOptimize(out.data());
             });
         }});
}

}  // namespace millrace::bench
