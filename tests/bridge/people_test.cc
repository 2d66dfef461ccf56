#include "bridge/people.h"

#include <gmock/gmock.h>
#include <string>
#include <vector>

namespace millrace::bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The rosters and the people of one home, as a bridge puts them together. Notes what the second generation
/// is told in words: "full 1: 42 0", "shard 0: +42".
class PeopleTest : public ::testing::Test, protected Rosters::Output, protected People::Output {
  protected:
    void presence_full(const SocketId& to, std::string_view channel, SharedFrame) override {
        people_.answer(rosters_, channel, to, ++clock_us_);
    }
    void presence_update(std::uint32_t, std::string_view, SharedFrame) override {}
    void answer_soon(std::string_view channel) override { due_.emplace_back(channel); }
    unsigned watch_mqtt(std::string_view channel, std::uint64_t round) override {
        asked_.emplace_back(channel, round);
        return 1;
    }
    void unwatch_mqtt(std::string_view) override {}
    void wake_at(TimePoint) override {}
    void mqtt_came(std::string_view channel, const mqtt::MqttMember& client) override {
        people_.mqtt_entered(channel, client, ++clock_us_);
    }
    void mqtt_went(std::string_view channel, const std::string& client_id) override {
        people_.mqtt_left(channel, client_id);
    }
    void people(const SocketId& to, std::string_view, SharedFrame frame) override {
        said_.push_back("full " + std::to_string(to.slot) + ":" + ids(frame));
    }
    void people_update(std::uint32_t shard, std::string_view, SharedFrame frame) override {
        const bool joined =
            as_text(frame->payload()).find(R"("action":"presence_join")") != std::string_view::npos;
        said_.push_back("shard " + std::to_string(shard) + (joined ? ": +" : ": -") + ids(frame).substr(1));
    }
    /// All shards have said which MQTT clients they have.
    std::vector<std::string> said() {
        for (const auto& [channel, round] : std::exchange(asked_, {}))
            rosters_.mqtt_members(channel, 0, round, devices_);
        for (const std::string& channel : std::exchange(due_, {})) rosters_.answer(channel);
        return std::exchange(said_, {});
    }

    /// `row_id` 0: an anonymous one.
    static access::PrincipalPtr principal(std::int64_t row_id) {
        if (row_id == 0) return access::anonymous();
        const auto made = std::make_shared<access::Principal>();
        made->kind = access::Principal::Kind::user;
        made->dbo_id = 7;
        made->row_id = row_id;
        return made;
    }
    void enter(std::uint32_t slot, std::int64_t row_id, Show show, std::uint32_t shard = 0) {
        const Member member{socket(slot, shard), principal(row_id), ++clock_us_};
        rosters_.enter("room", member, show != Show::nothing);
        people_.entered("room", member);
        if (show != Show::nothing) people_.watch("room", member.socket, show);
    }
    void leave(std::uint32_t slot, std::uint32_t shard = 0) {
        rosters_.leave("room", socket(slot, shard));
        people_.left("room", socket(slot, shard));
    }

    Rosters rosters_{*this};
    People people_{*this};
    Rosters::MqttMembers devices_;

  private:
    static SocketId socket(std::uint32_t slot, std::uint32_t shard) {
        return {.random = 1, .shard = shard, .slot = slot};
    }
    static std::string ids(const SharedFrame& frame) {
        constexpr std::string_view kKey = R"("id":")";
        const std::string_view text = as_text(frame->payload());
        std::string found;
        for (std::size_t at = text.find(kKey); at != std::string_view::npos; at = text.find(kKey, at + 1)) {
            const std::size_t begin = at + kKey.size();
            found += " " + std::string(text.substr(begin, text.find('"', begin) - begin));
        }
        return found;
    }

    std::int64_t clock_us_ = 0;
    std::vector<std::string> said_;
    std::vector<std::string> due_;
    std::vector<std::pair<std::string, std::uint64_t>> asked_;
};

TEST_F(PeopleTest, NothingIsKeptBeforeSomebodyWatches) {
    enter(1, 42, Show::nothing);
    EXPECT_EQ(people_.size(), 0U);
    EXPECT_THAT(said(), IsEmpty());
}

