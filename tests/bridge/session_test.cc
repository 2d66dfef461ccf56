#include "tests/bridge/browser.h"

namespace millrace::bridge {
namespace {

using websocket::Opcode;

class SessionTest : public BridgeFixture {
  protected:
    std::string error_of(Browser& browser) {
        if (!frames_of(browser, 1)) return "nothing";
        const boost::json::value frame = browser.next_json();
        return action(frame) == "error" ? frame.at("payload").at("code").as_string().c_str() : "no error";
    }
};

TEST_F(SessionTest, JoinIsAcknowledgedInTheWordsOfTheProtocol) {
    open();
    Browser ada = browser();
    ada.join("room");
    ASSERT_TRUE(frames_of(ada, 1));
    const std::string ack = ada.next();
    EXPECT_EQ(ack.find(R"({"action":"join","options":{"channel":"room","socketId":")"), 0U) << ack;
    EXPECT_TRUE(ack.ends_with(R"("},"payload":null})")) << ack;
}

TEST_F(SessionTest, FramesBehindAJoinAreHeldAndKeepTheirOrder) {
    open();
    scripted_.hold(ScriptedStore::Hold::before_looking);
    Browser ada = browser();
    ada.join("room", true, true);
    ada.say("room", "1");
    ada.say("room", "2");
    ada.send(R"({"action":"leave","options":{"channel":"elsewhere"},"payload":null})");
    ASSERT_TRUE(frames_of(ada, 1));
    settle();
    EXPECT_EQ(ada.frames().size(), 1U) << "only the acknowledgement";
    EXPECT_EQ(scripted_.last("room"), 0U);
    scripted_.hold(ScriptedStore::Hold::nothing);
    ASSERT_TRUE(frames_of(ada, 6));
    std::vector<std::string> actions;
    std::vector<boost::json::value> payloads;
    while (!ada.frames().empty()) {
        const boost::json::value frame = ada.next_json();
        actions.push_back(action(frame));
        if (actions.back() == "message") payloads.push_back(frame.at("payload"));
    }
    EXPECT_EQ(std::vector(actions.begin(), actions.begin() + 3),
              (std::vector<std::string>{"join", "history", "presence_full"}));
    EXPECT_EQ(payloads, (std::vector<boost::json::value>{1, 2}));
}

TEST_F(SessionTest, JunkIsIgnoredAndCounted) {
    open();
    Browser ada = browser();
    ada.send("not json");
    ada.send(R"({"noaction":1})");
    ada.send("[]");
    ada.join("room");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(action(ada.next_json()), "join");
    EXPECT_EQ(bridges_[0]->shard().counters().ignored_frames.value(), 3U);
}

TEST_F(SessionTest, UnknownActionIsAnError) {
    open();
    Browser ada = browser();
    ada.send(R"({"action":"weird","options":{"channel":"room"},"payload":1})");
    EXPECT_EQ(error_of(ada), "unknown_action");
}

TEST_F(SessionTest, BinaryFrameCloses) {
    open();
    Browser ada = browser();
    ada.send_frame(Opcode::binary, "{}");
    EXPECT_TRUE(until([&] { return ada.close_code() == 1003; }));
}

TEST_F(SessionTest, TooLongAMessageCloses) {
    config_.limits.websocket_message_bytes = 1024;
    open();
    Browser ada = browser();
    ada.send(std::string(1025, ' '));
    EXPECT_TRUE(until([&] { return ada.close_code() == 1009; }));
}

// A browser tells the page the code of the answer, and the SDK comes back only after its own 4000.
TEST_F(SessionTest, CloseIsAnsweredWithItsOwnCode) {
    open();
    for (const auto& [payload, code] : {std::pair("\x03\xE8", 1000), {"\x0F\xA0", 4000}, {"", 1000}}) {
        Browser ada = browser();
        ada.send_frame(Opcode::close, payload);
        EXPECT_TRUE(until([&] { return ada.close_code() == code && ada.closed_by_server(); })) << code;
    }
}

TEST_F(SessionTest, ShutdownSaysServiceRestart) {
    open();
    Browser ada = member("room");
    shards_[0]->connections().shut_down();
    EXPECT_TRUE(until([&] { return ada.close_code() == 1012; }));
}

TEST_F(SessionTest, WrongKeyGetsOneErrorAndClose4401) {
    open();
    Browser ada = browser(0, "other");
    ada.join("room");
    EXPECT_EQ(error_of(ada), "unknown_key");
    EXPECT_TRUE(until([&] { return ada.close_code() == 4401; }));
    EXPECT_TRUE(ada.frames().empty());
}

TEST_F(SessionTest, ATokenThatCannotBeVerifiedIsAnonymousAndSaysSo) {
    open();
    Browser ada = browser(0, "default", "a.b.c");
    ASSERT_TRUE(frames_of(ada, 1));
    const boost::json::value error = ada.next_json();
    EXPECT_EQ(error.at("payload").at("code"), "token_not_verified");
    EXPECT_NE(error.at("payload").at("message").as_string().find("auth.jwt"), boost::json::string::npos);
    ada.join("room");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(action(ada.next_json()), "join");
}

TEST_F(SessionTest, ATokenThatCannotBeVerifiedIsRefusedWhereAnyCredentialsAreKnown) {
    config_.auth.anonymous = true;
    config_.auth.api_keys = {"secret-key"};
    open();
    Browser ada = browser(0, "default", "a.b.c");
    ada.join("room");
    EXPECT_EQ(error_of(ada), "token_not_verified");
    EXPECT_TRUE(until([&] { return ada.close_code() == 4401; }));
    EXPECT_TRUE(ada.frames().empty());
}

TEST_F(SessionTest, ABadTokenIsAnonymousWhereTheConfigurationSaysSo) {
    config_.auth.anonymous = true;
    config_.auth.api_keys = {"secret-key"};
    config_.realtime.bad_token = config::BadToken::anonymous;
    open();
    Browser ada = browser(0, "default", "a.b.c");
    EXPECT_EQ(error_of(ada), "token_not_verified");
    ada.join("room");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(action(ada.next_json()), "join");
}

TEST_F(SessionTest, WithoutCredentialsWhereTheyAreNeeded) {
    config_.auth.anonymous = false;
    config_.auth.api_keys = {"secret-key"};
    open();
    Browser nobody = browser();
    EXPECT_EQ(error_of(nobody), "not_authorised");
    EXPECT_TRUE(until([&] { return nobody.close_code() == 4401; }));
    Browser backend = browser(0, "default", "secret-key");
    backend.join("room");
    ASSERT_TRUE(frames_of(backend, 1));
    EXPECT_EQ(action(backend.next_json()), "join");
}

TEST_F(SessionTest, AnonymousClientsStayOutOfClosedChannels) {
    config_.channels[0].anonymous = false;
    open();
    Browser ada = browser();
    ada.join("room");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(ada.next(), R"({"action":"error","options":{"channel":"room"},"payload":{"message":)"
                          R"("Anonymous clients cannot join this channel.","code":"not_authorised"}})");
}

TEST_F(SessionTest, IllegalNamesAreErrors) {
    open();
    Browser ada = browser();
    for (const char* name : {"", "a/#/b", "a+", "$share/g/a", "#a"}) {
        ada.join(name);
        EXPECT_EQ(error_of(ada), "invalid_channel") << name;
    }
    ada.say("a/+", "1");
    EXPECT_EQ(error_of(ada), "invalid_channel");
}

TEST_F(SessionTest, TooManyChannelsNamesTheLimit) {
    config_.limits.bridge_channels = 2;
    open();
    Browser ada = browser();
    ada.join("a");
    ada.join("b");
    ada.join("a");
    ada.join("c");
    ASSERT_TRUE(frames_of(ada, 4));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(action(ada.next_json()), "join");
    const boost::json::value error = ada.next_json();
    EXPECT_EQ(error.at("options").at("channel"), "c");
    EXPECT_NE(error.at("payload").at("message").as_string().find("limits.bridge_channels"),
              boost::json::string::npos);
}

TEST_F(SessionTest, PublishRefusedByTheRule) {
    config_.channels[0].publish = config::Who::authenticated;
    open();
    Browser ada = member("room");
    ada.say("room", "1");
    EXPECT_EQ(error_of(ada), "not_authorised");
}

TEST_F(SessionTest, PublishThatIsNotStoredIsAnError) {
    store_limits_.wait = std::chrono::milliseconds(20);
    open();
    scripted_.memory.away = true;
    Browser ada = member("room");
    ada.say("room", "1");
    ASSERT_TRUE(frames_of(ada, 1));
    const boost::json::value error = ada.next_json();
    EXPECT_EQ(error.at("options").at("channel"), "room");
    EXPECT_EQ(error.at("payload").at("code"), "store_unavailable");
}

TEST_F(SessionTest, SilentSocketsArePingedTwiceAndClosed) {
    config_.limits.bridge_ping = std::chrono::milliseconds(20);
    open();
    Browser silent = browser();
    EXPECT_TRUE(until([&] { return silent.closed_by_server(); }));
    EXPECT_EQ(silent.pings(), 2);
    EXPECT_EQ(shards_[0]->counters().closed_timed_out.value(), 1U);
    EXPECT_EQ(bridges_[0]->shard().counters().browser_sockets.value(), 0U);
}

TEST_F(SessionTest, WhoAnswersIsNotClosed) {
    config_.limits.bridge_ping = std::chrono::milliseconds(20);
    open();
    Browser ada = browser();
    int answered = 0;
    EXPECT_TRUE(until([&] {
        if (ada.pings() > answered) ada.send_frame(Opcode::pong, {});
        answered = ada.pings();
        return answered == 6;
    }));
    EXPECT_FALSE(ada.closed_by_server());
}

// Bug class 24.
TEST_F(SessionTest, SlowReaderIsClosedAndOthersGoOn) {
    config_.limits.outbox_bytes = 65'536;
    config_.channels[0].store = false;
    open();
    Browser slow = member("room");
    Browser fast = member("room");
    const std::string data = '"' + std::string(3000, 'x') + '"';
    std::size_t got = 0;
    EXPECT_TRUE(until([&] {
        publish("room", data);
        got += fast.frames().size();
        fast.frames().clear();
        return shards_[0]->counters().closed_slow_reader.value() == 1;
    }));
    const std::size_t before = got;
    EXPECT_TRUE(until([&] {
        publish("room", data);
        got += fast.frames().size();
        fast.frames().clear();
        return got > before + 10;
    }));
    EXPECT_EQ(shards_[0]->counters().dropped_outbox_full.value(), 1U);
    EXPECT_TRUE(until([&] { return slow.close_code() == 1013; }));
}

}  // namespace
}  // namespace millrace::bridge
