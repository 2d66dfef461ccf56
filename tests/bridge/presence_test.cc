#include "bridge/presence.h"

#include <gmock/gmock.h>
#include <set>
#include <string>
#include <vector>

namespace millrace::bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr unsigned kShards = 4;

/// Notes every answer in words: "full a: a b", "update 1: +b".
class RostersTest : public ::testing::Test, protected Rosters::Output {
  protected:
    void presence_full(const SocketId& to, std::string_view, SharedFrame frame) override {
        said_.push_back("full " + name(to) + ":" + names(as_text(frame->payload())));
        frames_.insert(frame.get());
    }
    void answer_soon(std::string_view channel) override { due_.emplace_back(channel); }
    unsigned watch_mqtt(std::string_view channel, std::uint64_t round) override {
        if (notes_watching_) said_.push_back("watch " + std::string(channel));
        asked_.emplace_back(channel, round);
        return kShards;
    }
    void unwatch_mqtt(std::string_view channel) override {
        if (notes_watching_) said_.push_back("unwatch " + std::string(channel));
    }
    void wake_at(TimePoint deadline) override { wake_at_ = deadline; }
    void mqtt_came(std::string_view, const mqtt::MqttMember&) override {}
    void mqtt_went(std::string_view, const std::string&) override {}
    void presence_update(std::uint32_t shard, std::string_view, SharedFrame frame) override {
        const bool joined = as_text(frame->payload()).find(R"("action":"join")") != std::string_view::npos;
        said_.push_back("update " + std::to_string(shard) + (joined ? ": +" : ": -") +
                        names(as_text(frame->payload())).substr(1));
    }
    /// What was asked is answered: there is no MQTT member anywhere.
    std::vector<std::string> said() {
        for (const auto& [channel, round] : std::exchange(asked_, {})) {
            for (std::uint32_t shard = 0; shard < kShards; ++shard)
                rosters_.mqtt_members(channel, shard, round, {});
        }
        return said_so_far();
    }
    std::vector<std::string> said_so_far() {
        for (const std::string& channel : std::exchange(due_, {})) rosters_.answer(channel);
        return std::exchange(said_, {});
    }
    static mqtt::MqttMember client(std::string id) { return {std::move(id), access::anonymous()}; }

    static Member member(char name, std::uint32_t shard) {
        return {{.random = 1, .shard = shard, .slot = slot(name)}, access::anonymous()};
    }

    static std::string names(std::string_view text) {
        constexpr std::string_view kKey = R"("socketId":")";
        std::string found;
        for (std::size_t at = text.find(kKey); at != std::string_view::npos; at = text.find(kKey, at + 1)) {
            const std::string_view id =
                text.substr(at + kKey.size(), text.find('"', at + kKey.size()) - at - kKey.size());
            const std::optional<SocketId> socket = parse_socket_id(id);
            found += " " + (socket ? name(*socket) : std::string(id));
        }
        return found;
    }

    Rosters rosters_{*this};
    std::vector<std::pair<std::string, std::uint64_t>> asked_;
    std::set<const void*> frames_;  ///< of presence_full
    TimePoint wake_at_{};
    bool notes_watching_ = false;

  private:
    static std::uint32_t slot(char name) { return static_cast<std::uint32_t>(name - 'a'); }
    static std::string name(const SocketId& id) { return std::string(1, static_cast<char>('a' + id.slot)); }
    std::vector<std::string> said_;
    std::vector<std::string> due_;
};

TEST_F(RostersTest, TheRosterIncludesWhoAsksInOrderOfEntering) {
    rosters_.enter("room", member('b', 0), false);
    EXPECT_THAT(said(), IsEmpty());
    rosters_.enter("room", member('a', 1), true);
    EXPECT_THAT(said(), ElementsAre("full a: b a"));
}

