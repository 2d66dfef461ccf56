// SQLite with owners for its handles and errors as values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace millrace::store::sqlite {

/// The project's error for a code of SQLite: what can never be stored, or a store that is away.
error_code to_error(int code);

/// A prepared statement. Belongs to its database's thread; may not outlive the database.
class Statement {
  public:
    Statement() = default;
    /// Parameters are numbered from 1. Bound bytes must stay where they are until step() is done.
    void bind(int index, std::int64_t value);
    void bind(int index, std::string_view text);
    void bind(int index, ByteView bytes);
    void bind_null(int index);
    /// True: a row is there. False: the statement has ended. Errors reset it.
    Result<bool> step();
    void reset();

    std::int64_t integer(int column) const;
    bool is_null(int column) const;
    /// Valid until the next step() or reset().
    std::string_view text(int column) const;
    ByteView blob(int column) const;

  private:
    friend class Database;
    struct Close {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Close> statement_;
};

/// A connection. Used by one thread at a time.
class Database {
  public:
    enum class Mode { write, read_only };

    Database() = default;
    bool is_open() const { return handle_ != nullptr; }
    error_code open(const std::string& path, Mode mode);
    /// Also rolls back what is open.
    void close() { handle_.reset(); }
    error_code run(const char* sql);
    Result<Statement> prepare(std::string_view sql);
    /// The same for one of many: does nothing once `error` is set.
    void prepare(Statement& into, std::string_view sql, error_code& error);
    bool in_transaction() const;
    /// What went wrong last, in SQLite's words.
    std::string message() const;

  private:
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace millrace::store::sqlite
