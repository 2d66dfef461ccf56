// One roster for browsers and MQTT clients.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/paho_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

class PresenceTest : public SystemTest {
  protected:
    static std::vector<std::string> ids(const json::array& members) {
        std::vector<std::string> found;
        for (const json::value& member : members) found.emplace_back(member.at("socketId").as_string());
        return found;
    }
    json::value page(const std::string& query = {}) {
        return http_get(server().http_port(), "/v1/channels/room/presence" + query).json();
    }
    /// The next thing the browser hears of the roster, as "join mqtt:dev" or "leave mqtt:dev".
    static std::string change(BridgeClient& browser) {
        const auto frame = browser.next("presence_update");
        if (!frame) return "nothing";
        return std::string(at_path(frame, "payload.action").as_string()) + " " +
               at_path(frame, "payload.presence.socketId").as_string().c_str();
    }
};

TEST_P(PresenceTest, MqttClientsAreMembersForEverybodyWhoLooks) {
    std::optional<MqttConnection> device(std::in_place, server().mqtt_port(), kMqtt5, "thermostat");
    ASSERT_EQ(device->subscribe("room", 1), 1);
    MqttConnection watcher(server().mqtt_port(), kMqtt311, "everywhere");
    ASSERT_EQ(watcher.subscribe("#", 0), 0);
    EXPECT_THAT(ids(page().at("presence").as_array()), ElementsAre("mqtt:thermostat"))
        << "though no browser is there";

    BridgeClient ada(server().http_port());
    ASSERT_TRUE(ada.join("room", false, true));
    const json::array members = roster(ada.next("presence_full"));
    ASSERT_EQ(members.size(), 2U);
    EXPECT_EQ(members[1].at("socketId"), "mqtt:thermostat");
    EXPECT_EQ(members[1].at("extras"), (json::value{{"mqtt_client_id", "thermostat"}}));
    EXPECT_EQ(members[1].at("permissions"), (json::value{{"dbo_id", 0}, {"row_id", 0}}));

    MqttConnection second(server().mqtt_port(), kMqtt311, "lamp");
    ASSERT_EQ(second.subscribe("room", 0), 0);
    EXPECT_EQ(change(ada), "join mqtt:lamp");
    const json::value first_page = page("?limit=2");
    EXPECT_EQ(first_page.at("total"), 3);
    EXPECT_THAT(ids(first_page.at("presence").as_array()),
                ElementsAre(members[0].at("socketId").as_string().c_str(), "mqtt:lamp"));
    EXPECT_THAT(ids(page("?after=mqtt%3Alamp").at("presence").as_array()), ElementsAre("mqtt:thermostat"));

    ada.message("room", "psst", {{"socketId", "mqtt:lamp"}});
    EXPECT_EQ(at_path(ada.next("error"), "payload.code"), "not_delivered");
    second.send(mqtt_publish(kMqtt311, "room", "\"on\"", 0, 0));
    EXPECT_EQ(at_path(ada.next("message"), "client.socketId"), "mqtt:lamp");

    device->socket().reset();
    EXPECT_EQ(change(ada), "leave mqtt:thermostat");
    second.send(mqtt_packet(0xE0, ""));
    EXPECT_EQ(change(ada), "leave mqtt:lamp");
}

TEST_P(PresenceTest, WhoIsTakenOverIsHereAllTheTime) {
    BridgeClient ada(server().http_port());
    ASSERT_TRUE(ada.join("room", false, true));
    ASSERT_TRUE(ada.next("presence_full"));
    std::vector<std::unique_ptr<PahoClient>> devices;
    devices.push_back(std::make_unique<PahoClient>(server().mqtt_port(), kMqtt5, "dev", false));
    devices.back()->subscribe("room", 1);
    EXPECT_EQ(change(ada), "join mqtt:dev");
    // Some of these connections are on the other shard.
    for (int i = 0; i < 2; ++i)
        devices.push_back(std::make_unique<PahoClient>(server().mqtt_port(), kMqtt5, "dev", false));
    EXPECT_TRUE(devices.back()->session_present());
    ada.message("room", "fence");
    EXPECT_EQ(at_path(ada.next(Deadline(kPatience)), "action"), "message") << "neither leave nor join";
    devices.back()->disconnect();
    EXPECT_EQ(change(ada), "leave mqtt:dev");
}

// 300 members of whom ten watch: what one more costs is heard by the ten, and by nobody else.
TEST_P(PresenceTest, OnlyThoseWhoAskedHearOfOthers) {
    std::vector<std::unique_ptr<BridgeClient>> quiet;
    for (int i = 0; i < 300; ++i) {
        quiet.push_back(std::make_unique<BridgeClient>(server().http_port()));
        ASSERT_TRUE(quiet.back()->join("room"));
    }
    std::vector<std::unique_ptr<BridgeClient>> watching;
    for (int i = 0; i < 10; ++i) {
        watching.push_back(std::make_unique<BridgeClient>(server().http_port()));
        ASSERT_TRUE(watching.back()->join("room", false, true));
        EXPECT_EQ(roster(watching.back()->next("presence_full")).size(), 301U + i);
    }
    BridgeClient late(server().http_port());
    ASSERT_TRUE(late.join("room"));
    ASSERT_TRUE(late.message("room", "fence"));
    for (std::size_t i = 0; i < watching.size(); ++i) {
        std::size_t updates = 0;
        for (auto frame = watching[i]->next(Deadline(kPatience));
             frame && frame->at("action") == "presence_update";
             frame = watching[i]->next(Deadline(kPatience)))
            ++updates;
        EXPECT_EQ(updates, watching.size() - i) << "those behind it, and the late one";
    }
    for (const auto& browser : quiet)
        EXPECT_EQ(at_path(browser->next(Deadline(kPatience)), "action"), "message");
}

MILLRACE_ON_BOTH_STORES(PresenceTest);

}  // namespace
}  // namespace millrace::system_test
