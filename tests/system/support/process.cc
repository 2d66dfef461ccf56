#include "tests/system/support/process.h"

#include <array>
#include <errno.h>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace millrace::system_test {
namespace {

struct Pipe {
    int read_end = -1;
    int write_end = -1;
};

Pipe make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    return {ends[0], ends[1]};
}

void close_fd(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> found;
    for (std::string& text : texts) found.push_back(text.data());
    found.push_back(nullptr);
    return found;
}

std::vector<std::string> environment_with(const std::vector<std::string>& more) {
    std::vector<std::string> all = more;
    for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
    return all;
}

bool become(const Account& account) {
    return setgroups(1, &account.group) == 0 && setgid(account.group) == 0 && setuid(account.user) == 0;
}

/// What the new process does before it becomes the other program; only calls that are safe after fork().
struct Child {
    std::vector<char*> argv;
    std::vector<char*> environment;
    const char* directory;
    std::optional<Account> account;
    std::array<int, 3> streams;
    pid_t parent;

    [[noreturn]] void start() const {
        for (int i = 0; i < 3; ++i) dup2(streams[static_cast<std::size_t>(i)], i);
        const bool ready = (*directory == '\0' || chdir(directory) == 0) && (!account || become(*account));
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::signal(SIGPIPE, SIG_DFL);
        if (ready && getppid() == parent) execvpe(argv[0], argv.data(), environment.data());
        _exit(127);
    }
};

void read_into(std::string& text, int& fd) {
    std::array<char, 16384> chunk;
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got > 0) return void(text.append(chunk.data(), static_cast<std::size_t>(got)));
    if (got == 0 || errno != EINTR) close_fd(fd);
}

}  // namespace

Process::Process(const Command& command) {
    ::signal(SIGPIPE, SIG_IGN);  // a client that went away is seen by the failed write
    const Pipe input = make_pipe();
    Pipe output = make_pipe();
    Pipe error = make_pipe();
    int log = -1;
    if (!command.log.empty())
        log = open(command.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    std::vector<std::string> argv = command.argv;
    std::vector<std::string> environment = environment_with(command.environment);
    const std::string directory = command.directory.string();
    const Child child{pointers(argv),
                      pointers(environment),
                      directory.c_str(),
                      command.account,
                      {input.read_end, log < 0 ? output.write_end : log, log < 0 ? error.write_end : log},
                      getpid()};
    pid_ = fork();
    if (pid_ == 0) child.start();
    ::close(input.read_end);
    close_fd(output.write_end);
    close_fd(error.write_end);
    close_fd(log);
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    input_ = input.write_end;
    output_fd_ = output.read_end;
    error_fd_ = error.read_end;
}

Process::~Process() {
    if (!status_) {
        signal(SIGKILL);
        wait(kPatience);
    }
    close_input();
    close_fd(output_fd_);
    close_fd(error_fd_);
}

void Process::write(std::string_view text) {
    while (!text.empty() && input_ >= 0) {
        const ssize_t sent = ::write(input_, text.data(), text.size());
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return close_input();
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void Process::close_input() {
    close_fd(input_);
}

bool Process::pump(const Deadline& deadline) {
    if (output_fd_ < 0 && error_fd_ < 0) return false;
    std::array<pollfd, 2> fds{{{output_fd_, POLLIN, 0}, {error_fd_, POLLIN, 0}}};
    if (poll(fds.data(), fds.size(), deadline.left_ms()) <= 0) return false;
    if (fds[0].revents != 0) read_into(output_, output_fd_);
    if (fds[1].revents != 0) read_into(error_, error_fd_);
    return true;
}

std::optional<std::string> Process::read_line(Clock::duration patience) {
    const Deadline deadline(patience);
    for (;;) {
        if (const std::size_t end = output_.find('\n'); end != std::string::npos) {
            std::string line = output_.substr(0, end);
            output_.erase(0, end + 1);
            return line;
        }
        if (output_fd_ < 0 || !pump(deadline)) return std::nullopt;
    }
}

std::string Process::read_output(Clock::duration patience) {
    const Deadline deadline(patience);
    while (pump(deadline)) {
    }
    return std::exchange(output_, {});
}

void Process::signal(int number) {
    if (!status_) kill(pid_, number);
}

std::optional<int> Process::wait(Clock::duration patience) {
    if (status_) return status_;
    const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    pollfd ended{handle, POLLIN, 0};
    poll(&ended, 1, Deadline(patience).left_ms());
    ::close(handle);
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return status_;
}

std::size_t resident_kib(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
    }
    return 0;
}

Outcome run(const Command& command, std::string_view input, Clock::duration patience) {
    const Deadline deadline(patience);
    Process process(command);
    process.write(input);
    process.close_input();
    Outcome outcome;
    outcome.output = process.read_output(patience);
    outcome.error = process.error_text();
    outcome.status = process.wait(std::chrono::milliseconds(deadline.left_ms())).value_or(-1);
    return outcome;
}

}  // namespace millrace::system_test
