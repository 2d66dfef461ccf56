// What members of a channel hear of each other, on one shard and across two.
#include <set>

#include "tests/bridge/browser.h"

namespace millrace::bridge {
namespace {

class MembersTest : public BridgeFixture {
  protected:
    std::vector<std::string> roster(const boost::json::value& frame) {
        std::vector<std::string> ids;
        for (const boost::json::value& member : frame.at("payload").at("presence").as_array()) {
            ids.emplace_back(member.at("socketId").as_string().c_str());
        }
        return ids;
    }
    /// A browser that watches the roster; its own presence_full is left in frames().
    Browser watcher(std::string_view channel, unsigned shard) {
        Browser browser = this->browser(shard);
        browser.join(channel, false, true);
        EXPECT_TRUE(frames_of(browser, 2));
        browser.id = browser.next_json().at("options").at("socketId").as_string().c_str();
        return browser;
    }
    void expect_update(Browser& browser, std::string_view what, const std::string& id) {
        ASSERT_TRUE(frames_of(browser, 1));
        const boost::json::value frame = browser.next_json();
        ASSERT_EQ(action(frame), "presence_update");
        EXPECT_EQ(frame.at("payload").at("action").as_string(), what);
        EXPECT_EQ(frame.at("payload").at("presence").at("socketId").as_string(), id);
    }
};

TEST_F(MembersTest, AMessageReachesEveryMemberOfBothShardsSenderIncluded) {
    open();
    Browser ada = member("room", 0);
    Browser bob = member("room", 1);
    Browser eve = member("other", 1);
    ada.say("room", R"({"text":"hi all"})");
    ASSERT_TRUE(frames_of(ada, 1) && frames_of(bob, 1));
    const std::string frame = ada.next();
    EXPECT_EQ(frame, bob.next());
    EXPECT_EQ(frame.find(R"({"action":"message","client":{"socketId":")" + ada.id +
                         R"(","extras":{},"permissions":{"dbo_id":0,"row_id":0}},)"
                         R"("options":{"channel":"room","seq":1,"epoch":"e1","id":"e1-1","at":")"),
              0U)
        << frame;
    EXPECT_TRUE(frame.ends_with(R"(},"payload":{"text":"hi all"}})")) << frame;
    settle();
    EXPECT_TRUE(eve.frames().empty());
}

TEST_F(MembersTest, LiveChannelsWorkTheSameWithoutAPosition) {
    config_.channels[0].store = false;
    open();
    Browser ada = member("room", 0);
    Browser bob = member("room", 1);
    ada.say("room", "7");
    ASSERT_TRUE(frames_of(ada, 1) && frames_of(bob, 1));
    const boost::json::value frame = bob.next_json();
    EXPECT_EQ(frame.at("payload"), 7);
    EXPECT_EQ(frame.at("options").as_object().if_contains("seq"), nullptr);
    EXPECT_EQ(scripted_.last("room"), 0U);
}

TEST_F(MembersTest, EventsAreWrapped) {
    open();
    Browser ada = member("room", 1);
    publish("room", R"({"n":1})");
    ASSERT_TRUE(frames_of(ada, 1));
    const boost::json::value frame = ada.next_json();
    EXPECT_EQ(action(frame), "event");
    EXPECT_EQ(boost::json::serialize(frame.at("payload")), R"({"data":{"n":1}})");
    EXPECT_EQ(frame.as_object().if_contains("client"), nullptr);
}

