// Other programs: started, spoken to, waited for, and never left behind.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "tests/system/support/wait.h"

namespace millrace::system_test {

/// Who a process runs as, when not as we do.
struct Account {
    uid_t user;
    gid_t group;
};

struct Command {
    std::vector<std::string> argv;              // argv[0] is looked up in PATH
    std::filesystem::path directory = {};       // where it runs; empty: here
    std::vector<std::string> environment = {};  // NAME=value, beside what we have
    std::optional<Account> account = {};        // only root can change it
    std::filesystem::path log = {};             // stdout and stderr go there; empty: to our pipes
};

/// A child process with pipes to its three standard streams. Killed and reaped with its owner, and by the
/// kernel should the test program die. Belongs to one thread.
class Process {
  public:
    explicit Process(const Command& command);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    pid_t pid() const { return pid_; }
    void write(std::string_view text);
    void close_input();
    /// The next line of stdout without its end; nothing when it does not come in time or stdout has ended.
    std::optional<std::string> read_line(Clock::duration patience = kPatience);
    /// All that is still to come on stdout and stderr, until both end or time is up.
    std::string read_output(Clock::duration patience = kPatience);
    const std::string& error_text() const { return error_; }

    void signal(int number);
    bool running() { return !wait(0s); }
    /// The exit status, or 128 + the signal that ended it; nothing when it still runs after that time.
    std::optional<int> wait(Clock::duration patience = kPatience);

  private:
    /// One round of reading what there is; false when nothing more can come.
    bool pump(const Deadline& deadline);

    pid_t pid_ = -1;
    int input_ = -1;
    int output_fd_ = -1;
    int error_fd_ = -1;
    std::string output_;
    std::string error_;
    std::optional<int> status_;
};

/// The resident memory of a process; 0: there is none of that id.
std::size_t resident_kib(pid_t pid);

struct Outcome {
    int status = -1;  // -1: did not end in time
    std::string output;
    std::string error;
};

/// Runs a command to its end.
Outcome run(const Command& command, std::string_view input = {}, Clock::duration patience = 30s);

}  // namespace millrace::system_test
