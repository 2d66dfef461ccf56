#include "tests/system/support/test_store.h"

#include <sstream>
#include <stdexcept>

#include "tests/system/support/postgres.h"
#include "tests/system/support/process.h"

namespace millrace::system_test {

std::ostream& operator<<(std::ostream& out, StoreKind kind) {
    return out << (kind == StoreKind::sqlite ? "sqlite" : "postgres");
}

TestStore::TestStore(StoreKind kind) : kind_(kind) {
    url_ = kind == StoreKind::sqlite ? "sqlite:" + (directory_.path() / "millrace.db").string()
                                     : Postgres::shared().create_database();
}

std::vector<std::string> TestStore::query(const std::string& sql) const {
    const std::vector<std::string> argv =
        kind_ == StoreKind::sqlite
            ? std::vector<std::string>{"sqlite3", "-cmd", ".timeout 5000", directory_.path() / "millrace.db",
                                       sql}
            : std::vector<std::string>{"psql", "-X", "-A", "-t", "-q", url_, "-c", sql};
    const Outcome outcome = run({.argv = argv});
    if (outcome.status != 0) throw std::runtime_error(sql + ": " + outcome.error);
    std::vector<std::string> rows;
    std::istringstream lines(outcome.output);
    for (std::string line; std::getline(lines, line);) rows.push_back(line);
    return rows;
}

}  // namespace millrace::system_test
