// What browsers of the second generation say and hear, alone and beside those of the first.
#include "tests/bridge/browser.h"

namespace millrace::bridge {
namespace {

namespace json = boost::json;

class SecondTest : public BridgeFixture {
  protected:
    Browser second(unsigned shard = 0, std::string_view token = {}, std::string_view key = "default") {
        return browser(shard, key, token, Generation::second);
    }
    Browser joined(std::string_view channel, unsigned shard = 0, std::string_view token = {}) {
        Browser browser = second(shard, token);
        join(browser, channel, R"("payload":{"history":false,"presence":false})");
        EXPECT_EQ(actions(browser, 1), std::vector<std::string>{"join"});
        return browser;
    }
    static void join(Browser& browser, std::string_view channel, std::string_view more = {}) {
        browser.send(R"({"action":"join","channel":")" + std::string(channel) + "\"" +
                     (more.empty() ? "" : "," + std::string(more)) + "}");
    }
    static void broadcast(Browser& browser, std::string_view channel, std::string_view payload,
                          std::string_view type = "send") {
        browser.send(R"({"action":"broadcast","channel":")" + std::string(channel) + R"(","type":")" +
                     std::string(type) + R"(","payload":)" + std::string(payload) + "}");
    }
    static void acknowledge(Browser& browser, std::uint64_t seq) {
        browser.send(R"({"action":"ack","channel":"room","id":"e1-)" + std::to_string(seq) + R"("})");
    }
    json::value next(Browser& browser) {
        EXPECT_TRUE(frames_of(browser, 1));
        return browser.frames().empty() ? json::value{{"action", "nothing"}} : browser.next_json();
    }
    /// Of the next `count` frames.
    std::vector<std::string> actions(Browser& browser, std::size_t count) {
        std::vector<std::string> all;
        while (all.size() < count) all.push_back(action(next(browser)));
        return all;
    }
    std::string error_of(Browser& browser) {
        const json::value frame = next(browser);
        return action(frame) == "error" ? frame.at("payload").at("code").as_string().c_str() : "no error";
    }
    /// The next frames must be of that action and have these ids.
    void expect_run(Browser& browser, std::string_view what, std::uint64_t first, std::uint64_t last) {
        for (std::uint64_t seq = first; seq <= last; ++seq) {
            const json::value frame = next(browser);
            ASSERT_EQ(action(frame), what) << json::serialize(frame);
            ASSERT_EQ(frame.at("id"), json::value("e1-" + std::to_string(seq)));
        }
    }
    void expect_silence(Browser& browser) {
        settle();
        EXPECT_TRUE(browser.frames().empty()) << browser.next();
    }
    static constexpr std::string_view kClient =
        R"("options":{"client_id":"c1"},"payload":{"history":false,"presence":false})";
};

TEST_F(SecondTest, PingIsAnswered) {
    open();
    Browser ada = second();
    ada.send(R"({"action":"ping"})");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(ada.next(), R"({"action":"pong"})");
}

TEST_F(SecondTest, AWrongKeyGetsOneErrorAndClose4401) {
    open();
    Browser ada = second(0, {}, "other");
    ada.send(R"({"action":"ping"})");
    ASSERT_TRUE(until([&] { return ada.close_code() == 4401; }));
    EXPECT_EQ(ada.next(),
              R"({"action":"error","payload":{"message":"Unknown connection hash","code":"unknown_key"}})");
    EXPECT_TRUE(ada.frames().empty());
}