TEST_F(MembersTest, LongMessagesAreSharedAndArriveWhole) {
    open();
    Browser ada = member("room", 0);
    Browser bob = member("room", 0);
    const std::string text = '"' + std::string(100'000, 'x') + '"';
    publish("room", text);
    publish("room", "2");
    for (Browser* one : {&ada, &bob}) {
        ASSERT_TRUE(frames_of(*one, 2));
        EXPECT_EQ(one->next_json().at("payload").at("data").as_string().size(), 100'000U);
        EXPECT_EQ(one->next_json().at("payload").at("data"), 2);
    }
}

TEST_F(MembersTest, RosterAcrossShards) {
    open();
    Browser ada = watcher("room", 0);
    EXPECT_EQ(roster(ada.next_json()), std::vector{ada.id});
    Browser bob = watcher("room", 1);
    EXPECT_EQ(roster(bob.next_json()), (std::vector{ada.id, bob.id}));
    expect_update(ada, "join", bob.id);
    Browser eve = member("room", 1);
    expect_update(ada, "join", eve.id);
    expect_update(bob, "join", eve.id);
    bob.send(R"({"action":"leave","options":{"channel":"room"},"payload":null})");
    expect_update(ada, "leave", bob.id);
    ASSERT_TRUE(frames_of(bob, 1));
    EXPECT_EQ(bob.next(), R"({"action":"leave","options":{"channel":"room"},"payload":null})");
    eve.close();
    expect_update(ada, "leave", eve.id);
    settle();
    EXPECT_TRUE(ada.frames().empty() && bob.frames().empty());
}

TEST_F(MembersTest, JoiningTwiceIsAnsweredTwiceAndChangesNothing) {
    open();
    Browser ada = watcher("room", 0);
    ada.next();
    Browser bob = watcher("room", 1);
    EXPECT_EQ(roster(bob.next_json()).size(), 2U);
    expect_update(ada, "join", bob.id);
    bob.join("room", false, true);
    ASSERT_TRUE(frames_of(bob, 2));
    EXPECT_EQ(action(bob.next_json()), "join");
    EXPECT_EQ(roster(bob.next_json()), (std::vector{ada.id, bob.id}));
    bob.say("room", "1");
    ASSERT_TRUE(frames_of(ada, 1) && frames_of(bob, 1));
    settle();
    EXPECT_EQ(ada.frames().size(), 1U);
    EXPECT_EQ(bob.frames().size(), 1U);
    EXPECT_EQ(action(ada.next_json()), "message");
}

TEST_F(MembersTest, NoRosterWhereTheRuleHasNone) {
    config_.channels[0].presence = false;
    open();
    Browser ada = browser(0);
    ada.join("room", false, true);
    Browser bob = member("room", 1);
    ASSERT_TRUE(frames_of(ada, 1));
    settle();
    EXPECT_EQ(ada.frames().size(), 1U);
}

TEST_F(MembersTest, PrivateMessageReachesOneSocketOnAnotherShard) {
    open();
    Browser ada = member("room", 0);
    Browser bob = member("room", 1);
    Browser eve = member("room", 1);
    ada.send(R"({"action":"message","options":{"channel":"room","socketId":")" + bob.id +
             R"("},"payload":"psst"})");
    ASSERT_TRUE(frames_of(bob, 1));
    EXPECT_EQ(bob.next(),
              R"({"action":"message","client":{"socketId":")" + ada.id +
                  R"(","extras":{},"permissions":{"dbo_id":0,"row_id":0}},"options":{"channel":"room",)"
                  R"("socketId":")" +
                  ada.id + R"("},"payload":"psst"})");
    settle();
    EXPECT_TRUE(ada.frames().empty() && eve.frames().empty());
    EXPECT_EQ(scripted_.last("room"), 0U);
}

TEST_F(MembersTest, PrivateMessageToNobodyIsAnError) {
    open();
    Browser ada = member("room", 0);
    Browser bob = member("other", 1);
    for (const std::string& id : {std::string("s9"), std::string("00000000000000000000"), bob.id}) {
        ada.send(R"({"action":"message","options":{"channel":"room","socketId":")" + id +
                 R"("},"payload":1})");
        ASSERT_TRUE(frames_of(ada, 1));
        EXPECT_EQ(ada.next_json().at("payload").at("code"), "not_delivered") << id;
    }
    settle();
    EXPECT_TRUE(bob.frames().empty());
}