TEST_F(PeopleTest, EveryUserIsOneWhateverTheSockets) {
    enter(1, 42, Show::nothing);
    enter(2, 42, Show::nothing);
    enter(3, 0, Show::nothing, 1);
    enter(4, 0, Show::nothing, 1);
    enter(5, 43, Show::others);
    EXPECT_THAT(said(), ElementsAre("full 5: 42 0"));
    enter(6, 42, Show::nothing);
    enter(7, 44, Show::nothing);
    EXPECT_THAT(said(), ElementsAre("shard 0: +44"));
    leave(1);
    leave(2);
    EXPECT_THAT(said(), IsEmpty());
    leave(6);
    leave(3, 1);
    EXPECT_THAT(said(), ElementsAre("shard 0: -42"));
    leave(4, 1);
    EXPECT_THAT(said(), ElementsAre("shard 0: -0"));
}

TEST_F(PeopleTest, WhoAsksIsAmongThem) {
    enter(1, 42, Show::others);
    EXPECT_THAT(said(), ElementsAre("full 1:"));
    enter(1, 42, Show::everybody);
    EXPECT_THAT(said(), ElementsAre("full 1: 42"));
    enter(2, 42, Show::others, 1);
    EXPECT_THAT(said(), ElementsAre("full 2: 42")) << "the same user, on another socket";
}

TEST_F(PeopleTest, ChangesGoToShardsThatWatch) {
    enter(1, 1, Show::others, 0);
    EXPECT_THAT(said(), ElementsAre("full 1:"));
    enter(2, 2, Show::others, 3);
    EXPECT_THAT(said(), ElementsAre("shard 0: +2", "full 2: 1"));
    enter(3, 3, Show::nothing, 2);
    EXPECT_THAT(said(), ElementsAre("shard 0: +3", "shard 3: +3"));
    leave(1, 0);
    EXPECT_THAT(said(), ElementsAre("shard 3: -1"));
    leave(2, 3);
    EXPECT_THAT(said(), IsEmpty());
    EXPECT_EQ(people_.size(), 0U);
    leave(3, 2);
    enter(4, 4, Show::others);
    EXPECT_THAT(said(), ElementsAre("full 4:"));
}

TEST_F(PeopleTest, WhoComesBeforeTheFirstAnswerIsInIt) {
    enter(1, 1, Show::others);
    enter(2, 2, Show::nothing);
    leave(2);
    enter(3, 3, Show::nothing);
    EXPECT_THAT(said(), ElementsAre("full 1: 3"));
}

TEST_F(PeopleTest, DevicesAreMembersAndOneWithTheirUser) {
    devices_ = {{"sensor", access::anonymous()}, {"phone", principal(42)}};
    enter(1, 42, Show::nothing);
    enter(2, 43, Show::others);
    EXPECT_THAT(said(), ElementsAre("full 2: 42 0"));
    leave(1);
    rosters_.mqtt_entered("room", 0, {"watch", principal(44)});
    rosters_.mqtt_entered("room", 0, {"watch", principal(44)});
    rosters_.mqtt_entered("room", 0, {"another", access::anonymous()});
    EXPECT_THAT(said(), ElementsAre("shard 0: +44"));
    rosters_.mqtt_left("room", 0, "phone", mqtt::Leaving::gone, TimePoint{});
    rosters_.mqtt_left("room", 0, "sensor", mqtt::Leaving::gone, TimePoint{});
    EXPECT_THAT(said(), ElementsAre("shard 0: -42"));
}

TEST_F(PeopleTest, AWatcherOfTheFirstGenerationIsNotAnsweredHere) {
    const Member member{{.random = 1, .shard = 0, .slot = 9}, access::anonymous(), 1};
    rosters_.enter("room", member, true);
    people_.entered("room", member);
    EXPECT_THAT(said(), IsEmpty());
    EXPECT_EQ(people_.size(), 0U);
}

}  // namespace
}  // namespace millrace::bridge
