#include "mqtt/broker/readable_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/memory_log.h"

namespace millrace::mqtt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kChannel = "room";

/// A channel in memory, of which a reader without a name reads.
class ReadablePageTest : public ::testing::Test {
  protected:
    void add(bool for_others, std::size_t bytes = 1) {
        const std::string payload(bytes, 'x');
        MessageFields fields;
        fields.channel = kChannel;
        fields.payload = as_bytes(payload);
        fields.audience.dbo_id = for_others ? 7 : 0;
        const std::array<MessagePtr, 1> batch{Message::create(fields)};
        ASSERT_TRUE(log_.append(batch));
    }
    void add_many(std::size_t count, bool for_others) {
        for (std::size_t i = 0; i < count; ++i) add(for_others);
    }
    /// The page of such a range, and how many reads it took.
    ReadablePage page(store::Range range, ReadablePage::Limits limits = {}) {
        range.channel = kChannel;
        ReadablePage page(std::move(range), std::make_shared<access::Principal>(), limits);
        for (reads_ = 1; !page.add(*reader_.read(page.range())); ++reads_) {
        }
        return page;
    }
    static std::vector<std::uint64_t> seqs(const ReadablePage& page) {
        std::vector<std::uint64_t> seqs;
        for (const MessagePtr& message : page.messages()) seqs.push_back(message->seq());
        return seqs;
    }

    testing::MemoryStore memory_;
    testing::MemoryLog log_{memory_};
    testing::MemoryReader reader_{memory_};
    int reads_ = 0;
};

TEST_F(ReadablePageTest, WhatIsForOthersIsPassedOver) {
    add_many(3, false);
    add_many(500, true);
    const ReadablePage newest = page({.limit = 2});
    EXPECT_THAT(seqs(newest), ElementsAre(2, 3));
    EXPECT_EQ(newest.last(), 503U);
    EXPECT_TRUE(newest.more());
    EXPECT_FALSE(newest.cut());
    EXPECT_EQ(newest.next(), 2U);
    EXPECT_LE(reads_, 3);
    const ReadablePage oldest = page({.after = 2, .limit = 2});
    EXPECT_THAT(seqs(oldest), ElementsAre(3));
    EXPECT_FALSE(oldest.more());
    EXPECT_THAT(seqs(page({.before = 3, .limit = 1})), ElementsAre(2));
}

TEST_F(ReadablePageTest, AReaderGoesOnWithoutAGapOrARepeat) {
    for (int i = 0; i < 300; ++i) add_many(static_cast<std::size_t>(i % 5), true), add(false);
    for (const bool forward : {true, false}) {
        std::vector<std::uint64_t> found;
        std::uint64_t at = forward ? 0 : 1'000'000;
        for (bool more = true; more;) {
            const store::Range range =
                forward ? store::Range{.after = at, .limit = 7} : store::Range{.before = at, .limit = 7};
            const ReadablePage next = page(range, {.scan_messages = 11});
            const std::vector<std::uint64_t> some = seqs(next);
            found.insert(forward ? found.end() : found.begin(), some.begin(), some.end());
            at = next.next();
            more = next.more();
        }
        EXPECT_EQ(found.size(), 300U);
        EXPECT_TRUE(std::ranges::is_sorted(found));
        EXPECT_EQ(std::ranges::adjacent_find(found), found.end());
    }
}

TEST_F(ReadablePageTest, TheWorkIsBounded) {
    add(false);
    add_many(2000, true);
    const ReadablePage newest = page({.limit = 5}, {.scan_messages = 1000});
    EXPECT_THAT(seqs(newest), IsEmpty());
    EXPECT_TRUE(newest.cut());
    EXPECT_EQ(newest.next(), 1002U);
    EXPECT_LE(reads_, 5);
    EXPECT_THAT(seqs(page({.before = newest.next(), .limit = 5}, {.scan_messages = 2000})), ElementsAre(1));
}

TEST_F(ReadablePageTest, SoAreItsBytes) {
    for (int i = 0; i < 5; ++i) add(false, 10'000);
    const ReadablePage newest = page({.limit = 5}, {.bytes = 25'000});
    EXPECT_THAT(seqs(newest), ElementsAre(4, 5));
    EXPECT_TRUE(newest.cut());
    EXPECT_EQ(newest.next(), 4U);
    EXPECT_THAT(seqs(page({.limit = 5}, {.bytes = 10})), ElementsAre(5));
}

TEST_F(ReadablePageTest, TheEndIsTheEnd) {
    EXPECT_FALSE(page({}).more());
    add_many(2, true);
    const ReadablePage all = page({.after = 0, .limit = 2});
    EXPECT_THAT(seqs(all), IsEmpty());
    EXPECT_FALSE(all.more());
}

}  // namespace
}  // namespace millrace::mqtt
