#include "tests/system/support/postgres.h"

#include <pwd.h>
#include <signal.h>
#include <stdexcept>
#include <unistd.h>

#include "tests/system/support/tcp_socket.h"

namespace millrace::system_test {
namespace {

std::optional<Account> account() {
    if (geteuid() != 0) return std::nullopt;
    const passwd* entry = getpwnam("postgres");
    if (entry == nullptr) entry = getpwnam("nobody");
    if (entry == nullptr) throw std::runtime_error("no account for PostgreSQL to run as");
    return Account{entry->pw_uid, entry->pw_gid};
}

std::string program(const std::string& name) {
    static const std::string directory = [] {
        if (std::filesystem::exists("/usr/lib/postgresql/15/bin/postgres")) {
            return std::string("/usr/lib/postgresql/15/bin");
        }
        std::string found = run({.argv = {"pg_config", "--bindir"}}).output;
        return found.substr(0, found.find('\n'));
    }();
    return directory + "/" + name;
}

}  // namespace

Postgres::Postgres() : port_(free_port()) {
    const std::filesystem::path& path = directory_.path();
    if (const std::optional<Account> owner = account()) {
        if (chown(path.c_str(), owner->user, owner->group) != 0)
            throw std::runtime_error("cannot give away a directory");
    }
    const Outcome made =
        run({.argv = {program("initdb"), "-D", path / "data", "-U", "millrace", "-A", "trust", "-E", "UTF8",
                      "--locale=C.UTF-8", "--no-sync", "--no-instructions"},
             .directory = path,
             .account = account()});
    if (made.status != 0) throw std::runtime_error("initdb: " + made.output + made.error);
    start();
}

Postgres::~Postgres() {
    stop();
}

Postgres& Postgres::shared() {
    static Postgres instance;
    return instance;
}

void Postgres::start() {
    const std::filesystem::path& path = directory_.path();
    // The machine does not lose power during a test, so nothing is lost without fsync.
    process_ = std::make_unique<Process>(
        Command{.argv = {program("postgres"), "-D", path / "data", "-p", std::to_string(port_), "-c",
                         "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + path.string(), "-c",
                         "fsync=off"},
                .directory = path,
                .account = account(),
                .log = path / "postgres.log"});
    const std::vector<std::string> question = {program("pg_isready"), "-q", "-h",
                                               "127.0.0.1",           "-p", std::to_string(port_)};
    if (!eventually([&] { return run({.argv = question}).status == 0; })) {
        throw std::runtime_error("PostgreSQL does not start: " + read_file(path / "postgres.log"));
    }
}

void Postgres::stop() {
    process_->signal(SIGINT);
    process_->wait();
}

std::string Postgres::create_database() {
    const std::string server = "postgresql://millrace@127.0.0.1:" + std::to_string(port_) + "/";
    const std::string name = "test" + std::to_string(++databases_);
    const Outcome made = run({.argv = {"psql", "-q", server + "postgres", "-c", "create database " + name}});
    if (made.status != 0) throw std::runtime_error(made.error);
    return server + name;
}

}  // namespace millrace::system_test