TEST_F(RostersTest, ChangesGoOnlyToShardsThatWatch) {
    rosters_.enter("room", member('a', 1), true);
    rosters_.enter("other", member('b', 2), true);
    said();
    rosters_.enter("room", member('c', 0), false);
    EXPECT_THAT(said(), ElementsAre("update 1: +c"));
    rosters_.enter("room", member('d', 3), true);
    EXPECT_THAT(said(), ElementsAre("update 1: +d", "full d: a c d"));
    rosters_.leave("room", member('c', 0).socket);
    EXPECT_THAT(said(), ElementsAre("update 1: -c", "update 3: -c"));
    rosters_.leave("room", member('d', 3).socket);
    EXPECT_THAT(said(), ElementsAre("update 1: -d"));
}

TEST_F(RostersTest, EnteringAgainChangesNothingButIsAnswered) {
    rosters_.enter("room", member('a', 0), true);
    rosters_.enter("room", member('b', 1), false);
    said();
    rosters_.enter("room", member('b', 1), true);
    EXPECT_THAT(said(), ElementsAre("full b: a b"));
    rosters_.enter("room", member('b', 1), true);
    EXPECT_THAT(said(), ElementsAre("full b: a b"));
    rosters_.leave("room", member('b', 1).socket);
    said();
    rosters_.enter("room", member('c', 0), false);
    EXPECT_THAT(said(), ElementsAre("update 0: +c")) << "nobody watches on shard 1 any more";
}

TEST_F(RostersTest, AnEmptyRosterIsForgotten) {
    rosters_.enter("room", member('a', 0), true);
    EXPECT_EQ(rosters_.size(), 1U);
    rosters_.leave("room", member('b', 0).socket);
    EXPECT_EQ(rosters_.size(), 1U);
    rosters_.leave("room", member('a', 0).socket);
    rosters_.leave("room", member('a', 0).socket);
    EXPECT_EQ(rosters_.size(), 0U);
}

class MqttMembersTest : public RostersTest {
  protected:
    MqttMembersTest() { notes_watching_ = true; }
    /// The answers of all shards: `members` is on shard 2.
    void answer(const Rosters::MqttMembers& members) {
        const auto [channel, round] = asked_.at(0);
        asked_.clear();
        for (std::uint32_t shard = 0; shard < kShards; ++shard)
            rosters_.mqtt_members(channel, shard, round, shard == 2 ? members : Rosters::MqttMembers{});
    }
    void watch() {
        rosters_.enter("room", member('a', 0), true);
        answer({client("dev")});
        EXPECT_THAT(said_so_far(), ElementsAre("watch room", "full a: a mqtt:dev"));
    }

    const TimePoint start_{std::chrono::hours(1)};
};

TEST_F(MqttMembersTest, NobodyIsAskedBeforeSomebodyWatches) {
    rosters_.enter("room", member('a', 0), false);
    rosters_.mqtt_entered("room", 2, client("dev"));
    EXPECT_THAT(said_so_far(), IsEmpty());
    rosters_.enter("room", member('b', 1), true);
    EXPECT_THAT(said_so_far(), ElementsAre("watch room"));
    rosters_.enter("room", member('c', 1), true);
    answer({client("dev2"), client("dev1")});
    EXPECT_THAT(said_so_far(), ElementsAre("update 1: +c", "full b: a b c mqtt:dev1 mqtt:dev2",
                                           "full c: a b c mqtt:dev1 mqtt:dev2"));
    EXPECT_EQ(frames_.size(), 1U) << "made once for all who wait";
    rosters_.leave("room", member('b', 1).socket);
    rosters_.leave("room", member('c', 1).socket);
    EXPECT_THAT(said_so_far(), ElementsAre("update 1: -b", "unwatch room"));
    rosters_.mqtt_entered("room", 2, client("late"));
    EXPECT_THAT(said_so_far(), IsEmpty());
}

TEST_F(MqttMembersTest, ComingAndGoingIsToldOnce) {
    watch();
    rosters_.mqtt_entered("room", 1, client("new"));
    rosters_.mqtt_entered("room", 1, client("new"));
    rosters_.mqtt_left("room", 2, "dev", mqtt::Leaving::gone, start_);
    rosters_.mqtt_left("room", 2, "dev", mqtt::Leaving::gone, start_);
    EXPECT_THAT(said_so_far(), ElementsAre("update 0: +mqtt:new", "update 0: -mqtt:dev"));
    rosters_.enter("room", member('a', 0), true);
    EXPECT_THAT(said_so_far(), ElementsAre("full a: a mqtt:new"));
}

