#include "store/sequenced_log.h"

#include <gmock/gmock.h>
#include <map>

#include "tests/store/messages.h"

namespace millrace::store::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A database that a test can break; outlives the log that writes to it.
struct FakeDatabase {
    enum class Insert { works, is_lost, is_committed_and_lost, is_refused };
    std::map<std::string, std::int64_t> channels;
    std::map<std::pair<std::int64_t, std::uint64_t>, std::int64_t> rows;  ///< (channel, seq) -> at
    Insert next_insert = Insert::works;
    bool away = false;
    std::vector<std::int64_t> moved;
    int recoveries = 0;
    int channel_queries = 0;
};

class FakeTable final : public Table {
  public:
    explicit FakeTable(FakeDatabase& database) : database_(database) {}

    error_code recover() override {
        ++database_.recoveries;
        return database_.away ? make_error_code(Errc::store_unavailable) : error_code{};
    }
    Result<std::vector<Channel>> channels(std::span<const std::string_view> names) override {
        ++database_.channel_queries;
        std::vector<Channel> found;
        for (const std::string_view name : names) {
            const std::int64_t next = static_cast<std::int64_t>(database_.channels.size()) + 1;
            const std::int64_t id = database_.channels.try_emplace(std::string(name), next).first->second;
            std::uint64_t last = 0;
            for (const auto& [key, at] : database_.rows) {
                if (key.first == id) last = key.second;
            }
            found.push_back({id, last});
        }
        return found;
    }
    Result<std::vector<Receipt>> find(std::span<const Key> keys) override {
        return std::vector<Receipt>(keys.size());
    }
    error_code insert(std::span<const Row> rows, std::int64_t at_us) override {
        using enum FakeDatabase::Insert;
        const auto how = std::exchange(database_.next_insert, works);
        if (how == is_refused) return Errc::malformed;
        if (how == is_lost) return Errc::store_unavailable;
        for (const Row& row : rows) database_.rows[{row.channel_id, row.seq}] = at_us;
        return how == works ? error_code{} : make_error_code(Errc::store_unavailable);
    }
    error_code move(std::span<const Row> rows, std::int64_t at_us,
                    std::span<const std::int64_t> sql_rows) override {
        if (const error_code error = insert(rows, at_us)) return error;
        database_.moved.insert(database_.moved.end(), sql_rows.begin(), sql_rows.end());
        return {};
    }
    void rollback() override {}
    Result<bool> stored(const Row& row, std::int64_t at_us) override {
        const auto at = database_.rows.find({row.channel_id, row.seq});
        return at != database_.rows.end() && at->second == at_us;
    }

  private:
    FakeDatabase& database_;
};

class SequencedLogTest : public testing::Test {
  protected:
    using Insert = FakeDatabase::Insert;
    FakeDatabase database_;
    SequencedLog log_{std::make_unique<FakeTable>(database_)};
    std::vector<MessagePtr> one_ = {text_message("a", "1")};
    std::vector<MessagePtr> two_ = {text_message("a", "2"), text_message("b", "3")};
};

TEST_F(SequencedLogTest, AsksForAChannelOnce) {
    ASSERT_TRUE(log_.append(one_));
    ASSERT_TRUE(log_.append(std::vector<MessagePtr>{text_message("a", "x"), text_message("a", "y")}));
    EXPECT_EQ(database_.channel_queries, 1);
    EXPECT_EQ(database_.recoveries, 1);
}

TEST_F(SequencedLogTest, ACommitWithoutAnAnswerIsFoundOut) {
    ASSERT_TRUE(log_.append(one_));
    database_.next_insert = Insert::is_committed_and_lost;
    ASSERT_FALSE(log_.append(two_));
    EXPECT_EQ(two_[0]->seq(), 0u);
    database_.away = true;
    ASSERT_FALSE(log_.settle());
    database_.away = false;
    const Result<std::vector<Receipt>> settled = log_.settle();
    ASSERT_TRUE(settled);
    EXPECT_THAT(seqs(*settled), ElementsAre(2, 1));
    EXPECT_EQ(two_[0]->seq(), 2u);
    EXPECT_EQ(log_.append(one_)->at(0).seq, 3u);
}

TEST_F(SequencedLogTest, ALostInsertLeavesNoHole) {
    ASSERT_TRUE(log_.append(one_));
    database_.next_insert = Insert::is_lost;
    ASSERT_FALSE(log_.append(two_));
    const Result<std::vector<Receipt>> settled = log_.settle();
    ASSERT_TRUE(settled);
    EXPECT_THAT(*settled, IsEmpty());
    EXPECT_THAT(seqs(*log_.append(two_)), ElementsAre(2, 1));
}

TEST_F(SequencedLogTest, ARowOfAnotherWriterIsNotTakenForOurs) {
    ASSERT_TRUE(log_.append(one_));
    database_.next_insert = Insert::is_lost;
    ASSERT_FALSE(log_.append(two_));
    database_.rows[{1, 2}] = 12345;
    const Result<std::vector<Receipt>> settled = log_.settle();
    ASSERT_TRUE(settled);
    EXPECT_THAT(*settled, IsEmpty());
    EXPECT_THAT(seqs(*log_.append(two_)), ElementsAre(3, 1));
}

TEST_F(SequencedLogTest, RowsOfSqlGoWithTheBatch) {
    const std::vector<std::int64_t> rows = {7, 8};
    ASSERT_TRUE(log_.append(one_));
    database_.next_insert = Insert::is_refused;
    ASSERT_FALSE(log_.move(two_, rows));
    EXPECT_THAT(database_.moved, IsEmpty());
    EXPECT_THAT(seqs(*log_.move(two_, rows)), ElementsAre(2, 1));
    EXPECT_THAT(database_.moved, ElementsAre(7, 8));
}

TEST_F(SequencedLogTest, StampsNeverGoBackwards) {
    const std::int64_t ahead = wall_clock_us() + 3'600'000'000;
    log_.stamp_after(ahead);
    log_.stamp_after(ahead - 1000);
    EXPECT_EQ(log_.append(one_)->at(0).at_us, ahead + 1);
    EXPECT_EQ(log_.append(two_)->at(0).at_us, ahead + 2);
}

TEST_F(SequencedLogTest, ARefusedBatchLeavesNoHole) {
    ASSERT_TRUE(log_.append(one_));
    database_.next_insert = Insert::is_refused;
    const Result<std::vector<Receipt>> refused = log_.append(two_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), Errc::malformed);
    EXPECT_THAT(seqs(*log_.append(two_)), ElementsAre(2, 1));
    EXPECT_EQ(database_.recoveries, 1);
}

}  // namespace
}  // namespace millrace::store::test
