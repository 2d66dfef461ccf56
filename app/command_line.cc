#include "app/command_line.h"

#include <algorithm>
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

constexpr std::array<std::pair<std::string_view, Command>, 8> kCommands{{
    {"serve", Command::serve},
    {"check", Command::check},
    {"passwd", Command::passwd},
    {"token", Command::token},
    {"import-xano", Command::import_xano},
    {"defaults", Command::defaults},
    {"version", Command::version},
    {"help", Command::help},
}};

ParsedCommandLine wrong(std::string problem) {
    return {std::nullopt, std::move(problem)};
}

std::string text_of(const options::variables_map& found, const char* name) {
    return found.contains(name) ? found[name].as<std::string>() : std::string{};
}

/// The words behind the command.
ParsedCommandLine take_words(CommandLine line, const std::vector<std::string>& words) {
    if (line.command == Command::check) {
        if (words.size() != 1) return wrong("check takes one file: millrace check FILE");
        if (!line.config_path.empty()) return wrong("check takes its file without --config");
        line.config_path = words[0];
    } else if (line.command == Command::passwd) {
        if (words.size() != 2) return wrong("passwd takes a file and a user: millrace passwd FILE USER");
        line.file = words[0];
        line.user = words[1];
    } else if (line.command == Command::import_xano) {
        if (words.size() != 1) return wrong("import-xano takes one file: millrace import-xano FILE");
        line.file = words[0];
    } else if (!words.empty()) {
        return wrong("unexpected argument '" + words[0] + "'");
    }
    return {line, {}};
}

/// The options have to go with the command.
ParsedCommandLine interpret(const options::variables_map& found) {
    CommandLine line;
    line.config_path = text_of(found, "config");
    if (found.contains("config") && line.config_path.empty()) return wrong("--config needs a file");
    std::vector<std::string> words;
    if (found.contains("word")) words = found["word"].as<std::vector<std::string>>();
    if (!words.empty()) {
        const auto known =
            std::ranges::find(kCommands, words.front(), &std::pair<std::string_view, Command>::first);
        if (known == kCommands.end()) return wrong("unknown command '" + words.front() + "'");
        line.command = known->second;
        words.erase(words.begin());
    }
    const bool token = line.command == Command::token;
    for (const char* name : {"user", "extras", "ttl"}) {
        if (found.contains(name) && !token) return wrong("--" + std::string(name) + " goes with token only");
    }
    line.scram = found.contains("scram");
    if (line.scram && line.command != Command::passwd) return wrong("--scram goes with passwd only");
    if (token && text_of(found, "user").empty()) return wrong("token needs --user ID");
    if (token && line.config_path.empty()) return wrong("token needs --config FILE, for the secret");
    line.token.user = text_of(found, "user");
    if (found.contains("extras")) line.token.extras = text_of(found, "extras");
    if (found.contains("ttl")) line.token.ttl = text_of(found, "ttl");
    ParsedCommandLine parsed = take_words(std::move(line), words);
    if (!parsed.command_line || parsed.command_line->config_path.empty()) return parsed;
    const Command command = parsed.command_line->command;
    if (command != Command::serve && command != Command::check && !token)
        return wrong("--config goes with serve and token only");
    return parsed;
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
    named.add_options()("config", options::value<std::string>())("user", options::value<std::string>())(
        "extras", options::value<std::string>())("ttl", options::value<std::string>())("scram", "")(
        "help,h", "")("version", "")("word", options::value<std::vector<std::string>>());
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
    return interpret(found);
}

std::string usage() {
    return R"(Millrace: an MQTT broker whose channels have a memory, with an HTTP door and a browser door.

usage: millrace [serve] [--config FILE]   run; without a file: SQLite in ./millrace-data, MQTT on
                                          127.0.0.1:1883, HTTP on 127.0.0.1:8080
       millrace check FILE                validate a configuration: every error, with line and column
       millrace passwd [--scram] FILE USER
                                          add a user to a password file, or change the password, which is
                                          read from the terminal or from stdin; --scram: for SCRAM-SHA-256
       millrace token --user ID [--extras JSON] [--ttl 1h] --config FILE
                                          print a token, signed with auth.jwt.secret
       millrace import-xano FILE          print a configuration like the realtime settings of a Xano workspace,
                                          which FILE has as JSON of the metadata API; what cannot be taken
                                          over is said on stderr, and the exit status is 1
       millrace defaults                  print the whole commented configuration
       millrace version                   print the versions of the program and its libraries
       millrace help                      print this

exit status: 0 fine, 1 wrong configuration or failed start, 2 wrong usage
signals:     SIGTERM and SIGINT drain and stop; SIGHUP reads the configuration again: all but
             listeners, threads and the store holds at once
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
