#include "core/hooks/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <vector>

#include "tests/support/hook_questions.h"

namespace millrace::hooks {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class GateTest : public ::testing::Test {
  protected:
    void answer(std::size_t index, Outcome outcome = Outcome::allowed) {
        Verdict verdict;
        verdict.outcome = outcome;
        questions_.answer(index, std::move(verdict));
    }
    Gate::Done note(int number) {
        return
            [this, number](const Verdict& verdict) { done_.push_back(verdict.allowed() ? number : -number); };
    }
    void ask(const Sender& sender, int number) { gate_.ask(sender, {.url = "u", .body = "b"}, note(number)); }

    Shard shard_{0};
    testing::HookQuestions questions_;
    Gate gate_{shard_, questions_};
    std::vector<int> done_;
    const Sender first_{nullptr, 1};
    const Sender second_{&shard_, 0};
};

TEST_F(GateTest, AnswersOfOneSenderAreDoneInTheOrderOfTheQuestions) {
    for (const int number : {1, 2, 3}) ask(first_, number);
    EXPECT_EQ(questions_.size(), 3U) << "all are under way at once";
    answer(2);
    answer(1, Outcome::denied);
    EXPECT_THAT(done_, IsEmpty());
    EXPECT_EQ(gate_.waiting(first_), 3U);
    answer(0);
    EXPECT_THAT(done_, ElementsAre(1, -2, 3));
    EXPECT_EQ(gate_.waiting(first_), 0U);
}

TEST_F(GateTest, WhatNeedsNoAnswerWaitsForItsTurn) {
    ask(first_, 1);
    gate_.follow(first_, note(2));
    ask(first_, 3);
    gate_.follow(first_, note(4));
    answer(1);
    EXPECT_THAT(done_, IsEmpty());
    answer(0);
    EXPECT_THAT(done_, ElementsAre(1, 2, 3, 4));
}

TEST_F(GateTest, SendersDoNotWaitForEachOther) {
    ask(first_, 1);
    ask(second_, 2);
    ask({}, 3);
    ask({}, 4);
    answer(3);
    answer(1);
    EXPECT_THAT(done_, ElementsAre(4, 2));
    answer(2);
    answer(0);
    EXPECT_THAT(done_, ElementsAre(4, 2, 3, 1));
}

TEST_F(GateTest, WhatIsDoneMayAskAgain) {
    gate_.ask(first_, {}, [this](const Verdict&) { ask(first_, 2); });
    answer(0);
    EXPECT_EQ(gate_.waiting(first_), 1U);
    answer(1);
    EXPECT_THAT(done_, ElementsAre(2));
}

TEST_F(GateTest, CountsByOutcome) {
    for (const int number : {1, 2, 3, 4}) ask({}, number);
    answer(0);
    answer(1, Outcome::denied);
    answer(2, Outcome::timed_out);
    answer(3, Outcome::queue_full);
    const Counters& counters = shard_.counters();
    EXPECT_EQ(counters.hook_calls.value(), 4U);
    EXPECT_EQ(counters.hook_allowed.value(), 1U);
    EXPECT_EQ(counters.hook_denied.value(), 1U);
    EXPECT_EQ(counters.hook_failed_timed_out.value(), 1U);
    EXPECT_EQ(counters.hook_failed_queue_full.value(), 1U);
}

}  // namespace
}  // namespace millrace::hooks
