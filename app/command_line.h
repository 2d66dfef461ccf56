// What the user typed.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace millrace::app {

/// Exit statuses of the contract.
enum class Exit : int { fine = 0, failed = 1, wrong_usage = 2 };

enum class Command { serve, check, passwd, token, import_xano, defaults, version, help };

/// What `millrace token` is to say.
struct TokenRequest {
    std::string user;
    std::string extras = "{}";
    std::string ttl = "1h";
};

struct CommandLine {
    Command command = Command::serve;
    std::string config_path;  ///< empty: the embedded defaults
    std::string file;         ///< of passwd and import-xano
    std::string user;         ///< of passwd
    bool scram = false;       ///< of passwd: what SCRAM needs instead of a hash
    TokenRequest token;
};

/// Either a command line or, in one line, what is wrong with it.
struct ParsedCommandLine {
    std::optional<CommandLine> command_line;
    std::string problem;
};

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments);

/// The text of `--help`.
std::string usage();
/// The text of `millrace version`: this program, its compiler and its libraries.
std::string version_text();

}  // namespace millrace::app
