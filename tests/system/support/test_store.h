// The store of one test, seen from outside the server: its address, and what SQL says is in it.
#pragma once

#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/system/support/temp_dir.h"

namespace millrace::system_test {

enum class StoreKind { sqlite, postgres };
std::ostream& operator<<(std::ostream& out, StoreKind kind);

/// An empty database of that kind, gone with its owner (in PostgreSQL: with the test program).
class TestStore {
  public:
    explicit TestStore(StoreKind kind);

    StoreKind kind() const { return kind_; }
    /// For the configuration.
    const std::string& url() const { return url_; }
    /// Rows as `a|b`, by sqlite3 or psql beside the running server; throws what those complain about.
    std::vector<std::string> query(const std::string& sql) const;
    /// `select … from <messages> …`
    std::string messages() const { return kind_ == StoreKind::sqlite ? "messages" : "millrace.messages"; }

  private:
    StoreKind kind_;
    TempDir directory_;
    std::string url_;
};

}  // namespace millrace::system_test
