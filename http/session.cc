#include "http/session.h"

#include "http/origin.h"
#include "http/request_parser.h"
#include "http/routes.h"

namespace millrace::http {
namespace {

/// Requests that came while one is being answered: beyond this, the socket is not read.
constexpr std::size_t kKeptBytesMax = 64 * 1024;
/// Answers that the peer has not taken: beyond this, no further request is served.
constexpr std::size_t kUnsentBytesMax = 256 * 1024;
/// Tokens of one request: more than a batch can have.
constexpr std::uint64_t kTokensPerRequest = std::uint64_t{1} << 24;

}  // namespace

/// A request whose body is still coming.
struct Session::Partial {
    explicit Partial(const config::Limits& limits)
        : parser(limits.http_header_bytes, limits.http_body_bytes) {}

    ByteBuffer head;
    RequestParser parser;
    ByteBuffer body;
};

Session::Session(Server& server, Connection& connection) : server_(server), connection_(connection) {
    connection_.set_deadline(server_.config().limits.http_request_timeout);
}

Session::~Session() = default;

std::size_t Session::on_bytes(ByteView bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && phase_ <= Phase::receiving && !hold_back(bytes.size() - used)) {
        const ByteView rest = bytes.subspan(used);
        const std::size_t taken = partial_ ? take_body(rest) : take_request(rest);
        if (taken == 0) break;
        used += taken;
    }
    if (phase_ == Phase::ended) return used;
    watch_time(partial_ != nullptr || used < bytes.size());
    if (phase_ == Phase::serving && bytes.size() - used > kKeptBytesMax) connection_.pause();
    return used;
}

/// Whether so much is unsent that reading on would only pile up more.
bool Session::hold_back(std::size_t left) {
    full_ = left != 0 && connection_.out().bytes() > kUnsentBytesMax;
    if (full_) connection_.pause();
    return full_;
}

void Session::on_drained() {
    if (!full_) return;
    full_ = false;
    connection_.resume();
}

std::size_t Session::take_request(ByteView bytes) {
    // RFC 9112 2.2: an empty line in front of a request line is passed over.
    if (bytes.size() >= 2 && as_text(bytes.first(2)) == "\r\n") return 2;
    const config::Limits& limits = server_.config().limits;
    RequestParser parser(limits.http_header_bytes, limits.http_body_bytes);
    const RequestParser::Step head = parser.head(bytes);
    if (head.fault.status != 0) return reject(head.fault, bytes.size());
    if (!head.complete) return 0;
    Request& request = parser.request();
    if (parser.has_body()) {
        const ByteView rest = bytes.subspan(head.consumed);
        if (parser.is_chunked() || parser.body_bytes() > rest.size()) {
            begin_partial(bytes.first(head.consumed), request.expects_continue && rest.empty());
            return head.consumed;
        }
        request.body = as_text(rest.first(parser.body_bytes()));
    }
    serve(request);
    return head.consumed + request.body.size();
}

void Session::begin_partial(ByteView head, bool expects_continue) {
    partial_ = std::make_unique<Partial>(server_.config().limits);
    partial_->head.append(head);
    partial_->parser.head(partial_->head.view());
    if (!expects_continue) return;
    connection_.out().append(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));  // RFC 9110 10.1.1
    connection_.wake();
}

std::size_t Session::take_body(ByteView bytes) {
    const RequestParser::Step step = partial_->parser.body(bytes, partial_->body);
    if (step.fault.status != 0) return reject(step.fault, bytes.size());
    if (!step.complete) return step.consumed;
    const std::unique_ptr<Partial> whole = std::move(partial_);
    whole->parser.request().body = whole->body.text();
    serve(whole->parser.request());
    return step.consumed;
}

/// After bytes that cannot be read it is not known where the next request begins.
std::size_t Session::reject(const ParseFault& fault, std::size_t consumed) {
    reply_ = {};
    reply_.keep_alive = false;
    server_.shard().counters().closed_protocol_error.add();
    partial_.reset();
    fail({.status = fault.status, .detail = std::string(fault.detail), .limit = fault.limit, .headers = {}});
    finish_request();
    return consumed;
}

void Session::set_reply(const Request& request) {
    reply_.keep_alive = request.keep_alive && !going_away_;
    reply_.http_1_0 = request.http_1_0;
    reply_.head_only = request.method == Method::head;
    reply_.allowed_origin.clear();
    if (request.origin.empty()) return;
    const auto& allowed = server_.config().realtime.allowed_origins;
    if (origin_allowed(request.origin, request.host, allowed)) reply_.allowed_origin = request.origin;
}

