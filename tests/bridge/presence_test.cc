#include "bridge/presence.h"

#include <gmock/gmock.h>
#include <string>
#include <vector>

namespace millrace::bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Notes every answer in words: "full a: a b", "update 1: +b".
class RostersTest : public ::testing::Test, protected Rosters::Output {
  protected:
    void presence_full(const SocketId& to, std::string_view, SharedFrame frame) override {
        said_.push_back("full " + name(to) + ":" + names(frame));
    }
    void presence_update(std::uint32_t shard, std::string_view, SharedFrame frame) override {
        const bool joined = as_text(frame->payload()).find(R"("action":"join")") != std::string_view::npos;
        said_.push_back("update " + std::to_string(shard) + (joined ? ": +" : ": -") +
                        names(frame).substr(1));
    }
    std::vector<std::string> said() { return std::exchange(said_, {}); }

    static Member member(char name, std::uint32_t shard) {
        return {{.random = 1, .shard = shard, .slot = slot(name)}, access::anonymous()};
    }

    Rosters rosters_{*this};

  private:
    static std::uint32_t slot(char name) { return static_cast<std::uint32_t>(name - 'a'); }
    static std::string name(const SocketId& id) { return std::string(1, static_cast<char>('a' + id.slot)); }
    static std::string names(const SharedFrame& frame) {
        constexpr std::string_view kKey = R"("socketId":")";
        const std::string_view text = as_text(frame->payload());
        std::string found;
        for (std::size_t at = text.find(kKey); at != std::string_view::npos; at = text.find(kKey, at + 1)) {
            found += " " + name(*parse_socket_id(text.substr(at + kKey.size(), SocketIdText::kSize)));
        }
        return found;
    }

    std::vector<std::string> said_;
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

}  // namespace
}  // namespace millrace::bridge
