// History and live traffic: no gap and no repeat between them.
#include "tests/bridge/browser.h"

namespace millrace::bridge {
namespace {

class ReplayTest : public BridgeFixture {
  protected:
    using Hold = ScriptedStore::Hold;

    static std::uint64_t seq(const boost::json::value& frame) {
        return frame.at("options").at("seq").to_number<std::uint64_t>();
    }
    static std::vector<std::uint64_t> seqs_of_history(const boost::json::value& frame) {
        std::vector<std::uint64_t> seqs;
        for (const boost::json::value& one : frame.at("payload").at("history").as_array())
            seqs.push_back(seq(one));
        return seqs;
    }
    void join_after(Browser& browser, std::uint64_t after, std::string_view epoch,
                    std::string_view channel = "room") {
        browser.send(R"({"action":"join","options":{"channel":")" + std::string(channel) + R"(","after":)" +
                     std::to_string(after) + R"(,"epoch":")" + std::string(epoch) + R"("},"payload":{}})");
    }
    /// Takes event frames until `last`; each must follow the one before.
    void expect_run(Browser& browser, std::uint64_t first, std::uint64_t last) {
        for (std::uint64_t expected = first; expected <= last; ++expected) {
            ASSERT_TRUE(frames_of(browser, 1)) << expected;
            ASSERT_EQ(seq(browser.next_json()), expected);
        }
        settle();
        EXPECT_TRUE(browser.frames().empty());
    }
    bool reading(std::uint64_t count) {
        return until([&] { return scripted_.reads() >= count; });
    }
};

TEST_F(ReplayTest, HistoryIsTheNewestOldestFirst) {
    config_.channels[0].history = 3;
    open();
    fill("room", 5);
    Browser ada = browser();
    ada.join("room", true);
    ASSERT_TRUE(frames_of(ada, 2));
    EXPECT_EQ(action(ada.next_json()), "join");
    const boost::json::value history = ada.next_json();
    EXPECT_EQ(history.at("options").at("channel"), "room");
    EXPECT_EQ(seqs_of_history(history), (std::vector<std::uint64_t>{3, 4, 5}));
    EXPECT_EQ(boost::json::serialize(history.at("payload").at("history").at(0).at("payload")),
              R"({"data":{"n":3}})");
}

TEST_F(ReplayTest, HistoryIsTheNewestThatTheJoinerMayHave) {
    config_.channels[0].history = 2;
    config_.limits.history_scan_messages = 500;
    open();
    fill("room", 3);
    for (int i = 0; i < 400; ++i) publish("room", "0", {.dbo_id = 7});
    ASSERT_TRUE(committed("room", 403));
    Browser ada = browser();
    ada.join("room", true);
    ASSERT_TRUE(frames_of(ada, 2));
    ada.next();
    EXPECT_EQ(seqs_of_history(ada.next_json()), (std::vector<std::uint64_t>{2, 3}));
    for (int i = 0; i < 100; ++i) publish("room", "0", {.dbo_id = 7});
    ASSERT_TRUE(committed("room", 503));
    ada.send(R"({"action":"history","options":{"channel":"room"},"payload":null})");
    ASSERT_TRUE(frames_of(ada, 1));
    const boost::json::value history = ada.next_json();
    EXPECT_TRUE(seqs_of_history(history).empty());
    EXPECT_EQ(history.at("options").at("truncated"), true);
    EXPECT_EQ(history.at("options").at("before"), 4);
}

TEST_F(ReplayTest, HistoryThatIsTooLongSaysSo) {
    config_.limits.outbox_bytes = 65'536;
    open();
    const std::string data = '"' + std::string(5'000, 'x') + '"';
    for (int i = 0; i < 9; ++i) publish("room", data);
    ASSERT_TRUE(committed("room", 9));
    Browser ada = browser();
    ada.join("room", true);
    ASSERT_TRUE(frames_of(ada, 2));
    ada.next();
    const boost::json::value history = ada.next_json();
    EXPECT_EQ(seqs_of_history(history), (std::vector<std::uint64_t>{7, 8, 9}));
    EXPECT_EQ(history.at("options").at("truncated"), true);
    EXPECT_EQ(history.at("options").at("before"), 7);
    publish("room", "10");
    expect_run(ada, 10, 10);
}

TEST_F(ReplayTest, NoHistoryFrameWhereTheRuleHasNone) {
    config_.channels[0].history = 0;
    open();
    fill("room", 2);
    Browser ada = browser();
    ada.join("room", true);
    ASSERT_TRUE(frames_of(ada, 1));
    ada.next();
    ada.send(R"({"action":"history","options":{"channel":"room"},"payload":null})");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(ada.next(), R"({"action":"history","options":{"channel":"room"},"payload":{"history":[]}})");
}

TEST_F(ReplayTest, WhatIsPublishedWhileHistoryIsReadComesOnce) {
    open();
    fill("room", 3);
    scripted_.hold(Hold::before_looking);
    Browser ada = browser();
    ada.join("room", true);
    ASSERT_TRUE(reading(1));
    // These are committed and delivered before the read looks at the table, so the page has them too.
    publish("room", "4");
    publish("room", "5");
    ASSERT_TRUE(committed("room", 5));
    settle();
    ASSERT_EQ(ada.frames().size(), 1U);
    ada.next();
    scripted_.hold(Hold::nothing);
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(seqs_of_history(ada.next_json()), (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
    publish("room", "6");
    expect_run(ada, 6, 6);
}

TEST_F(ReplayTest, WhatIsPublishedBehindALatePageFollowsIt) {
    open();
    fill("room", 3);
    scripted_.hold(Hold::before_answer);
    Browser ada = browser();
    ada.join("room", true);
    ASSERT_TRUE(reading(1));
    publish("room", "4");
    publish("room", "5");
    ASSERT_TRUE(committed("room", 5));
    settle();
    ASSERT_EQ(ada.frames().size(), 1U);
    ada.next();
    scripted_.hold(Hold::nothing);
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(seqs_of_history(ada.next_json()), (std::vector<std::uint64_t>{1, 2, 3}));
    expect_run(ada, 4, 5);
}

TEST_F(ReplayTest, ALateReadOverflowsTheHoldAndTheStoreFillsTheGap) {
    config_.channels[0].history = 2;
    open();
    fill("room", 2);
    scripted_.hold(Hold::before_answer);
    Browser ada = browser();
    ada.join("room", true);
    ASSERT_TRUE(reading(1));
    const std::string data = '"' + std::string(10'000, 'x') + '"';
    for (int i = 0; i < 60; ++i) publish("room", data);
    ASSERT_TRUE(committed("room", 62));
    settle();
    scripted_.hold(Hold::nothing);
    ASSERT_TRUE(frames_of(ada, 2));
    ada.next();
    EXPECT_EQ(seqs_of_history(ada.next_json()), (std::vector<std::uint64_t>{1, 2}));
    expect_run(ada, 3, 62);
    EXPECT_GE(scripted_.reads(), 2U);
}

TEST_F(ReplayTest, ResumeSendsEverythingLaterThenLive) {
    open();
    fill("room", 700);
    Browser ada = browser(1);
    join_after(ada, 5, "e1");
    ASSERT_TRUE(frames_of(ada, 1));
    const boost::json::value ack = ada.next_json();
    EXPECT_EQ(action(ack), "join");
    EXPECT_EQ(ack.at("options").as_object().if_contains("reset"), nullptr);
    publish("room", "701");
    expect_run(ada, 6, 701);
}

TEST_F(ReplayTest, ResumeAtTheEndSendsNothing) {
    open();
    fill("room", 3);
    Browser ada = browser();
    join_after(ada, 3, "e1");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(ada.next_json().at("options").as_object().if_contains("reset"), nullptr);
    publish("room", "4");
    expect_run(ada, 4, 4);
}

TEST_F(ReplayTest, ResumeWhileMuchIsPublishedHasNoGapAndNoRepeat) {
    open();
    fill("room", 300);
    scripted_.hold(Hold::before_answer);
    Browser ada = browser();
    join_after(ada, 0, "e1");
    ASSERT_TRUE(reading(1));
    const std::string data = '"' + std::string(10'000, 'x') + '"';
    for (int i = 0; i < 60; ++i) publish("room", data);
    ASSERT_TRUE(committed("room", 360));
    settle();
    scripted_.hold(Hold::nothing);
    ASSERT_TRUE(frames_of(ada, 1));
    ada.next();
    publish("room", "361");
    expect_run(ada, 1, 361);
}

TEST_F(ReplayTest, ASlowReaderCatchesUpInPieces) {
    config_.limits.outbox_bytes = 65'536;
    open();
    const std::string data = '"' + std::string(20'000, 'x') + '"';
    for (int i = 0; i < 200; ++i) publish("room", data);
    ASSERT_TRUE(committed("room", 200));
    Browser slow = browser();
    join_after(slow, 0, "e1");
    ASSERT_TRUE(reading(1));
    settle();
    ASSERT_TRUE(frames_of(slow, 1));
    EXPECT_EQ(action(slow.next_json()), "join");
    expect_run(slow, 1, 200);
    EXPECT_EQ(slow.close_code(), 0);
}

TEST_F(ReplayTest, AnotherEpochResetsAndReplaysWhatThereIs) {
    open();
    fill("room", 3);
    Browser ada = browser();
    join_after(ada, 2, "e0");
    ASSERT_TRUE(frames_of(ada, 1));
    const boost::json::value ack = ada.next_json();
    EXPECT_EQ(ack.at("options").at("reset"), true);
    EXPECT_EQ(ack.at("options").at("first"), 1);
    expect_run(ada, 1, 3);
}

TEST_F(ReplayTest, APositionNoLongerRetainedResets) {
    open();
    fill("room", 9);
    scripted_.forget_before("room", 6);
    Browser ada = browser();
    join_after(ada, 4, "e1");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(ada.next_json().at("options").at("first"), 6);
    expect_run(ada, 6, 9);
    Browser bob = browser();
    join_after(bob, 5, "e1");
    ASSERT_TRUE(frames_of(bob, 1));
    EXPECT_EQ(bob.next_json().at("options").as_object().if_contains("reset"), nullptr);
    expect_run(bob, 6, 9);
}

TEST_F(ReplayTest, APositionInTheFutureResets) {
    open();
    fill("room", 2);
    Browser ada = browser();
    join_after(ada, 5, "e1");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(ada.next_json().at("options").at("reset"), true);
    expect_run(ada, 1, 2);
}

TEST_F(ReplayTest, WhyAPositionMeansNothing) {
    open();
    fill("room", 9);
    scripted_.forget_before("room", 6);
    const auto reason = [this](std::uint64_t after, std::string_view epoch) {
        Browser ada = browser();
        join_after(ada, after, epoch);
        EXPECT_TRUE(frames_of(ada, 1));
        return std::string(ada.next_json().at("options").at("reason").as_string());
    };
    EXPECT_EQ(reason(4, "e1"), "not_retained");
    EXPECT_EQ(reason(4, "e0"), "other_epoch");
    EXPECT_EQ(reason(12, "e1"), "unknown_position");
}

TEST_F(ReplayTest, AChannelWithoutPositionsSaysSo) {
    config_.channels.insert(config_.channels.begin(), config::ChannelRule{.match = "live/#", .store = false});
    open();
    for (const auto& [channel, reason] :
         {std::pair("live/1", "live_channel"), std::pair("room/+", "filter")}) {
        Browser ada = browser();
        join_after(ada, 0, "e1", channel);
        ASSERT_TRUE(frames_of(ada, 1));
        const boost::json::value ack = ada.next_json();
        EXPECT_EQ(action(ack), "join");
        EXPECT_EQ(ack.at("options").at("reset"), true) << channel;
        EXPECT_EQ(ack.at("options").at("reason"), reason);
        EXPECT_EQ(ack.at("options").as_object().if_contains("first"), nullptr);
    }
}

/// As two channel objects of one name do it: nothing comes twice, and nothing is said to be lost that is not.
TEST_F(ReplayTest, TheSameResumeTwiceIsHarmless) {
    open();
    fill("room", 4);
    Browser ada = browser();
    join_after(ada, 2, "e1");
    join_after(ada, 2, "e1");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(action(ada.next_json()), "join");
    ASSERT_TRUE(frames_of(ada, 3));
    EXPECT_EQ(seq(ada.next_json()), 3U);
    EXPECT_EQ(seq(ada.next_json()), 4U);
    const boost::json::value again = ada.next_json();
    EXPECT_EQ(action(again), "join");
    EXPECT_EQ(again.at("options").as_object().if_contains("reset"), nullptr);
    publish("room", "5");
    expect_run(ada, 5, 5);
}

TEST_F(ReplayTest, AMemberThatLacksSomethingIsToldWhereItGoesOn) {
    open();
    fill("room", 4);
    Browser ada = member("room");
    const auto options = [&](std::uint64_t after, std::string_view epoch) {
        join_after(ada, after, epoch);
        EXPECT_TRUE(frames_of(ada, 1));
        return ada.next_json().at("options").as_object();
    };
    for (const auto& [after, epoch, reason] :
         {std::tuple(1, "e1", "already_joined"), std::tuple(4, "e0", "other_epoch"),
          std::tuple(7, "e1", "unknown_position")}) {
        boost::json::object told = options(static_cast<std::uint64_t>(after), epoch);
        EXPECT_EQ(told["reset"], true) << after << epoch;
        EXPECT_EQ(told["first"], 5);
        EXPECT_EQ(told["reason"], reason);
    }
    EXPECT_FALSE(options(4, "e1").contains("reset"));
    publish("room", "5");
    expect_run(ada, 5, 5);
}

TEST_F(ReplayTest, HistoryIsABeginningToo) {
    open();
    fill("room", 4);
    Browser ada = browser();
    ada.join("room", true);
    ASSERT_TRUE(frames_of(ada, 2));
    ada.frames().clear();
    publish("room", "5");
    ASSERT_TRUE(frames_of(ada, 1));
    ada.next();
    join_after(ada, 4, "e1");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_FALSE(ada.next_json().at("options").as_object().contains("reset"));
    join_after(ada, 3, "e1");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(ada.next_json().at("options").at("first"), 6);
}

TEST_F(ReplayTest, AnUnreadableStoreRefusesAResumeButNotAPlainJoin) {
    open();
    scripted_.fail_reads();
    Browser ada = browser();
    join_after(ada, 0, "e1");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(ada.next_json().at("payload").at("code"), "store_unavailable");
    ada.join("room", true);
    ASSERT_TRUE(frames_of(ada, 2));
    EXPECT_EQ(action(ada.next_json()), "join");
    EXPECT_EQ(action(ada.next_json()), "error");
    publish("room", "1");
    ASSERT_TRUE(frames_of(ada, 1));
    EXPECT_EQ(action(ada.next_json()), "event");
}

TEST_F(ReplayTest, ASocketThatClosesWhileItsHistoryIsReadIsForgotten) {
    open();
    fill("room", 1);
    scripted_.hold(Hold::before_looking);
    Browser ada = browser();
    ada.join("room", true, true);
    ASSERT_TRUE(reading(1));
    ada.close();
    scripted_.hold(Hold::nothing);
    EXPECT_TRUE(until([&] { return bridges_[0]->shard().counters().browser_rooms.value() == 0; }));
}

}  // namespace
}  // namespace millrace::bridge
