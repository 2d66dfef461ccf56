// Configurations and circumstances the server cannot start with: one clear line, and the right exit status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "tests/system/support/process.h"
#include "tests/system/support/server.h"
#include "tests/system/support/system_test.h"
#include "tests/system/support/tcp_socket.h"
#include "tests/system/support/test_store.h"

namespace millrace::system_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class BadStartTest : public testing::Test {
  protected:
    Outcome millrace(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), millrace_binary());
        return run({.argv = arguments, .directory = directory_.path()});
    }
    Outcome serve(const std::string& yaml) {
        write_file(directory_.path() / "test.yaml", yaml);
        return millrace({"serve", "--config", "test.yaml"});
    }
    static std::string listeners(std::uint16_t mqtt, std::uint16_t http) {
        return "listeners: [\"mqtt://127.0.0.1:" + std::to_string(mqtt) +
               "\", \"http://127.0.0.1:" + std::to_string(http) + "\"]\n";
    }
    static std::string free_listeners() { return listeners(free_port(), free_port()); }
    static void expect_one_line(const Outcome& outcome, const std::string& about) {
        EXPECT_EQ(outcome.status, 1) << outcome.error;
        std::istringstream lines(outcome.error);
        std::vector<std::string> said;
        for (std::string line; std::getline(lines, line);) {
            // What the server says of the tests' own PostgreSQL is true, and not about the failure.
            if (line.find("fsync=off") == std::string::npos) said.push_back(line);
        }
        EXPECT_THAT(said, ElementsAre(HasSubstr(about)));
    }
    TempDir directory_;
};

// Bug class 16.
TEST_F(BadStartTest, EveryMistakeInTheYamlIsReportedWithItsPlace) {
    const std::string yaml =
        "listenrs: []\nthreads: many\nlimits: {http_body_bytes: -3}\nchannels:\n  - match: 'a/#/b'\n    "
        "stor: true\n";
    write_file(directory_.path() / "test.yaml", yaml);
    for (const Outcome& outcome :
         {millrace({"check", "test.yaml"}), millrace({"serve", "--config", "test.yaml"})}) {
        EXPECT_EQ(outcome.status, 1);
        for (const char* place : {"1:1", "2:10", "3:27", "5:12", "6:5"}) {
            EXPECT_THAT(outcome.error, HasSubstr(place));
        }
        EXPECT_THAT(outcome.error, HasSubstr("listenrs"));
        EXPECT_THAT(outcome.error, HasSubstr("stor"));
    }
}

TEST_F(BadStartTest, YamlThatIsNoneSaysWhere) {
    const Outcome outcome = serve("listeners:\n  - [unclosed\nthreads: 2\n");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.error, HasSubstr("test.yaml:"));
}

TEST_F(BadStartTest, ConfigurationFileThatIsNotThere) {
    const Outcome outcome = millrace({"serve", "--config", "nowhere.yaml"});
    expect_one_line(outcome, "nowhere.yaml");
}

TEST_F(BadStartTest, PostgresThatIsNotThere) {
    const std::string port = std::to_string(free_port());
    expect_one_line(
        serve(free_listeners() + "store: {url: \"postgresql://millrace@127.0.0.1:" + port + "/none\"}\n"),
        port);
}

TEST_F(BadStartTest, DatabaseThatIsNotThere) {
    const TestStore store(StoreKind::postgres);
    expect_one_line(serve(free_listeners() + "store: {url: \"" + store.url() + "_not_made\"}\n"),
                    "_not_made");
}

TEST_F(BadStartTest, SqliteWhereNothingCanBeWritten) {
    write_file(directory_.path() / "file", "");
    expect_one_line(serve(free_listeners() + "store: {url: \"sqlite:file/millrace.db\"}\n"),
                    "file/millrace.db");
}

// Bug class 26.
TEST_F(BadStartTest, SqliteFileThatIsNoDatabase) {
    write_file(directory_.path() / "millrace.db", std::string(8192, 'x'));
    expect_one_line(serve(free_listeners() + "store: {url: \"sqlite:millrace.db\"}\n"), "millrace.db");
    EXPECT_EQ(read_file(directory_.path() / "millrace.db"), std::string(8192, 'x')) << "left as it was";
}

class TakenTest : public BadStartTest, public testing::WithParamInterface<StoreKind> {};

TEST_P(TakenTest, PortThatIsTaken) {
    const TestStore store(GetParam());
    Server first(store.url());
    first.start();
    const TestStore other(GetParam());
    const std::string url = "store: {url: \"" + other.url() + "\"}\n";
    expect_one_line(serve(listeners(first.mqtt_port(), free_port()) + url),
                    "127.0.0.1:" + std::to_string(first.mqtt_port()));
    expect_one_line(serve(listeners(free_port(), first.http_port()) + url),
                    "127.0.0.1:" + std::to_string(first.http_port()));
    EXPECT_EQ(first.stop(), 0);
}

TEST_P(TakenTest, StoreThatAnotherServerOwns) {
    const TestStore store(GetParam());
    Server first(store.url());
    first.start();
    const Outcome second = serve(free_listeners() + "store: {url: \"" + store.url() + "\"}\n");
    EXPECT_EQ(second.status, 1) << second.error;
    EXPECT_FALSE(second.error.empty());
    EXPECT_EQ(first.stop(), 0);
}

MILLRACE_ON_BOTH_STORES(TakenTest);

TEST_F(BadStartTest, WrongUsageIsStatus2) {
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"dance"},
                                               {"--nonsense"},
                                               {"serve", "--config"},
                                               {"check"},
                                               {"check", "a", "b"},
                                               {"serve", "surplus"}}) {
        const Outcome outcome = millrace(arguments);
        EXPECT_EQ(outcome.status, 2) << arguments[0] << ": " << outcome.error;
        EXPECT_FALSE(outcome.error.empty());
    }
}

TEST_F(BadStartTest, GoodUsageIsStatus0) {
    const Outcome defaults = millrace({"defaults"});
    EXPECT_EQ(defaults.status, 0);
    write_file(directory_.path() / "defaults.yaml", defaults.output);
    EXPECT_EQ(millrace({"check", "defaults.yaml"}).status, 0);
    EXPECT_THAT(millrace({"version"}).output, HasSubstr("millrace"));
}

}  // namespace
}  // namespace millrace::system_test
