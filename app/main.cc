#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "app/application.h"
#include "app/command_line.h"
#include "config/documents.h"
#include "config/load.h"

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

Exit check(const std::string& path) {
    const Exit outcome = report(path, config::load_file(path).problems);
    if (outcome == Exit::fine) print(stdout, path + " is fine\n");
    return outcome;
}

Exit serve(const std::string& path) {
    config::Config configuration;
    if (!path.empty()) {
        const config::LoadResult loaded = config::load_file(path);
        if (!loaded.problems.empty()) return report(path, loaded.problems);
        configuration = loaded.config;
    }
    try {
        Application application(configuration);
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
