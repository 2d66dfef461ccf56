#include "store/sqlite/sqlite_backend.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "store/sqlite/migrations.h"
#include "store/sqlite/sqlite_maintenance.h"
#include "store/sqlite/sqlite_reader.h"
#include "store/sqlite/sqlite_sessions.h"
#include "store/sqlite/sqlite_table.h"

namespace millrace::store::sqlite {
namespace {

namespace fs = std::filesystem;

/// An flock on `<path>.lock`, held until it goes; the file itself stays, so that no two processes can hold
/// locks on two files of one name.
class FileLock {
  public:
    FileLock() = default;
    FileLock(FileLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
    FileLock& operator=(FileLock&&) = delete;
    ~FileLock() {
        if (file_ != -1) ::close(file_);
    }

    bool take(const std::string& path, std::string& why) {
        file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file_ == -1) {
            why = std::system_category().message(errno);
            return false;
        }
        if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return true;
        why = errno == EWOULDBLOCK ? "another Millrace is using it" : std::system_category().message(errno);
        return false;
    }

  private:
    int file_ = -1;
};

class SqliteBackend final : public Backend {
  public:
    SqliteBackend(std::string path, FileLock lock, std::string epoch)
        : path_(std::move(path)), lock_(std::move(lock)), epoch_(std::move(epoch)) {}

    const std::string& epoch() const override { return epoch_; }
    std::unique_ptr<Log> open_log() override {
        return std::make_unique<SequencedLog>(std::make_unique<SqliteTable>(path_));
    }
    std::unique_ptr<Reader> open_reader() override { return std::make_unique<SqliteReader>(path_); }
    std::unique_ptr<Maintenance> open_maintenance() override {
        return std::make_unique<SqliteMaintenance>(path_);
    }
    std::unique_ptr<SessionLog> open_sessions() override { return std::make_unique<SqliteSessions>(path_); }

  private:
    const std::string path_;
    const FileLock lock_;
    const std::string epoch_;
};

bool make_directory(const fs::path& file, std::string& why) {
    const fs::path directory = file.parent_path();
    if (directory.empty() || fs::exists(directory)) return true;
    std::error_code error;
    if (directory.has_parent_path()) fs::create_directories(directory.parent_path(), error);
    if (::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return true;
    why = "cannot make the directory " + directory.string() + ": " + std::system_category().message(errno);
    return false;
}

Result<std::string> read_epoch(Database& database) {
    Result<Statement> statement = database.prepare("select value from meta where key = 'epoch'");
    if (!statement) return statement.error();
    const Result<bool> row = statement->step();
    if (!row) return row.error();
    return std::string(statement->text(0));
}

std::unique_ptr<Backend> try_open(const std::string& path, std::string& why) {
    if (!make_directory(path, why)) return nullptr;
    FileLock lock;
    if (!lock.take(path + ".lock", why)) return nullptr;
    Database database;
    if (open_for_writing(database, path)) {
        why = database.message();
        return nullptr;
    }
    if (!migrate(database, why)) return nullptr;
    const Result<std::string> epoch = read_epoch(database);
    if (!epoch || epoch->empty()) {
        why = "it has no epoch: " + database.message();
        return nullptr;
    }
    return std::make_unique<SqliteBackend>(path, std::move(lock), *epoch);
}

}  // namespace

Result<std::unique_ptr<Backend>> open(const std::string& path, std::string& why) {
    std::unique_ptr<Backend> backend = try_open(path, why);
    if (backend != nullptr) return backend;
    why = "store " + path + ": " + why;
    return make_error_code(Errc::store_unavailable);
}

}  // namespace millrace::store::sqlite