TEST_F(SecondTest, TheOrderOfAJoin) {
    config_.channels[0].history = 2;
    open();
    fill("room", 3);
    Browser ada = joined("room", 1);
    Browser bob = second();
    bob.send(R"({"action":"join","channel":"room"})");
    broadcast(bob, "room", "4");
    EXPECT_EQ(actions(bob, 2), (std::vector<std::string>{"join", "presence_full"}));
    const json::value start = next(bob);
    EXPECT_EQ(json::serialize(start),
              R"({"action":"conversation_start","channel":"room","payload":{"count":2}})");
    for (const int n : {2, 3}) {
        const json::value message = next(bob);
        EXPECT_EQ(message.at("conversation"), true);
        EXPECT_EQ(message.at("id"), json::value("e1-" + std::to_string(n)));
        EXPECT_EQ(message.at("payload"), (json::value{{"n", n}})) << "not wrapped";
    }
    EXPECT_EQ(action(next(bob)), "conversation_end");
    ASSERT_TRUE(frames_of(bob, 2)) << "what stood behind the join was held, not refused";
    EXPECT_EQ(scripted_.last("room"), 4U);
}

TEST_F(SecondTest, AJoinSaysWhereTheReaderIs) {
    open();
    fill("room", 3);
    Browser ada = second();
    join(ada, "room", R"("payload":{"presence":false})");
    EXPECT_EQ(json::serialize(next(ada)),
              R"({"action":"join","channel":"room","payload":{"joined":true,"params":{},"cursor":"e1-3"}})");
}

TEST_F(SecondTest, ABroadcastIsReceivedByBothGenerationsAndConfirmed) {
    open();
    Browser ada = joined("room", 0);
    Browser bob = joined("room", 1);
    Browser old = member("room", 1);
    broadcast(ada, "room", R"({"t":1})", "greet");
    const json::value to_bob = next(bob);
    EXPECT_EQ(action(to_bob), "message");
    EXPECT_EQ(to_bob.at("type"), "greet");
    EXPECT_EQ(to_bob.at("id"), "e1-1");
    EXPECT_EQ(to_bob.at("payload"), (json::value{{"t", 1}}));
    const json::value to_old = next(old);
    EXPECT_EQ(action(to_old), "message");
    EXPECT_EQ(to_old.at("payload"), (json::value{{"t", 1}}));
    EXPECT_EQ(to_old.at("options").at("id"), "e1-1");
    EXPECT_EQ(to_old.as_object().if_contains("type"), nullptr);
    ASSERT_TRUE(frames_of(ada, 2));
    json::value own = next(ada);
    json::value receipt = next(ada);
    if (action(own) == "broadcast") std::swap(own, receipt);
    EXPECT_EQ(action(own), "message");
    EXPECT_EQ(json::serialize(receipt), R"({"action":"broadcast","channel":"room",)"
                                        R"("payload":{"delivered_local":3,"id":"e1-1"}})");
    old.say("room", "2");
    EXPECT_EQ(next(bob).at("type"), "message");
    publish("room", "3");
    next(bob);
    EXPECT_EQ(scripted_.last("room"), 3U);
}

TEST_F(SecondTest, ALiveChannelConfirmsWithoutAnId) {
    config_.channels[0].store = false;
    open();
    Browser ada = joined("room");
    broadcast(ada, "room", "1");
    const json::value message = next(ada);
    EXPECT_EQ(action(message), "message");
    EXPECT_EQ(message.as_object().if_contains("id"), nullptr);
    EXPECT_EQ(json::serialize(next(ada)),
              R"({"action":"broadcast","channel":"room","payload":{"delivered_local":1}})");
}

