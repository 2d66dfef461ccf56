// The join of history and live traffic, step by step.
#include "store/catch_up.h"

#include <gmock/gmock.h>
#include <optional>

#include "tests/store/messages.h"

namespace millrace::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

MessagePtr numbered(std::uint64_t seq, std::size_t payload = 1) {
    MessagePtr message = test::text_message("c", std::string(payload, 'x'));
    message->stamp(seq, 1);
    return message;
}

class CatchUpTest : public testing::Test, public CatchUp::Follower {
  protected:
    static constexpr std::size_t kHold = 1000;

    void read(Range range) override { asked_.push_back(*range.after); }
    bool has_room() override { return room_ > sent_.size(); }
    void send(const MessagePtr& message) override { sent_.push_back(message->seq()); }
    void position_found() override { ++found_; }
    void position_lost(std::uint64_t first) override { lost_.push_back(first); }
    void caught_up() override { live_ = true; }
    void failed(error_code error) override { error_ = error; }

    void page(std::uint64_t first, std::uint64_t last, std::uint64_t newest, bool more = false) {
        Page page;
        for (std::uint64_t seq = first; seq <= last; ++seq) page.messages.push_back(numbered(seq));
        page.first = 1;
        page.last = newest;
        page.more = more;
        catch_up_.on_page(std::move(page));
    }

    CatchUp catch_up_{*this, "c", kHold};
    std::vector<std::uint64_t> asked_;
    std::vector<std::uint64_t> sent_;
    std::vector<std::uint64_t> lost_;
    std::size_t room_ = 1000;
    int found_ = 0;
    bool live_ = false;
    error_code error_;
};

TEST_F(CatchUpTest, ReadsPageAfterPageAndThenGoesLive) {
    catch_up_.resume(2, true);
    page(3, 5, 7, true);
    EXPECT_FALSE(live_);
    page(6, 7, 7);
    EXPECT_THAT(asked_, ElementsAre(2, 5));
    EXPECT_THAT(sent_, ElementsAre(3, 4, 5, 6, 7));
    EXPECT_EQ(found_, 1);
    EXPECT_TRUE(live_);
    EXPECT_EQ(catch_up_.cursor(), 7U);
}

TEST_F(CatchUpTest, WhatIsHeldFollowsThePageWithoutRepeat) {
    catch_up_.resume(0, true);
    catch_up_.hold(numbered(2));
    catch_up_.hold(numbered(3));
    page(1, 2, 2);
    EXPECT_THAT(sent_, ElementsAre(1, 2, 3));
}

TEST_F(CatchUpTest, WhatWasTooMuchToHoldIsReadAgain) {
    catch_up_.resume(0, true);
    catch_up_.hold(numbered(2, kHold));
    EXPECT_TRUE(catch_up_.has_gap());
    catch_up_.hold(numbered(3));
    page(1, 1, 1);
    EXPECT_FALSE(live_);
    page(2, 3, 3);
    EXPECT_THAT(asked_, ElementsAre(0, 1));
    EXPECT_THAT(sent_, ElementsAre(1, 2, 3));
    EXPECT_TRUE(live_);
}

TEST_F(CatchUpTest, WaitsForASlowReader) {
    room_ = 2;
    catch_up_.resume(0, true);
    page(1, 4, 4);
    EXPECT_THAT(sent_, ElementsAre(1, 2));
    catch_up_.on_drained();
    EXPECT_EQ(sent_.size(), 2U);
    room_ = 4;
    catch_up_.on_drained();
    EXPECT_THAT(sent_, ElementsAre(1, 2, 3, 4));
    EXPECT_TRUE(live_);
}

TEST_F(CatchUpTest, APositionThatIsGoneIsSaidAndHistoryBeginsWhereItDoes) {
    catch_up_.resume(2, true);
    page(5, 6, 6);
    EXPECT_THAT(lost_, ElementsAre(5));
    EXPECT_THAT(sent_, IsEmpty());
    page(5, 6, 6);
    EXPECT_THAT(asked_, ElementsAre(2, 4));
    EXPECT_THAT(sent_, ElementsAre(5, 6));
    EXPECT_EQ(found_, 0);
}

TEST_F(CatchUpTest, APositionOfAnotherLifeOrOfTheFutureIsLost) {
    catch_up_.resume(2, false);
    page(3, 4, 4);
    EXPECT_THAT(lost_, ElementsAre(1));
    CatchUp other(*this, "c", kHold);
    other.resume(9, true);
    Page page;
    page.last = 4;
    other.on_page(std::move(page));
    EXPECT_THAT(lost_, ElementsAre(1, 5)) << "the channel is empty: it goes on behind its last message";
}

TEST_F(CatchUpTest, RetentionThatOvertakesASlowReaderIsSaidToo) {
    catch_up_.resume(0, true);
    page(1, 3, 9, true);
    page(7, 9, 9);
    EXPECT_EQ(found_, 1);
    EXPECT_THAT(lost_, ElementsAre(7));
    page(7, 9, 9);
    EXPECT_THAT(sent_, ElementsAre(1, 2, 3, 7, 8, 9));
}

TEST_F(CatchUpTest, EverythingThatWasBehindThePositionMayBeGone) {
    catch_up_.resume(3, true);
    Page page;
    page.last = 5;
    catch_up_.on_page(page);
    EXPECT_THAT(lost_, ElementsAre(6));
    catch_up_.on_page(page);
    EXPECT_TRUE(live_);
    EXPECT_EQ(catch_up_.cursor(), 5U);
}

TEST_F(CatchUpTest, JoinsBehindWhatItsFollowerReadItself) {
    catch_up_.hold(numbered(4));
    catch_up_.hold(numbered(5));
    catch_up_.join(4);
    EXPECT_THAT(asked_, IsEmpty());
    EXPECT_THAT(sent_, ElementsAre(5));
    EXPECT_TRUE(live_);
}

TEST_F(CatchUpTest, AFailedReadEndsIt) {
    catch_up_.resume(3, true);
    catch_up_.on_page(make_error_code(Errc::store_unavailable));
    EXPECT_EQ(error_, Errc::store_unavailable);
    EXPECT_FALSE(live_);
}

}  // namespace
}  // namespace millrace::store
