// A PostgreSQL of the tests' own.
#pragma once

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace millrace::test {

/// A cluster in a temporary directory, reachable by a Unix socket in it only; gone when this goes. Run as
/// root, the server runs as `postgres`, since it refuses root.
class PostgresServer {
  public:
    PostgresServer();
    ~PostgresServer();
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    /// The one of this program, started when first asked for.
    static PostgresServer& shared();

    /// Makes an empty database and returns its libpq URL.
    std::string create_database();
    void start();
    /// SIGQUIT to all: sessions end without answering, nothing is flushed; recovery follows at the next
    /// start.
    void crash();

    /// One SQL command by psql; its unaligned output.
    std::string sql(const std::string& url, const std::string& command);

  private:
    std::string url(const std::string& database) const;

    std::filesystem::path directory_;
    pid_t server_ = -1;
    int databases_ = 0;
};

}  // namespace millrace::test