TEST_F(SecondTest, WhatIsWrongIsSaid) {
    open();
    Browser ada = joined("room");
    ada.send(R"({"action":"broadcast","channel":"room","payload":1})");
    EXPECT_EQ(error_of(ada), "invalid_type");
    broadcast(ada, "room", "1", std::string(256, 't'));
    EXPECT_EQ(error_of(ada), "invalid_type");
    ada.send(R"({"action":"broadcast","channel":"room","type":"t","options":{"to":{"dbo_id":7}}})");
    EXPECT_EQ(error_of(ada), "invalid_recipient");
    ada.send(R"({"action":"message","channel":"room","payload":1})");
    EXPECT_EQ(error_of(ada), "unknown_action");
    ada.send(R"({"action":"ack","channel":"room","id":"5-0","options":{"client_id":"c1"}})");
    EXPECT_EQ(error_of(ada), "unknown_id");
    acknowledge(ada, 1);
    EXPECT_EQ(error_of(ada), "invalid_client_id");
    ada.send(R"({"action":"ack","channel":"other","id":"e1-1"})");
    EXPECT_EQ(error_of(ada), "not_joined");
    ada.send(R"({"action":"presence","channel":"other"})");
    EXPECT_EQ(error_of(ada), "not_joined");
    join(ada, "other", R"("options":{"client_id":")" + std::string(256, 'c') + "\"}");
    EXPECT_EQ(error_of(ada), "invalid_client_id");
    join(ada, "a/#/b");
    EXPECT_EQ(error_of(ada), "invalid_channel");
    expect_silence(ada);
    EXPECT_EQ(scripted_.last("room"), 0U);
}

TEST_F(SecondTest, ABroadcastThatIsNotStoredIsAnErrorAndNoReceipt) {
    store_limits_.wait = std::chrono::milliseconds(20);
    open();
    Browser ada = joined("room");
    scripted_.memory.away = true;
    broadcast(ada, "room", "1");
    EXPECT_EQ(error_of(ada), "store_unavailable");
    expect_silence(ada);
}

TEST_F(SecondTest, PresenceIsOneForAllGenerationsAndShards) {
    open();
    Browser ada = second(0);
    join(ada, "room");
    EXPECT_EQ(action(next(ada)), "join");
    EXPECT_EQ(json::serialize(next(ada)),
              R"({"action":"presence_full","channel":"room","payload":{"members":[]}})");
    actions(ada, 2);
    Browser old = browser(1);
    old.join("room", false, true);
    EXPECT_EQ(action(next(old)), "join");
    EXPECT_EQ(next(old).at("payload").at("presence").as_array().size(), 2U);
    expect_silence(ada);  // one more anonymous
    ada.send(R"({"action":"presence","channel":"room"})");
    const json::value all = next(ada);
    EXPECT_EQ(action(all), "presence_full");
    ASSERT_EQ(all.at("payload").at("members").as_array().size(), 1U);
    EXPECT_EQ(all.at("payload").at("members").at(0).at("id"), "0");
    ada.send(R"({"action":"leave","channel":"room"})");
    EXPECT_EQ(json::serialize(next(ada)), R"({"action":"leave","channel":"room"})");
    const json::value left = next(old);
    EXPECT_EQ(action(left), "presence_update");
    EXPECT_EQ(left.at("payload").at("action"), "leave");
}

TEST_F(SecondTest, AUserJoinsWithTheFirstSocketAndLeavesWithTheLast) {
    config_.auth.api_keys = {"secret-key"};
    open();
    Browser ada = second(0);
    join(ada, "room", R"("payload":{"history":false})");
    actions(ada, 2);
    Browser one = member("room", 1, "secret-key");
    const json::value came = next(ada);
    EXPECT_EQ(action(came), "presence_join");
    EXPECT_EQ(came.at("payload").at("member").at("id"), "backend");
    EXPECT_EQ(came.at("payload").at("member").at("authenticated"), true);
    Browser two = joined("room", 0, "secret-key");
    one.close();
    expect_silence(ada);
    two.close();
    EXPECT_EQ(action(next(ada)), "presence_leave");
}

TEST_F(SecondTest, NoPresenceWhereTheRuleHasNone) {
    config_.channels[0].presence = false;
    open();
    Browser ada = second();
    join(ada, "room", R"("payload":{"history":false})");
    EXPECT_EQ(action(next(ada)), "join");
    ada.send(R"({"action":"presence","channel":"room"})");
    EXPECT_EQ(error_of(ada), "no_presence");
}

