#include "store/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include "core/clock.h"

namespace millrace::store::postgres {
namespace {

/// A server that has not answered by then is treated like one that is gone.
constexpr Milliseconds kAnswerDeadline{20'000};

/// SQLSTATE classes that are about the data at hand; everything else may pass with time.
error_code to_error(std::string_view state) {
    if (state.starts_with("54")) return Errc::too_large;
    if (state.starts_with("22") || state.starts_with("23")) return Errc::malformed;
    return Errc::store_unavailable;
}

}  // namespace

void Answer::Clear::operator()(pg_result* result) const {
    PQclear(result);
}
void Connection::Finish::operator()(pg_conn* handle) const {
    PQfinish(handle);
}

int Answer::rows() const {
    return PQntuples(result_.get());
}
bool Answer::is_null(int row, int column) const {
    return PQgetisnull(result_.get(), row, column) != 0;
}

ByteView Answer::bytes(int row, int column) const {
    return as_bytes({PQgetvalue(result_.get(), row, column),
                     static_cast<std::size_t>(PQgetlength(result_.get(), row, column))});
}

std::int64_t Answer::integer(int row, int column) const {
    std::uint64_t value = 0;
    for (const std::byte byte : bytes(row, column)) value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return static_cast<std::int64_t>(value);
}

error_code Connection::open(const std::string& url) {
    // The first six are defaults that the URL may change; the last is ours.
    const char* keys[] = {"fallback_application_name",
                          "connect_timeout",
                          "tcp_user_timeout",
                          "keepalives_idle",
                          "keepalives_interval",
                          "keepalives_count",
                          "dbname",
                          "client_encoding",
                          nullptr};
    const char* values[] = {"millrace", "5", "10000", "10", "3", "3", url.c_str(), "UTF8", nullptr};
    handle_.reset(PQconnectdbParams(keys, values, 1));
    if (PQstatus(handle_.get()) != CONNECTION_OK) return lost(nullptr);
    PQsetnonblocking(handle_.get(), 1);
    PQsetNoticeProcessor(
        handle_.get(), [](void*, const char*) {}, nullptr);
    return {};
}

int Connection::server_version() const {
    return PQserverVersion(handle_.get());
}

void Connection::remember(const char* message) {
    message_ = message;
    while (!message_.empty() && message_.back() == '\n') message_.pop_back();
    for (char& letter : message_) {
        if (letter == '\n') letter = ' ';
    }
}

error_code Connection::lost(const char* reason) {
    remember(reason != nullptr ? reason : PQerrorMessage(handle_.get()));
    close();
    return Errc::store_unavailable;
}

error_code Connection::refused(const pg_result* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    remember(PQresultErrorMessage(result));
    return to_error(state != nullptr ? state : "");
}

bool Connection::wait_for_answer() {
    const TimePoint deadline = steady_now() + kAnswerDeadline;
    while (true) {
        const int unsent = PQflush(handle_.get());
        if (unsent < 0) return false;
        if (unsent == 0 && PQisBusy(handle_.get()) == 0) return true;
        const Milliseconds left = deadline - steady_now();
        if (left.count() <= 0) return false;
        pollfd socket{PQsocket(handle_.get()), static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN), 0};
        if (::poll(&socket, 1, static_cast<int>(left.count())) < 0 && errno != EINTR) return false;
        if ((socket.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && PQconsumeInput(handle_.get()) == 0)
            return false;
    }
}

Result<Answer> Connection::answer(bool sent) {
    if (!sent) return lost(nullptr);
    Answer last;
    error_code error;
    while (true) {
        if (!wait_for_answer()) {
            return lost(PQstatus(handle_.get()) == CONNECTION_OK ? "the server does not answer" : nullptr);
        }
        pg_result* result = PQgetResult(handle_.get());
        if (result == nullptr) break;
        last = Answer(result);
        const ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && !error) error = refused(result);
    }
    // Also a result with an error may be the last sign of a session that the server has ended.
    if (PQstatus(handle_.get()) != CONNECTION_OK) error = Errc::store_unavailable;
    if (error == Errc::store_unavailable) close();
    if (error) return error;
    return last;
}

Result<Answer> Connection::run(const std::string& sql) {
    if (!is_open()) return make_error_code(Errc::store_unavailable);
    return answer(PQsendQuery(handle_.get(), sql.c_str()) != 0);
}

error_code Connection::prepare(const char* name, const char* sql) {
    if (!is_open()) return Errc::store_unavailable;
    const Result<Answer> done = answer(PQsendPrepare(handle_.get(), name, sql, 0, nullptr) != 0);
    return done ? error_code{} : done.error();
}

Result<Answer> Connection::execute(const char* name, const Parameters& parameters) {
    if (!is_open()) return make_error_code(Errc::store_unavailable);
    return answer(PQsendQueryPrepared(handle_.get(), name, parameters.count(), parameters.values(),
                                      parameters.lengths(), parameters.formats(), 1) != 0);
}

}  // namespace millrace::store::postgres
