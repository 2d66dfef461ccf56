// Which MQTT clients a roster shows, and what it hears of their coming and going.
#include "mqtt/broker/attendance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Notes what it is told: "+dev", "-dev", "~dev" for one that moves.
class Notes final : public Presence {
  public:
    explicit Notes(std::vector<std::string>& notes) : notes_(notes) {}
    void list_members(std::string, std::string, std::size_t, std::function<void(RosterPage)>) override {}
    void mqtt_entered(std::string_view, MqttMember member) override {
        notes_.push_back("+" + member.client_id);
    }
    void mqtt_left(std::string_view, std::string_view client_id, Leaving leaving) override {
        notes_.push_back((leaving == Leaving::moves ? "~" : "-") + std::string(client_id));
    }

  private:
    std::vector<std::string>& notes_;
};

/// `room` is watched on both shards. The second connection is on the shard of the first, and on another one.
class AttendanceTest : public testing::TestWithParam<unsigned> {
  protected:
    AttendanceTest() {
        for (const unsigned shard : {0U, 1U}) {
            broker(shard).set_presence(presence);
            EXPECT_THAT(broker(shard).attendance().watch("room"), IsEmpty());
        }
    }
    Broker& broker(unsigned shard) { return server.sessions(shard).broker(); }
    std::vector<std::string> news() {
        server.turn();
        return std::exchange(notes, {});
    }
    std::vector<std::string> members() {
        server.turn();
        std::vector<std::string> ids;
        for (const unsigned shard : {0U, 1U}) {
            for (const MqttMember& member : broker(shard).attendance().list("room"))
                ids.push_back(member.client_id);
        }
        return ids;
    }
    void enter(TestClient& client, bool clean_start = false, std::uint32_t expiry_s = 1000) {
        client.connect("dev", clean_start, expiry_s);
        server.turn();
        client.subscribe("room", 1);
    }
    void connect_with_will(TestClient& client, std::uint32_t delay_s) {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.integer(PropertyId::session_expiry_interval, 1000);
        ByteBuffer will_raw;
        PropertyWriter will_writer(will_raw);
        will_writer.integer(PropertyId::will_delay_interval, delay_s);
        Connect connect;
        connect.client_id = "dev";
        connect.properties = writer.properties();
        connect.will.emplace();
        connect.will->topic = "wills";
        connect.will->properties = will_writer.properties();
        client.connect_with(connect);
        server.turn();
    }

    std::vector<std::string> notes;
    Notes presence{notes};
    TestServer server{2};
    TestClient first{server, 0};
    TestClient second{server, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, AttendanceTest, testing::Values(0U, 1U));

TEST_P(AttendanceTest, OnlyWhoSubscribesToExactlyTheChannelIsAMember) {
    first.connect("dev");
    for (const char* filter : {"+", "#", "room/#", "$share/g/room", "other"}) first.subscribe(filter, 1);
    EXPECT_THAT(news(), IsEmpty());
    EXPECT_THAT(members(), IsEmpty());
    first.subscribe("room", 1);
    EXPECT_THAT(news(), ElementsAre("+dev"));
    EXPECT_THAT(members(), ElementsAre("dev"));
}

TEST_P(AttendanceTest, EveryWayOutIsALeave) {
    enter(first);
    EXPECT_THAT(news(), ElementsAre("+dev"));
    first.write(std::string_view("\xA2\x09\0\x07\0\0\x04room", 11));  // UNSUBSCRIBE
    EXPECT_THAT(news(), ElementsAre("-dev"));
    first.subscribe("room", 1);
    EXPECT_THAT(news(), ElementsAre("+dev"));
    first.disconnect();
    EXPECT_THAT(news(), ElementsAre("-dev"));
    EXPECT_THAT(members(), IsEmpty());
    second.connect("dev");  // its session has the subscription
    EXPECT_THAT(news(), ElementsAre("+dev"));
    EXPECT_THAT(members(), ElementsAre("dev"));
    second.drop();
    EXPECT_THAT(news(), ElementsAre("-dev"));
    server.pass(2000);
    EXPECT_THAT(news(), IsEmpty());
}

TEST_P(AttendanceTest, AConnectionThatSaysNothingLeavesWhenItsKeepAliveRunsOut) {
    Connect connect;
    connect.client_id = "dev";
    connect.keep_alive_s = 10;
    first.connect_with(connect);
    first.subscribe("room", 1);
    EXPECT_THAT(news(), ElementsAre("+dev"));
    server.pass(14);
    EXPECT_THAT(news(), IsEmpty());
    server.pass(2);
    EXPECT_THAT(news(), ElementsAre("-dev"));
}

TEST_P(AttendanceTest, ATakeOverMoves) {
    enter(first);
    news();
    second.connect("dev");
    EXPECT_THAT(news(), ElementsAre("~dev", "+dev"));
    EXPECT_THAT(members(), ElementsAre("dev"));
}

TEST_P(AttendanceTest, ATakeOverThatEndsTheSessionIsALeave) {
    enter(first);
    news();
    second.connect("dev", true);
    EXPECT_THAT(news(), ElementsAre("-dev"));
    EXPECT_THAT(members(), IsEmpty());
}

// A will that is published says that the client has gone; the roster does not say otherwise.
TEST_P(AttendanceTest, ATakeOverThatPublishesTheWillIsALeave) {
    connect_with_will(first, 0);
    first.subscribe("room", 1);
    news();
    second.connect("dev");
    EXPECT_THAT(news(), ElementsAre("-dev", "+dev"));
}

TEST_P(AttendanceTest, ATakeOverThatCancelsTheWillMoves) {
    connect_with_will(first, 60);
    first.subscribe("room", 1);
    news();
    second.connect("dev");
    EXPECT_THAT(news(), ElementsAre("~dev", "+dev"));
}

TEST_P(AttendanceTest, NobodyIsToldOfWhatIsNotWatched) {
    for (const unsigned shard : {0U, 1U}) broker(shard).attendance().unwatch("room");
    enter(first);
    first.drop();
    EXPECT_THAT(news(), IsEmpty());
    EXPECT_FALSE(broker(0).attendance().watching());
}

}  // namespace
}  // namespace millrace::mqtt
