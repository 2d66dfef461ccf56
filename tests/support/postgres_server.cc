#include "tests/support/postgres_server.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <pwd.h>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace millrace::test {
namespace {

const std::string kPrograms = "/usr/lib/postgresql/15/bin/";

const passwd* account() {
    static const passwd* const entry = geteuid() == 0 ? getpwnam("postgres") : nullptr;
    return entry;
}

pid_t spawn(const std::vector<std::string>& command, const std::filesystem::path& directory) {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const std::string log = directory / "log";
    const passwd* user = account();
    const pid_t child = fork();
    if (child != 0) return child;
    if (user != nullptr && (setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) _exit(126);
    if (chdir(directory.c_str()) != 0) _exit(126);
    const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(output, 1);
    dup2(output, 2);
    setpgid(0, 0);
    execv(arguments[0], arguments.data());
    _exit(127);
}

int wait_for(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

/// Each is a session of its own in the operating system's sense too, so no signal to a group reaches them.
std::vector<pid_t> children_of(pid_t parent) {
    const std::string name = std::to_string(parent);
    std::ifstream list("/proc/" + name + "/task/" + name + "/children");
    return {std::istream_iterator<pid_t>(list), std::istream_iterator<pid_t>()};
}

}  // namespace

PostgresServer::PostgresServer() {
    std::string name = std::filesystem::temp_directory_path() / "millrace-postgres-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    directory_ = name;
    if (const passwd* user = account();
        user != nullptr && chown(name.c_str(), user->pw_uid, user->pw_gid) != 0) {
        throw std::runtime_error("chown");
    }
    const std::vector<std::string> command = {
        kPrograms + "initdb", "-D",        directory_ / "data", "-U", "millrace", "-A", "trust", "-E", "UTF8",
        "--locale=C.UTF-8",   "--no-sync", "--no-instructions"};
    if (wait_for(spawn(command, directory_)) != 0)
        throw std::runtime_error("initdb fails, see " + name + "/log");
    start();
}

PostgresServer::~PostgresServer() {
    crash();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

PostgresServer& PostgresServer::shared() {
    static PostgresServer server;
    return server;
}

void PostgresServer::start() {
    // The machine does not lose power during a test: fsync would only cost time.
    const std::vector<std::string> command = {kPrograms + "postgres",
                                              "-D",
                                              directory_ / "data",
                                              "-c",
                                              "listen_addresses=",
                                              "-c",
                                              "unix_socket_directories=" + directory_.string(),
                                              "-c",
                                              "fsync=off"};
    const std::string ready = kPrograms + "pg_isready -q -h " + directory_.string();
    for (int attempt = 0; attempt < 600; ++attempt) {
        // It gives up at once while a process of a crashed predecessor still holds the shared memory.
        if (server_ == -1 || waitpid(server_, nullptr, WNOHANG) == server_)
            server_ = spawn(command, directory_);
        if (std::system(ready.c_str()) == 0) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    throw std::runtime_error("PostgreSQL does not start, see " + directory_.string() + "/log");
}

void PostgresServer::crash() {
    if (server_ == -1) return;
    // Stopped, it forks no session that the list would miss.
    kill(server_, SIGSTOP);
    int status = 0;
    waitpid(server_, &status, WUNTRACED);
    const std::vector<pid_t> sessions = children_of(server_);
    kill(server_, SIGKILL);
    if (WIFSTOPPED(status)) wait_for(server_);
    for (const pid_t session : sessions) kill(session, SIGKILL);
    server_ = -1;
}

std::string PostgresServer::url(const std::string& database) const {
    return "postgresql://millrace@/" + database + "?host=" + directory_.string();
}

std::string PostgresServer::create_database() {
    const std::string name = "test" + std::to_string(++databases_);
    sql(url("postgres"), "create database " + name);
    return url(name);
}

std::string PostgresServer::sql(const std::string& url, const std::string& command) {
    const std::string line = "psql -X -q -A -t -v ON_ERROR_STOP=1 '" + url + "' -c \"" + command + "\" 2>&1";
    FILE* pipe = popen(line.c_str(), "r");
    std::string output;
    std::array<char, 4096> chunk{};
    while (const std::size_t size = fread(chunk.data(), 1, chunk.size(), pipe))
        output.append(chunk.data(), size);
    if (pclose(pipe) != 0) throw std::runtime_error(command + ": " + output);
    while (!output.empty() && output.back() == '\n') output.pop_back();
    return output;
}

}  // namespace millrace::test