TEST_F(SecondTest, WhatIsAcknowledgedIsNotReplayed) {
    open();
    Browser ada = second(0);
    join(ada, "room", kClient);
    EXPECT_EQ(next(ada).at("payload").at("cursor"), "e1-0");
    fill("room", 5);
    expect_run(ada, "message", 1, 5);
    acknowledge(ada, 2);
    EXPECT_EQ(json::serialize(next(ada)), R"({"action":"ack","channel":"room","payload":{"cursor":"e1-2"}})");
    acknowledge(ada, 1);
    EXPECT_EQ(next(ada).at("payload").at("cursor"), "e1-2") << "it only moves forward";
    ada.close();
    publish("room", "6");
    ASSERT_TRUE(committed("room", 6));
    Browser again = second(1);
    join(again, "room", kClient);
    const json::value ack = next(again);
    EXPECT_EQ(ack.at("payload").at("cursor"), "e1-2");
    EXPECT_EQ(ack.at("payload").at("resumed"), true);
    expect_run(again, "replay", 3, 6);
    publish("room", "7");
    expect_run(again, "message", 7, 7);
}

TEST_F(SecondTest, ACursorInTheJoinNeedsNoMemory) {
    open();
    fill("room", 4);
    Browser ada = second();
    join(ada, "room", R"("options":{"cursor":"e1-2"},"payload":{"history":false,"presence":false})");
    EXPECT_EQ(next(ada).at("payload").at("resumed"), true);
    expect_run(ada, "replay", 3, 4);
    for (const char* lost : {"e0-2", "e1-9", "5-0", "nonsense"}) {
        Browser bob = second();
        join(bob, "room",
             R"("options":{"cursor":")" + std::string(lost) +
                 R"("},"payload":{"history":false,"presence":false})");
        const json::value ack = next(bob);
        EXPECT_EQ(ack.at("payload").at("resumed"), false) << lost;
        EXPECT_EQ(ack.at("payload").at("first"), "e1-1") << lost;
        expect_run(bob, "replay", 1, 4);
    }
}

TEST_F(SecondTest, APositionNoLongerRetainedSaysWhatIsLeft) {
    open();
    fill("room", 9);
    scripted_.forget_before("room", 6);
    Browser ada = second();
    join(ada, "room", R"("options":{"cursor":"e1-4"},"payload":{"history":false,"presence":false})");
    const json::value ack = next(ada);
    EXPECT_EQ(ack.at("payload").at("resumed"), false);
    EXPECT_EQ(ack.at("payload").at("first"), "e1-6");
    expect_run(ada, "replay", 6, 9);
}

TEST_F(SecondTest, AConversationIsTheNewestThatTheReaderMayHaveAndSaysWhereItWasCut) {
    config_.channels[0].history = 2;
    open();
    fill("room", 3);
    for (int i = 0; i < 300; ++i) publish("room", "0", {.dbo_id = 7});
    ASSERT_TRUE(committed("room", 303));
    Browser ada = second();
    join(ada, "room", R"("payload":{"history":true,"presence":false})");
    EXPECT_EQ(next(ada).at("payload").at("cursor"), "e1-303");
    EXPECT_EQ(json::serialize(next(ada)),
              R"({"action":"conversation_start","channel":"room","payload":{"count":2}})");
    expect_run(ada, "message", 2, 3);
    EXPECT_EQ(action(next(ada)), "conversation_end");
    config_.limits.history_scan_messages = 100;
    Browser bob = second();
    join(bob, "room", R"("payload":{"history":true,"presence":false})");
    EXPECT_EQ(action(next(bob)), "join");
    EXPECT_EQ(
        json::serialize(next(bob)),
        R"({"action":"conversation_start","channel":"room","payload":{"count":0,"truncated":true,"before":"e1-204"}})");
}