void Session::serve(const Request& request) {
    set_reply(request);
    phase_ = Phase::serving;
    token_ += kTokensPerRequest;
    Exchange exchange{server_, *this, request, nullptr, {}};
    const bool foreign = !request.origin.empty() && reply_.allowed_origin.empty();
    dispatch(exchange, foreign);
    if (phase_ == Phase::answered) finish_request();
    if (phase_ != Phase::serving) return;
    // A store that is away fails a publish after store_wait; this is for whatever else never ends.
    const config::Limits& limits = server_.config().limits;
    connection_.set_deadline(limits.store_wait + limits.http_request_timeout);
}

void Session::answer(const Answer& answer) {
    append_answer(connection_.out().tail(), reply_, answer, server_.date_line());
    connection_.wake();
    phase_ = Phase::answered;
}

void Session::fail(const Problem& problem) {
    ByteBuffer body;
    body.append("{");
    append_problem_members(body, problem);
    body.append("}");
    answer({.status = problem.status,
            .content_type = "application/problem+json",
            .body = body.text(),
            .headers = problem.headers});
}

void Session::wait(std::unique_ptr<Waiting> waiting) {
    waiting_ = std::move(waiting);
}

void Session::upgrade(std::unique_ptr<Protocol> next) {
    phase_ = Phase::ended;
    connection_.clear_deadline();
    connection_.wake();
    connection_.upgrade(std::move(next));
}

bool Session::stream(std::string_view content_type, std::unique_ptr<Protocol> next) {
    reply_.keep_alive = false;
    append_stream_head(connection_.out().tail(), reply_, content_type, server_.date_line());
    if (!reply_.head_only) {
        upgrade(std::move(next));
        return true;
    }
    connection_.wake();
    phase_ = Phase::answered;
    return false;
}

void Session::finish_request() {
    phase_ = reply_.keep_alive ? Phase::idle : Phase::ended;
    if (phase_ == Phase::ended) connection_.close_after_flush();
}

void Session::finish_waiting() {
    if (phase_ != Phase::answered) return;
    waiting_.reset();
    finish_request();
    if (phase_ == Phase::ended) return;
    watch_time(false);
    connection_.resume();
}

/// The whole request has to come within its time, however its bytes trickle; so has the next one.
void Session::watch_time(bool partial_request) {
    const config::Limits& limits = server_.config().limits;
    if (phase_ == Phase::idle && partial_request) {
        phase_ = Phase::receiving;
        connection_.set_deadline(limits.http_request_timeout);
    } else if (phase_ == Phase::idle) {
        connection_.set_deadline(limits.http_idle_timeout);
    }
}

bool Session::waits_for(std::uint64_t token) const {
    return waiting_ && token >= token_ && token - token_ < kTokensPerRequest;
}

void Session::on_denied(std::uint64_t token, std::string_view reason) {
    if (!waits_for(token)) return;
    waiting_->on_denied(*this, static_cast<std::size_t>(token - token_), reason);
    finish_waiting();
}

void Session::on_published(std::uint64_t token, const PublishResult& result) {
    if (!waits_for(token)) return;
    waiting_->on_published(*this, static_cast<std::size_t>(token - token_), result);
    finish_waiting();
}

void Session::on_deadline(TimePoint) {
    if (phase_ == Phase::idle) return connection_.close();
    server_.shard().counters().closed_timed_out.add();
    if (phase_ == Phase::receiving) reply_ = {};
    reply_.keep_alive = false;
    if (phase_ == Phase::receiving) {
        const Problem late{.status = 408,
                           .detail = "the request did not arrive in time",
                           .limit = "limits.http_request_timeout",
                           .headers = {}};
        fail(late);
    } else {
        fail(problem_of(Errc::timed_out));
    }
    waiting_.reset();
    partial_.reset();
    finish_request();
}

void Session::on_closed(error_code) {
    waiting_.reset();
    partial_.reset();
    phase_ = Phase::ended;
}

void Session::on_shutdown() {
    going_away_ = true;
    reply_.keep_alive = false;
    if (phase_ == Phase::serving || phase_ == Phase::ended) return;
    phase_ = Phase::ended;
    connection_.close_after_flush();
}

}  // namespace millrace::http
