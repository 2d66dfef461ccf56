#include "store/postgres/prepared_connection.h"

#include <spdlog/spdlog.h>
#include <utility>

#include "store/postgres/owner.h"

namespace millrace::store::postgres {
namespace {

// Tables grow faster than their statistics: plans are made once, and from indexes only.
constexpr const char* kSettings =
    "set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set jit = off; "
    "set search_path = pg_catalog; set idle_session_timeout = 0; ";

/// In the place of a statement's name.
constexpr std::string_view kOpening = "(opening)";

}  // namespace

PreparedConnection::PreparedConnection(Owner& owner, Use use, std::string settings,
                                       std::span<const Statement> statements)
    : owner_(owner), use_(use), settings_(kSettings + std::move(settings)), statements_(statements) {}

error_code PreparedConnection::reopen() {
    connection_.close();
    return open();
}

error_code PreparedConnection::open() {
    if (connection_.is_open()) return {};
    Complaint complaint;
    error_code error = use_ == Use::write ? owner_.confirm(complaint) : error_code{};
    if (!error) {
        error = connection_.open(owner_.url());
        if (!error) error = prepare();
        if (error) complaint = connection_.complaint();
    }
    if (!error) {
        went_well(kOpening);
        return {};
    }
    connection_.close();
    complain(complaint, kOpening);
    return Errc::store_unavailable;
}

error_code PreparedConnection::prepare() {
    const Result<Answer> set = connection_.run(settings_);
    if (!set) return set.error();
    for (const Statement& statement : statements_) {
        const error_code error = connection_.prepare(statement.name, statement.sql.c_str());
        if (error) return error;
    }
    return {};
}

Result<Answer> PreparedConnection::run(const char* sql) {
    if (!connection_.is_open()) return make_error_code(Errc::store_unavailable);
    return noted(connection_.run(sql), sql);
}

Result<Answer> PreparedConnection::execute(const char* name, const Parameters& parameters) {
    if (!connection_.is_open()) return make_error_code(Errc::store_unavailable);
    return noted(connection_.execute(name, parameters), name);
}

Result<Answer> PreparedConnection::ask(const char* name, const Parameters& parameters) {
    const bool was_open = connection_.is_open();
    if (const error_code error = open()) return error;
    Result<Answer> answer = execute(name, parameters);
    if (answer || !was_open || !was_lost()) return answer;
    if (const error_code error = open()) return error;
    return execute(name, parameters);
}

Result<Answer> PreparedConnection::noted(Result<Answer> answer, std::string_view what) {
    if (!answer) {
        complain(connection_.complaint(), what);
    } else if (!failing_.empty()) {
        went_well(what);
    }
    return answer;
}

void PreparedConnection::complain(const Complaint& complaint, std::string_view what) {
    failing_ = what;
    const bool for_operator = complaint.failure == Failure::passing || complaint.failure == Failure::fault;
    owner_.note(*this, for_operator ? complaint.text : std::string());
    // The database is asked every other second while it is away.
    if (complaint.text == reported_) return;
    reported_ = complaint.text;
    if (complaint.failure == Failure::fault) {
        spdlog::error("PostgreSQL refuses what Millrace needs, until somebody changes that: {}", reported_);
    } else {
        spdlog::warn("PostgreSQL: {}", reported_);
    }
}

void PreparedConnection::went_well(std::string_view what) {
    if (failing_ != what) return;
    failing_.clear();
    reported_.clear();
    owner_.note(*this, {});
}

}  // namespace millrace::store::postgres
