#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "app/accounts.h"
#include "app/application.h"
#include "app/command_line.h"
#include "app/entrance.h"
#include "app/import_xano.h"
#include "config/documents.h"
#include "config/load.h"
#include "core/access/authoriser.h"
#include "core/access/text_file.h"
#include "core/hooks/caller.h"

namespace millrace::app {
namespace {

int status(Exit exit) {
    return static_cast<int>(exit);
}

void print(std::FILE* where, const std::string& text) {
    std::fputs(text.c_str(), where);
}

Exit report(const std::string& path, const std::vector<config::Problem>& problems) {
    for (const config::Problem& problem : problems) print(stderr, config::format(path, problem) + "\n");
    return problems.empty() ? Exit::fine : Exit::failed;
}

/// What the configuration names for `auth`, `tls` and `hooks` has to be there and in order too.
Exit check_files(const std::string& path, const config::Config& configuration) {
    try {
        const access::Authoriser authoriser(configuration);
        static_cast<void>(load_certificates(configuration));
        if (configuration.asks_hooks()) static_cast<void>(hooks::settings_of(configuration));
    } catch (const std::exception& failure) {
        print(stderr, path + ": " + failure.what() + "\n");
        return Exit::failed;
    }
    return Exit::fine;
}

Exit check(const std::string& path) {
    const config::LoadResult loaded = config::load_file(path);
    Exit outcome = report(path, loaded.problems);
    if (outcome == Exit::fine) outcome = check_files(path, loaded.config);
    if (outcome == Exit::fine) print(stdout, path + " is fine\n");
    return outcome;
}

Exit import_settings(const std::string& path) {
    const access::Parsed<std::string> text = access::read_text_file(path);
    if (!text) {
        print(stderr, access::format(path, text.error()) + "\n");
        return Exit::failed;
    }
    const Imported imported = import_xano(*text);
    for (const std::string& problem : imported.problems) print(stderr, path + ": " + problem + "\n");
    print(stdout, imported.yaml);
    return imported.problems.empty() ? Exit::fine : Exit::failed;
}

Exit serve(const std::string& path) {
    config::Config configuration;
    if (!path.empty()) {
        const config::LoadResult loaded = config::load_file(path);
        if (!loaded.problems.empty()) return report(path, loaded.problems);
        configuration = loaded.config;
    }
    try {
        Application application(configuration, path);
        application.run();
    } catch (const std::exception& failure) {
        print(stderr, std::string("millrace: ") + failure.what() + "\n");
        return Exit::failed;
    }
    return Exit::fine;
}

Exit run(const CommandLine& line) {
    switch (line.command) {
        case Command::serve:
            return serve(line.config_path);
        case Command::check:
            return check(line.config_path);
        case Command::passwd:
            return change_password(line.file, line.user, line.scram);
        case Command::import_xano:
            return import_settings(line.file);
        case Command::token:
            return mint_token(line.config_path, line.token);
        case Command::defaults:
            print(stdout, config::defaults_yaml());
            break;
        case Command::version:
            print(stdout, version_text());
            break;
        case Command::help:
            print(stdout, usage());
            break;
    }
    return Exit::fine;
}

}  // namespace
}  // namespace millrace::app

int main(int count, char** values) {
    using namespace millrace::app;
    const std::vector<std::string> arguments(values + 1, values + count);
    const ParsedCommandLine parsed = parse_command_line(arguments);
    if (!parsed.command_line) {
        print(stderr, "millrace: " + parsed.problem + "; 'millrace help' tells what there is\n");
        return status(Exit::wrong_usage);
    }
    return status(run(*parsed.command_line));
}