TEST_F(MqttMembersTest, WhoMovesIsHereAllTheTime) {
    watch();
    rosters_.mqtt_left("room", 2, "dev", mqtt::Leaving::moves, start_);
    EXPECT_EQ(wake_at_, start_ + Rosters::kMoving);
    rosters_.mqtt_entered("room", 0, client("dev"));
    rosters_.expire(start_ + Rosters::kMoving);
    EXPECT_THAT(said_so_far(), IsEmpty());
}

TEST_F(MqttMembersTest, WhoDoesNotArriveIsGone) {
    watch();
    rosters_.mqtt_left("room", 2, "dev", mqtt::Leaving::moves, start_);
    rosters_.expire(start_ + Rosters::kMoving - Milliseconds{1});
    EXPECT_THAT(said_so_far(), IsEmpty());
    rosters_.expire(start_ + Rosters::kMoving);
    EXPECT_THAT(said_so_far(), ElementsAre("update 0: -mqtt:dev"));
}

// A shard's answer to an earlier question, and changes from before its answer to this one, mean nothing.
TEST_F(MqttMembersTest, WhatBelongsToAnEarlierWatchIsForgotten) {
    rosters_.enter("room", member('a', 0), true);
    const std::uint64_t earlier = asked_.at(0).second;
    rosters_.leave("room", member('a', 0).socket);
    asked_.clear();
    rosters_.enter("room", member('b', 0), true);
    said_so_far();
    rosters_.mqtt_members("room", 2, earlier, {client("old")});
    rosters_.mqtt_entered("room", 2, client("older"));
    answer({client("dev")});
    EXPECT_THAT(said_so_far(), ElementsAre("full b: b mqtt:dev"));
}

TEST_F(MqttMembersTest, PagesGoThroughBrowsersThenClients) {
    for (const char name : {'c', 'a', 'b'}) rosters_.enter("room", member(name, 1), false);
    const Rosters::MqttMembers clients{client("z"), client("y"), client("z")};
    std::string after;
    std::vector<std::string> pages;
    do {
        const mqtt::RosterPage page = rosters_.list("room", after, 2, clients);
        EXPECT_EQ(page.total, 5U);
        pages.push_back(names(page.members));
        after = page.next;
    } while (!after.empty() && pages.size() < 9);
    EXPECT_THAT(pages, ElementsAre(" c a", " b mqtt:y", " mqtt:z"));
    EXPECT_EQ(rosters_.list("empty", "", 2, {}).members, "[]");
    EXPECT_EQ(names(rosters_.list("devices", "mqtt:y", 2, clients).members), " mqtt:z");
}

// 10,000 members: each that enters costs one frame for each shard with somebody who watches, whatever their
// number, and a roster is made for nobody but those who ask.
TEST_F(RostersTest, ACrowdCostsWhoWatchesOneFrameAMember) {
    rosters_.enter("room", member('a', 1), true);
    rosters_.enter("room", member('b', 3), true);
    said();
    for (std::uint32_t i = 0; i < 10'000; ++i)
        rosters_.enter("room", {{.random = 2, .shard = i % kShards, .slot = i}, access::anonymous()}, false);
    EXPECT_EQ(said().size(), 2 * 10'000U);
    EXPECT_EQ(frames_.size(), 1U);
}

TEST_F(RostersTest, ACrowdThatComesAtOnceSharesOneRoster) {
    rosters_.enter("room", member('a', 1), true);
    said();
    frames_.clear();
    for (std::uint32_t i = 1; i <= 1'000; ++i)
        rosters_.enter("room", {{.random = 2, .shard = i % kShards, .slot = 0}, access::anonymous()}, true);
    said();
    EXPECT_EQ(frames_.size(), 1U);
}

}  // namespace
}  // namespace millrace::bridge
