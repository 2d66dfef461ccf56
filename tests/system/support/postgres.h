// A PostgreSQL of the tests' own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/system/support/process.h"
#include "tests/system/support/temp_dir.h"

namespace millrace::system_test {

/// A database cluster in a directory of its own, running on a port of its own. Run as root it runs as
/// `postgres` (or `nobody`), since PostgreSQL refuses root.
class Postgres {
  public:
    Postgres();
    ~Postgres();

    /// The one of this test program, started when first asked for.
    static Postgres& shared();

    /// Makes an empty database and returns its libpq URL.
    std::string create_database();
    void stop();
    void start();

  private:
    TempDir directory_;
    std::uint16_t port_;
    std::unique_ptr<Process> process_;
    int databases_ = 0;
};

}  // namespace millrace::system_test
