// libpq with owners for its handles, deadlines, and errors as values.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/result.h"
#include "store/postgres/parameters.h"

struct pg_conn;
struct pg_result;

namespace millrace::store::postgres {

/// What a statement answered, in binary format. Owns its rows.
class Answer {
  public:
    Answer() = default;
    explicit Answer(pg_result* result) : result_(result) {}
    int rows() const;
    bool is_null(int row, int column) const;
    ByteView bytes(int row, int column) const;
    std::string text(int row, int column) const { return std::string(as_text(bytes(row, column))); }
    /// An integer of any width; 0 for NULL.
    std::int64_t integer(int row, int column) const;

  private:
    struct Clear {
        void operator()(pg_result* result) const;
    };
    std::unique_ptr<pg_result, Clear> result_;
};

/// What a failure means for the next attempt.
enum class Failure : std::uint8_t {
    lost,     ///< the session is gone; another may do
    passing,  ///< the server could not do it now
    data,     ///< what it was given can never be stored
    fault,    ///< nothing will help until somebody changes something in the database
};
/// By SQLSTATE; empty: there was none.
Failure failure_of(std::string_view state);

/// What went wrong, in one line, with PostgreSQL's message and its SQLSTATE where it has sent them.
struct Complaint {
    Failure failure = Failure::lost;
    std::string text;
};

/// One session. Blocks, each answer under a deadline; used by one thread at a time. Errc::store_unavailable:
/// what it was doing may or may not have happened. It is closed after Failure::lost, and after Failure::fault
/// too: a new session may have other rights and settings, know other tables, or be with another server.
class Connection {
  public:
    error_code open(const std::string& url);
    bool is_open() const { return handle_ != nullptr; }
    void close() { handle_.reset(); }

    /// One or more statements without parameters, as one transaction; the answer, in text, is the last one's.
    Result<Answer> run(const std::string& sql);
    error_code prepare(const char* name, const char* sql);
    Result<Answer> execute(const char* name, const Parameters& parameters);

    /// What went wrong last.
    const Complaint& complaint() const { return complaint_; }
    const std::string& message() const { return complaint_.text; }
    int server_version() const;

  private:
    struct Finish {
        void operator()(pg_conn* handle) const;
    };

    Result<Answer> answer(bool sent);
    bool wait_for_answer();
    error_code lost(const char* reason);
    error_code refused(const pg_result* result);
    void remember(Failure failure, const char* message);

    std::unique_ptr<pg_conn, Finish> handle_;
    Complaint complaint_;
};

}  // namespace millrace::store::postgres
