#include "store/postgres/connection.h"

#include <algorithm>
#include <libpq-fe.h>
#include <poll.h>

#include "core/clock.h"

namespace millrace::store::postgres {
namespace {

/// A server that has not answered by then is treated like one that is gone.
constexpr Milliseconds kAnswerDeadline{20'000};

error_code to_error(Failure failure, std::string_view state) {
    if (failure != Failure::data) return Errc::store_unavailable;
    return state.starts_with("54") ? Errc::too_large : Errc::malformed;
}

}  // namespace

// PostgreSQL, appendix A: 08 connection exception, 57 operator intervention, 40 transaction rollback,
// 53 insufficient resources, 55P03 a lock is not available, 22 data exception, 23 integrity constraint
// violation, 54 program limit exceeded.
Failure failure_of(std::string_view state) {
    if (state.empty() || state.starts_with("08") || state.starts_with("57P")) return Failure::lost;
    for (const std::string_view passing : {"40", "53", "55P03", "57"}) {
        if (state.starts_with(passing)) return Failure::passing;
    }
    for (const std::string_view data : {"22", "23", "54"}) {
        if (state.starts_with(data)) return Failure::data;
    }
    return Failure::fault;
}

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

void Connection::remember(Failure failure, const char* message) {
    complaint_ = {failure, message};
    std::string& text = complaint_.text;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    std::replace(text.begin(), text.end(), '\n', ' ');
}

error_code Connection::lost(const char* reason) {
    remember(Failure::lost, reason != nullptr ? reason : PQerrorMessage(handle_.get()));
    close();
    return Errc::store_unavailable;
}

error_code Connection::refused(const pg_result* result) {
    const char* field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view state = field != nullptr ? field : "";
    const Failure failure = failure_of(state);
    remember(failure, PQresultErrorMessage(result));
    if (!state.empty()) complaint_.text.append(" (SQLSTATE ").append(state).append(")");
    return to_error(failure, state);
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
    if (PQstatus(handle_.get()) != CONNECTION_OK) {
        if (!error) return lost(nullptr);
        error = Errc::store_unavailable;
        complaint_.failure = Failure::lost;
    }
    if (!error) return last;
    if (complaint_.failure == Failure::lost || complaint_.failure == Failure::fault) close();
    return error;
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
