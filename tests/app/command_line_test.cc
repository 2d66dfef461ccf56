#include "app/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::app {
namespace {

using ::testing::HasSubstr;

CommandLine parsed(const std::vector<std::string>& arguments) {
    const ParsedCommandLine result = parse_command_line(arguments);
    EXPECT_TRUE(result.command_line) << result.problem;
    return result.command_line.value_or(CommandLine{});
}

std::string problem_of(const std::vector<std::string>& arguments) {
    const ParsedCommandLine result = parse_command_line(arguments);
    EXPECT_FALSE(result.command_line);
    return result.problem;
}

TEST(CommandLine, ServesWhenNothingIsSaid) {
    EXPECT_EQ(parsed({}).command, Command::serve);
    EXPECT_EQ(parsed({}).config_path, "");
    EXPECT_EQ(parsed({"--config", "a.yaml"}).command, Command::serve);
    EXPECT_EQ(parsed({"serve", "--config", "a.yaml"}).config_path, "a.yaml");
    EXPECT_EQ(parsed({"serve", "--config=a.yaml"}).config_path, "a.yaml");
}

TEST(CommandLine, KnowsEveryCommand) {
    EXPECT_EQ(parsed({"check", "a.yaml"}).command, Command::check);
    EXPECT_EQ(parsed({"check", "a.yaml"}).config_path, "a.yaml");
    EXPECT_EQ(parsed({"import-xano", "a.json"}).command, Command::import_xano);
    EXPECT_EQ(parsed({"import-xano", "a.json"}).file, "a.json");
    EXPECT_EQ(parsed({"defaults"}).command, Command::defaults);
    EXPECT_EQ(parsed({"version"}).command, Command::version);
    EXPECT_EQ(parsed({"--version"}).command, Command::version);
    EXPECT_EQ(parsed({"help"}).command, Command::help);
    EXPECT_EQ(parsed({"serve", "--help"}).command, Command::help);
}

TEST(CommandLine, SaysWhatIsWrong) {
    EXPECT_THAT(problem_of({"srve"}), HasSubstr("'srve'"));
    EXPECT_THAT(problem_of({"check"}), HasSubstr("one file"));
    EXPECT_THAT(problem_of({"check", "a", "b"}), HasSubstr("one file"));
    EXPECT_THAT(problem_of({"import-xano"}), HasSubstr("one file"));
    EXPECT_THAT(problem_of({"serve", "a.yaml"}), HasSubstr("'a.yaml'"));
    EXPECT_THAT(problem_of({"--config"}), HasSubstr("config"));
    EXPECT_THAT(problem_of({"--conf", "a"}), HasSubstr("conf"));
    EXPECT_THAT(problem_of({"defaults", "--config", "a"}), HasSubstr("serve and token only"));
}

TEST(CommandLine, TheHelpNamesEveryCommandAndTheVersionEveryLibrary) {
    for (const char* command : {"serve", "check", "defaults", "version", "exit status"}) {
        EXPECT_THAT(usage(), HasSubstr(command));
    }
    for (const char* library : {"millrace ", "compiler ", "boost 1.", "openssl 3", "libpq ", "sqlite 3"}) {
        EXPECT_THAT(version_text(), HasSubstr(library));
    }
}

TEST(CommandLine, PasswdMayWriteWhatScramNeeds) {
    EXPECT_FALSE(parsed({"passwd", "users.txt", "ada"}).scram);
    const CommandLine line = parsed({"passwd", "--scram", "users.txt", "ada"});
    EXPECT_TRUE(line.scram);
    EXPECT_EQ(line.file, "users.txt");
    EXPECT_EQ(line.user, "ada");
    EXPECT_THAT(problem_of({"check", "--scram", "a.yaml"}), HasSubstr("--scram goes with passwd only"));
}

}  // namespace
}  // namespace millrace::app