TEST_F(SecondTest, ACursorForAChannelWithoutPositionsIsAnswered) {
    config_.channels.insert(config_.channels.begin(), config::ChannelRule{.match = "live/#", .store = false});
    open();
    for (const auto& [channel, reason] :
         {std::pair("live/1", "live_channel"), std::pair("room/+", "filter")}) {
        Browser ada = second();
        join(ada, channel, R"("options":{"cursor":"e1-4"},"payload":{"history":false,"presence":false})");
        const json::value ack = next(ada);
        EXPECT_EQ(ack.at("payload").at("resumed"), false) << channel;
        EXPECT_EQ(ack.at("payload").at("reason"), reason);
        EXPECT_FALSE(ack.at("payload").as_object().contains("first"));
    }
}

TEST_F(SecondTest, ACursorOfAMemberIsAnsweredAndNothingComesTwice) {
    open();
    fill("room", 4);
    Browser ada = second();
    const auto join_at = [&](std::string_view cursor) {
        join(ada, "room",
             R"("options":{"cursor":")" + std::string(cursor) +
                 R"("},"payload":{"history":false,"presence":false})");
    };
    join_at("e1-2");
    EXPECT_EQ(next(ada).at("payload").at("resumed"), true);
    expect_run(ada, "replay", 3, 4);
    join_at("e1-3");
    const json::value again = next(ada);
    EXPECT_EQ(again.at("payload").at("resumed"), true);
    EXPECT_EQ(again.at("payload").at("cursor"), "e1-3");
    join_at("e1-1");
    const json::value lost = next(ada);
    EXPECT_EQ(lost.at("payload").at("resumed"), false);
    EXPECT_EQ(lost.at("payload").at("first"), "e1-5");
    EXPECT_EQ(lost.at("payload").at("reason"), "already_joined");
    publish("room", "5");
    expect_run(ada, "message", 5, 5);
    expect_silence(ada);
}

TEST_F(SecondTest, AReaderOfItsOwnNeedsNoClientId) {
    config_.auth.api_keys = {"secret-key"};
    open();
    fill("room", 3);
    Browser ada = joined("room", 0, "secret-key");
    acknowledge(ada, 1);
    EXPECT_EQ(next(ada).at("payload").at("cursor"), "e1-1");
    Browser anonymous = joined("room");
    expect_silence(anonymous);
    Browser again = second(1, "secret-key");
    join(again, "room", R"("payload":{"history":false,"presence":false})");
    EXPECT_EQ(next(again).at("payload").at("resumed"), true);
    expect_run(again, "replay", 2, 3);
}

TEST_F(SecondTest, WhoseCursorIsNotKnownIsTold) {
    config_.auth.api_keys = {"secret-key"};
    open();
    fill("room", 3);
    Browser named = second();
    join(named, "room", kClient);
    EXPECT_EQ(json::serialize(next(named)),
              R"({"action":"join","channel":"room","payload":{"joined":true,"params":{},"cursor":"e1-3",)"
              R"("resumed":false}})");
    Browser user = second(1, "secret-key");
    join(user, "room", R"("payload":{"history":false,"presence":false})");
    EXPECT_EQ(next(user).at("payload").at("resumed"), false);
    Browser nobody = second();
    join(nobody, "room", R"("payload":{"history":false,"presence":false})");
    EXPECT_FALSE(next(nobody).at("payload").as_object().contains("resumed")) << "it cannot have had one";
    publish("room", "4");
    for (Browser* one : {&named, &user, &nobody}) expect_run(*one, "message", 4, 4);
}

/// Of the channels some have their home on the other shard, which does not get to answer where the cursor is.
TEST_F(SecondTest, NothingComesBeforeTheAnswerWhileTheCursorIsLookedFor) {
    open();
    const auto turn_first_shard = [this] {
        for (int i = 0; i < 5; ++i) shards_[0]->turn(Milliseconds{1});
    };
    for (int i = 0; i < 8; ++i) {
        const std::string channel = "room" + std::to_string(i);
        Browser ada = second(0);
        join(ada, channel, kClient);
        turn_first_shard();
        publish(channel, "1");
        while (scripted_.last(channel) == 0) turn_first_shard();
        turn_first_shard();
        const json::value answer = next(ada);
        ASSERT_EQ(action(answer), "join") << channel;
        publish(channel, "2");
        expect_run(ada, "message", answer.at("payload").at("cursor") == "e1-0" ? 1 : 2, 2);
    }
}