TEST_F(MembersTest, AuthenticatedMessagesStayAmongAuthenticatedMembersLiveAndInHistory) {
    config_.auth.api_keys = {"secret-key"};
    open();
    Browser backend = member("room", 0, "secret-key");
    Browser anonymous = member("room", 1);
    backend.send(
        R"({"action":"message","options":{"authenticated":true,"channel":"room"},"payload":"members"})");
    backend.say("room", R"("all")");
    ASSERT_TRUE(frames_of(backend, 2) && frames_of(anonymous, 1));
    EXPECT_EQ(backend.next_json().at("payload"), "members");
    EXPECT_EQ(anonymous.next_json().at("payload"), "all");
    anonymous.send(R"({"action":"history","options":{"channel":"room"},"payload":null})");
    ASSERT_TRUE(frames_of(anonymous, 1));
    const boost::json::value history = anonymous.next_json();
    ASSERT_EQ(history.at("payload").at("history").as_array().size(), 1U);
    EXPECT_EQ(history.at("payload").at("history").at(0).at("payload"), "all");
}

TEST_F(MembersTest, FiltersNameTheConcreteChannelAndDoNotRepeat) {
    open();
    Browser ada = member("sensors/+/temp", 0);
    publish("sensors/7/temp", "21");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(ada.next_json().at("options").at("channel"), "sensors/7/temp");
    ada.join("sensors/#");
    ada.join("sensors/7/temp");
    ASSERT_TRUE(frames_of(ada, 2));
    ada.frames().clear();
    publish("sensors/7/temp", "22");
    publish("sensors/8/hum", "3");
    ASSERT_TRUE(frames_of(ada, 2));
    settle();
    EXPECT_EQ(ada.frames().size(), 2U);
}

TEST_F(MembersTest, ALeftRoomIsForgotten) {
    open();
    Browser ada = member("room", 0);
    Browser bob = member("room", 0);
    Browser eve = member("room", 0);
    EXPECT_EQ(bridges_[0]->shard().counters().browser_rooms.value(), 1U);
    ada.close();
    EXPECT_TRUE(until([&] { return bridges_[0]->shard().counters().browser_sockets.value() == 2; }));
    publish("room", "1");
    ASSERT_TRUE(frames_of(bob, 1) && frames_of(eve, 1));
    bob.close();
    eve.close();
    EXPECT_TRUE(until([&] { return bridges_[0]->shard().counters().browser_rooms.value() == 0; }));
}

TEST_F(MembersTest, ASlowReaderLosesRosterChangesFirstAndGetsTheRosterLater) {
    config_.limits.outbox_bytes = 200'000;
    config_.channels[0].store = false;
    open();
    Browser slow = watcher("room", 0);
    const std::string data = '"' + std::string(2000, 'x') + '"';
    // Nobody reads at the other end: what is published fills the socket, then the outbox.
    std::size_t published = 0;
    ASSERT_TRUE(until([&] {
        publish("room", data);
        ++published;
        Browser guest = browser(0);
        guest.join("room");
        return bridges_[0]->shard().counters().dropped_presence.value() > 0;
    }));
    EXPECT_EQ(slow.close_code(), 0);
    std::set<std::string> present;
    std::size_t messages = 0;
    std::size_t rosters = 0;
    EXPECT_TRUE(until([&] {
        while (!slow.frames().empty()) {
            const boost::json::value frame = slow.next_json();
            if (action(frame) == "event") ++messages;
            if (action(frame) == "presence_full") {
                ++rosters;
                const std::vector<std::string> ids = roster(frame);
                present = {ids.begin(), ids.end()};
            }
            if (action(frame) == "presence_update") {
                const boost::json::value& change = frame.at("payload");
                const std::string id(change.at("presence").at("socketId").as_string());
                if (change.at("action") == "join") {
                    EXPECT_TRUE(present.insert(id).second);
                } else {
                    EXPECT_EQ(present.erase(id), 1U);
                }
            }
        }
        return messages == published && rosters == 2 && present == std::set{slow.id};
    }));
}

}  // namespace
}  // namespace millrace::bridge
