// `$SYS/broker/…`: figures with Mosquitto's names, and who comes and goes.
#include "mqtt/broker/sys_topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

class SysTopicsTest : public testing::Test {
  protected:
    SysTopicsTest() {
        watcher.connect("watcher");
        server.turn();
    }
    void watch(std::string_view filter) {
        watcher.subscribe(filter, 1);
        server.turn();
    }
    /// Topic and payload of what has come since the last call.
    std::vector<std::pair<std::string, std::string>> news() {
        server.turn();
        watcher.read();
        std::vector<std::pair<std::string, std::string>> news;
        for (const auto& message : watcher.messages) news.emplace_back(message.topic, message.payload);
        watcher.messages.clear();
        return news;
    }

    TestServer server{2};
    TestClient watcher{server, 1};
    SysTopics topics{server.sessions(0).broker(), "millrace version 9", Milliseconds{10'000}};
};

TEST_F(SysTopicsTest, FiguresAreRetainedAndComeAgainWhenTheyHaveChanged) {
    topics.start();
    server.turn();
    watch("$SYS/broker/#");
    auto figures = news();
    EXPECT_THAT(figures, Contains(Pair("$SYS/broker/version", "millrace version 9")));
    EXPECT_THAT(figures, Contains(Pair("$SYS/broker/uptime", "0 seconds")));
    EXPECT_THAT(figures, Contains(Pair("$SYS/broker/clients/connected", "1")));
    TestClient other(server, 0);
    other.connect("other");
    server.turn();
    EXPECT_THAT(news(), ElementsAre(Pair(HasSubstr("connected/other"), HasSubstr("mqtt-5.0"))));
    server.pass(11);
    figures = news();
    EXPECT_THAT(figures, Contains(Pair("$SYS/broker/clients/connected", "2")));
    EXPECT_THAT(figures, Contains(Pair("$SYS/broker/clients/maximum", "2")));
    EXPECT_THAT(figures, Contains(Pair("$SYS/broker/uptime", "11 seconds")));
    EXPECT_THAT(figures, Contains(Pair("$SYS/broker/load/connections/1min", testing::Ne("0.00"))));
    EXPECT_THAT(figures, Not(Contains(Pair("$SYS/broker/version", testing::_))));
    other.drop();
    server.turn();
    server.pass(11);
    figures = news();
    EXPECT_THAT(figures, Contains(Pair("$SYS/broker/clients/connected", "1")));
    EXPECT_THAT(figures, Contains(Pair("$SYS/broker/clients/disconnected", "1")));
}

TEST_F(SysTopicsTest, WhoAsksHearsOfComingAndGoing) {
    watch("$SYS/broker/clients/+/+");
    TestClient other(server, 0);
    other.connect("a/b+%");
    EXPECT_THAT(news(), ElementsAre(Pair("$SYS/broker/clients/connected/a%2Fb%2B%25",
                                         HasSubstr(R"({"client":"a/b+%","user":"","protocol":"mqtt-5.0")"))));
    other.drop();
    EXPECT_THAT(news(), ElementsAre(Pair("$SYS/broker/clients/disconnected/a%2Fb%2B%25",
                                         HasSubstr(R"({"client":"a/b+%","at":")"))));
}

TEST_F(SysTopicsTest, AClientIdThatMakesNoTopicIsNotToldOf) {
    watch("$SYS/broker/clients/+/+");
    TestClient other(server, 0);
    other.connect(std::string(30'000, '/'));
    EXPECT_THAT(news(), IsEmpty());
    other.drop();
    EXPECT_THAT(news(), IsEmpty());
}

TEST_F(SysTopicsTest, NobodyElseWritesThereAndWildcardsInFrontMissThem) {
    topics.start();
    watch("#");
    watch("+/broker/version");
    EXPECT_THAT(news(), IsEmpty());
    watch("$SYS/broker/version");
    watcher.publish("$SYS/broker/version", "forged", 1, 7);
    EXPECT_THAT(news(), ElementsAre(Pair("$SYS/broker/version", "millrace version 9")));
}

}  // namespace
}  // namespace millrace::mqtt
