// The same scenarios against Millrace and Mosquitto. MILLRACE_DIFFERENTIAL_RECORD=FILE writes what both said
// there instead of comparing it: a new scenario is recorded, read, and put into tests/system/differential.
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <future>
#include <gtest/gtest.h>
#include <memory>

#include "tests/system/support/scenario.h"
#include "tests/system/support/server.h"
#include "tests/system/support/temp_dir.h"
#include "tests/system/support/test_store.h"

namespace millrace::system_test {
namespace {

/// Mosquitto with nothing configured that Millrace has not, too.
class Mosquitto {
  public:
    Mosquitto() : port_(free_port()) {
        write_file(directory_.path() / "mosquitto.conf",
                   "listener " + std::to_string(port_) +
                       " 127.0.0.1\nallow_anonymous true\nsys_interval 0\nuser root\n");
        process_ = std::make_unique<Process>(
            Command{.argv = {"/usr/sbin/mosquitto", "-c", directory_.path() / "mosquitto.conf"},
                    .directory = directory_.path(),
                    .log = directory_.path() / "log"});
        const auto listens = [this] {
            try {
                return TcpSocket(port_), true;
            } catch (const std::runtime_error&) {
                return false;
            }
        };
        if (!eventually(listens)) throw std::runtime_error(read_file(directory_.path() / "log"));
    }
    std::uint16_t port() const { return port_; }

  private:
    TempDir directory_;
    std::uint16_t port_;
    std::unique_ptr<Process> process_;
};

/// Both servers, for the whole program.
struct Peers {
    Peers()
        : store(StoreKind::sqlite),
          millrace(Server::Yaml{"threads: 1\nstore:\n  url: \"" + store.url() +
                                "\"\nauth:\n  anonymous: true\nchannels:\n" + open("#") + open("$mine/#")}) {
        millrace.start();
    }

    static std::string open(const std::string& match) {
        return "  - {match: '" + match +
               "', store: false, anonymous: true, publish: anyone, audience: anyone}\n";
    }

    TestStore store;
    Server millrace;
    Mosquitto mosquitto;
};

struct Case {
    Scenario scenario;
    std::string version;
};

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const Scenario& scenario : read_scenarios(source_directory() / "tests/system/differential")) {
        for (const std::string& version : scenario.versions) all.push_back({scenario, version});
    }
    return all;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
    std::string name = info.param.scenario.name + "_" + info.param.version;
    for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    return name;
}

class DifferentialTest : public testing::TestWithParam<Case> {
  protected:
    static void SetUpTestSuite() { peers_ = std::make_unique<Peers>(); }
    static void TearDownTestSuite() {
        EXPECT_EQ(peers_->millrace.stop(), 0);
        peers_.reset();
    }
    static Peers& peers() { return *peers_; }

    static void record(const char* path, const Case& one, Transcript ours, Transcript theirs) {
        Scenario scenario = one.scenario;
        const std::string because = scenario.expected[one.version].because;
        scenario.versions = {one.version};
        scenario.expected.clear();
        const std::string reason = ours == theirs ? "" : because.empty() ? "unexplained" : because;
        scenario.expected[one.version] = {std::move(ours), std::move(theirs), reason};
        std::ofstream(path, std::ios::app) << to_text(scenario) << "\n";
    }

  private:
    static inline std::unique_ptr<Peers> peers_;
};

TEST_P(DifferentialTest, AnswersAsExpected) {
    const auto& [scenario, version] = GetParam();
    auto theirs_later = std::async(std::launch::async, play, scenario, version, peers().mosquitto.port());
    const Transcript ours = play(scenario, version, peers().millrace.mqtt_port());
    const Transcript theirs = theirs_later.get();
    if (const char* path = std::getenv("MILLRACE_DIFFERENTIAL_RECORD")) {
        record(path, GetParam(), ours, theirs);
        return;
    }
    ASSERT_TRUE(scenario.expected.contains(version)) << "nothing is expected of this scenario";
    const Expectation& expected = scenario.expected.at(version);
    EXPECT_EQ(ours, expected.millrace) << "Millrace";
    EXPECT_EQ(theirs, expected.because.empty() ? expected.millrace : expected.mosquitto) << "Mosquitto";
}

INSTANTIATE_TEST_SUITE_P(Scenarios, DifferentialTest, testing::ValuesIn(cases()), case_name);

}  // namespace
}  // namespace millrace::system_test
