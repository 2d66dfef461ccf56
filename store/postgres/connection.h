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

/// One session. Blocks, each answer under a deadline; used by one thread at a time. After
/// Errc::store_unavailable it is closed, and what it was doing may or may not have happened.
class Connection {
  public:
    error_code open(const std::string& url);
    bool is_open() const { return handle_ != nullptr; }
    void close() { handle_.reset(); }

    /// One or more statements without parameters, as one transaction; the answer, in text, is the last one's.
    Result<Answer> run(const std::string& sql);
    error_code prepare(const char* name, const char* sql);
    Result<Answer> execute(const char* name, const Parameters& parameters);

    /// What went wrong last, in one line.
    const std::string& message() const { return message_; }
    int server_version() const;

  private:
    struct Finish {
        void operator()(pg_conn* handle) const;
    };

    Result<Answer> answer(bool sent);
    bool wait_for_answer();
    error_code lost(const char* reason);
    error_code refused(const pg_result* result);
    void remember(const char* message);

    std::unique_ptr<pg_conn, Finish> handle_;
    std::string message_;
};

}  // namespace millrace::store::postgres