/// Its first answer may have been lost with the connection, so the second one must say the same.
TEST_F(SecondTest, WhoHasAcknowledgedNothingIsToldAgain) {
    open();
    fill("room", 3);
    for (const std::uint64_t last : {3U, 4U, 5U}) {
        Browser ada = second(last % 2);
        join(ada, "room", kClient);
        const json::value ack = next(ada);
        EXPECT_EQ(ack.at("payload").at("cursor"), "e1-3") << "from its first join on nothing passes by it";
        EXPECT_EQ(ack.at("payload").at("resumed"), false);
        if (last > 3) expect_run(ada, "replay", 4, last);
        ada.close();
        publish("room", "{}");
        ASSERT_TRUE(committed("room", last + 1));
    }
    Browser ada = second();
    join(ada, "room", kClient);
    acknowledge(ada, 5);
    EXPECT_EQ(actions(ada, 5), (std::vector<std::string>{"join", "replay", "replay", "replay", "ack"}));
    Browser again = second();
    join(again, "room", kClient);
    EXPECT_EQ(next(again).at("payload").at("resumed"), true);
    expect_run(again, "replay", 6, 6);
}

TEST_F(SecondTest, ConversationThenReplayThenLiveWithoutAHole) {
    config_.channels[0].history = 2;
    open();
    fill("room", 5);
    scripted_.hold(ScriptedStore::Hold::before_answer);
    Browser ada = second(1);
    join(ada, "room", R"("options":{"cursor":"e1-1"})");
    ASSERT_TRUE(until([&] { return scripted_.reads() >= 1; }));
    publish("room", "6");
    publish("room", "7");
    ASSERT_TRUE(committed("room", 7));
    settle();
    EXPECT_TRUE(ada.frames().empty());
    scripted_.hold(ScriptedStore::Hold::nothing);
    EXPECT_EQ(actions(ada, 3), (std::vector<std::string>{"join", "presence_full", "conversation_start"}));
    expect_run(ada, "message", 4, 5);
    EXPECT_EQ(action(next(ada)), "conversation_end");
    expect_run(ada, "replay", 2, 5);
    expect_run(ada, "message", 6, 7);
    publish("room", "8");
    expect_run(ada, "message", 8, 8);
    expect_silence(ada);
}

TEST_F(SecondTest, AnUnreadableStoreRefusesAPositionButNotAPlainJoin) {
    open();
    scripted_.fail_reads();
    Browser ada = second();
    join(ada, "room", R"("options":{"cursor":"e1-0"})");
    EXPECT_EQ(error_of(ada), "store_unavailable");
    join(ada, "room");
    EXPECT_EQ(error_of(ada), "store_unavailable");
    EXPECT_EQ(actions(ada, 2), (std::vector<std::string>{"join", "presence_full"}));
    publish("room", "1");
    expect_run(ada, "message", 1, 1);
}

TEST_F(SecondTest, JoiningTwiceRepeatsTheAnswersAndNoMessage) {
    open();
    fill("room", 1);
    Browser ada = second();
    join(ada, "room", kClient);
    EXPECT_EQ(action(next(ada)), "join");
    join(ada, "room");
    EXPECT_EQ(actions(ada, 5), (std::vector<std::string>{"join", "presence_full", "conversation_start",
                                                         "message", "conversation_end"}));
    publish("room", "2");
    expect_run(ada, "message", 2, 2);
    expect_silence(ada);
}

TEST_F(SecondTest, FiltersNameTheConcreteChannel) {
    open();
    Browser ada = joined("sensors/+/temp");
    publish("sensors/7/temp", "21");
    EXPECT_EQ(next(ada).at("channel"), "sensors/7/temp");
}

}  // namespace
}  // namespace millrace::bridge
