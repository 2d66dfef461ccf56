#include "store/sqlite/database.h"

#include <spdlog/spdlog.h>
#include <sqlite3.h>

namespace millrace::store::sqlite {

error_code to_error(int code) {
    switch (code & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
            return {};
        case SQLITE_TOOBIG:
            return Errc::too_large;
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
            return Errc::malformed;
        default:
            return Errc::store_unavailable;
    }
}

void Statement::Close::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}
void Database::Close::operator()(sqlite3* handle) const {
    sqlite3_close_v2(handle);
}

void Statement::bind(int index, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), index, value);
}

void Statement::bind(int index, std::string_view text) {
    sqlite3_bind_text64(statement_.get(), index, text.data() == nullptr ? "" : text.data(), text.size(),
                        nullptr, SQLITE_UTF8);
}

void Statement::bind(int index, ByteView bytes) {
    if (bytes.empty()) {
        sqlite3_bind_zeroblob(statement_.get(), index, 0);
    } else {
        sqlite3_bind_blob64(statement_.get(), index, bytes.data(), bytes.size(), nullptr);
    }
}

void Statement::bind_null(int index) {
    sqlite3_bind_null(statement_.get(), index);
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        reset();
        return false;
    }
    spdlog::warn("SQLite: {}", sqlite3_errmsg(sqlite3_db_handle(statement_.get())));
    reset();
    return {boost::system::in_place_error, to_error(code)};
}

void Statement::reset() {
    sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string_view Statement::text(int column) const {
    return as_text(blob(column));
}

ByteView Statement::blob(int column) const {
    const void* data = sqlite3_column_blob(statement_.get(), column);
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return {static_cast<const std::byte*>(data), static_cast<std::size_t>(size)};
}

error_code Database::open(const std::string& path, Mode mode) {
    const int flags = mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    handle_.reset(handle);
    if (code != SQLITE_OK) return to_error(code);
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, 2000);
    // Nothing has been read yet; this finds out whether the file is a database at all.
    return to_error(sqlite3_exec(handle, "pragma schema_version", nullptr, nullptr, nullptr));
}

error_code Database::run(const char* sql) {
    const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) spdlog::warn("SQLite: {}", message());
    return to_error(code);
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    Statement result;
    result.statement_.reset(statement);
    if (code != SQLITE_OK) return make_error_code(Errc::store_unavailable);
    return result;
}

void Database::prepare(Statement& into, std::string_view sql, error_code& error) {
    if (error) return;
    Result<Statement> statement = prepare(sql);
    if (statement) {
        into = std::move(*statement);
    } else {
        error = statement.error();
    }
}

bool Database::in_transaction() const {
    return handle_ != nullptr && sqlite3_get_autocommit(handle_.get()) == 0;
}

std::string Database::message() const {
    return handle_ == nullptr ? "not open" : sqlite3_errmsg(handle_.get());
}

}  // namespace millrace::store::sqlite
