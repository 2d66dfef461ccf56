#include "app/command_line.h"

#include <array>
#include <boost/program_options.hpp>
#include <boost/version.hpp>
#include <fmt/core.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <spdlog/version.h>
#include <sqlite3.h>
#include <string_view>
#include <utility>

namespace millrace::app {
namespace {

namespace options = boost::program_options;

constexpr std::array<std::pair<std::string_view, Command>, 5> kCommands{{
    {"serve", Command::serve},
    {"check", Command::check},
    {"defaults", Command::defaults},
    {"version", Command::version},
    {"help", Command::help},
}};

ParsedCommandLine wrong(std::string problem) {
    return {std::nullopt, std::move(problem)};
}

/// What is left when the options are taken out: a command, and for `check` a file.
ParsedCommandLine interpret(const std::vector<std::string>& words, std::string config_path) {
    CommandLine line;
    line.config_path = std::move(config_path);
    if (words.empty()) return {line, {}};
    bool known = false;
    for (const auto& [name, command] : kCommands) {
        if (words.front() != name) continue;
        line.command = command;
        known = true;
    }
    if (!known) return wrong("unknown command '" + words.front() + "'");
    if (line.command == Command::check) {
        if (words.size() != 2) return wrong("check takes one file: millrace check FILE");
        if (!line.config_path.empty()) return wrong("check takes its file without --config");
        line.config_path = words[1];
    } else if (words.size() > 1) {
        return wrong("unexpected argument '" + words[1] + "'");
    }
    if (!line.config_path.empty() && line.command != Command::serve && line.command != Command::check) {
        return wrong("--config goes with serve only");
    }
    return {line, {}};
}

std::string sqlite_version() {
    return sqlite3_libversion();
}

std::string libpq_version() {
    const int version = PQlibVersion();
    return fmt::format("{}.{}", version / 10000, version % 10000);
}

}  // namespace

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments) {
    options::options_description named;
    named.add_options()("config", options::value<std::string>())("help,h", "")("version", "")(
        "word", options::value<std::vector<std::string>>());
    options::positional_options_description positions;
    positions.add("word", -1);
    options::variables_map found;
    try {
        const int style =
            options::command_line_style::unix_style & ~options::command_line_style::allow_guessing;
        options::store(
            options::command_line_parser(arguments).options(named).positional(positions).style(style).run(),
            found);
    } catch (const options::error& error) {
        return wrong(error.what());
    }
    if (found.contains("help")) return {CommandLine{Command::help, {}}, {}};
    if (found.contains("version")) return {CommandLine{Command::version, {}}, {}};
    const auto words =
        found.contains("word") ? found["word"].as<std::vector<std::string>>() : std::vector<std::string>{};
    std::string config_path = found.contains("config") ? found["config"].as<std::string>() : std::string{};
    if (found.contains("config") && config_path.empty()) return wrong("--config needs a file");
    return interpret(words, std::move(config_path));
}

std::string usage() {
    return R"(Millrace: an MQTT broker whose channels have a memory, with an HTTP door and a browser door.

usage: millrace [serve] [--config FILE]   run; without a file: SQLite in ./millrace-data, MQTT on
                                          127.0.0.1:1883, HTTP on 127.0.0.1:8080
       millrace check FILE                validate a configuration: every error, with line and column
       millrace defaults                  print the whole commented configuration
       millrace version                   print the versions of the program and its libraries
       millrace help                      print this

exit status: 0 fine, 1 wrong configuration or failed start, 2 wrong usage
signals:     SIGTERM and SIGINT drain and stop
)";
}

std::string version_text() {
    return fmt::format(
        "millrace {}\ncompiler {}\nboost {}.{}.{}\nopenssl {}\nlibpq {}\nsqlite {}\nspdlog {}.{}.{}\n",
        MILLRACE_VERSION, __VERSION__, BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000,
        BOOST_VERSION % 100, OpenSSL_version(OPENSSL_VERSION_STRING), libpq_version(), sqlite_version(),
        SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH);
}

}  // namespace millrace::app
