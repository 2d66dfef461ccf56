#include "store/store.h"

#include <chrono>
#include <gtest/gtest.h>
#include <thread>

#include "core/shard.h"
#include "store/reader_pool.h"
#include "tests/store/recording_sink.h"
#include "tests/support/memory_log.h"

namespace millrace::store::test {
namespace {

using namespace std::chrono_literals;

class EmptyLog final : public Log {
  public:
    Result<std::vector<Receipt>> append(std::span<const MessagePtr> batch) override {
        std::vector<Receipt> receipts(batch.size());
        for (Receipt& receipt : receipts) receipt.seq = ++last_;
        return receipts;
    }
    Result<std::vector<Receipt>> settle() override { return std::vector<Receipt>{}; }

  private:
    std::uint64_t last_ = 0;
};

/// Answers with the range's channel length as `last`; "away" fails, and so does what nobody has asked for
/// unless `probed`.
class EchoReader final : public Reader {
  public:
    explicit EchoReader(bool probed) : probed_(probed) {}
    Result<Page> read(const Range& range) override {
        if (range.channel == "away" || (range.channel.empty() && !probed_))
            return make_error_code(Errc::store_unavailable);
        return Page{.last = range.channel.size()};
    }
    Result<std::vector<MessagePtr>> retained() override { return std::vector<MessagePtr>{}; }

  private:
    bool probed_;
};

class FakeBackend final : public Backend {
  public:
    explicit FakeBackend(bool probed = false) : probed_(probed) {}
    const std::string& epoch() const override { return epoch_; }
    std::unique_ptr<Log> open_log() override { return std::make_unique<EmptyLog>(); }
    std::unique_ptr<Reader> open_reader() override { return std::make_unique<EchoReader>(probed_); }
    std::unique_ptr<Maintenance> open_maintenance() override {
        return std::make_unique<millrace::testing::MemoryMaintenance>(memory_);
    }

  private:
    bool probed_;
    std::string epoch_ = "e1";
    millrace::testing::MemoryStore memory_;
};

class StoreTest : public ::testing::Test {
  protected:
    Result<Page> read(const std::string& channel) {
        std::optional<Result<Page>> answer;
        store_.read({.channel = channel}, shard_, [&answer](Result<Page> page) { answer = std::move(page); });
        for (int turns = 0; !answer && turns < 1000; ++turns) shard_.turn(Milliseconds(10));
        EXPECT_TRUE(answer.has_value());
        return std::move(answer).value_or(make_error_code(Errc::timed_out));
    }

    Shard shard_{0};
    RecordingSink sink_;
    Store store_{std::make_unique<FakeBackend>(), {.lanes = 3, .readers = 2, .reader_queue = 1}, sink_};
};

TEST_F(StoreTest, KeepsAChannelOnOneLane) {
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(store_.append({Message::create({.channel = "a"}), {}, static_cast<std::uint64_t>(i)}));
    }
    store_.flush();
    ASSERT_TRUE(sink_.wait_for(100));
    std::uint64_t seq = 0;
    for (const Committed& committed : sink_.taken()) EXPECT_EQ(committed.result.seq, ++seq);
    EXPECT_EQ(store_.epoch(), "e1");
}

TEST_F(StoreTest, AnswersReadsOnTheShard) {
    const Result<Page> page = read("four");
    ASSERT_TRUE(page);
    EXPECT_EQ(page->last, 4u);
}

TEST_F(StoreTest, IsReachableAgainAfterAReadThatWorked) {
    EXPECT_TRUE(store_.reachable());
    EXPECT_EQ(read("away").error(), Errc::store_unavailable);
    EXPECT_FALSE(store_.reachable());
    EXPECT_TRUE(read("a"));
    EXPECT_TRUE(store_.reachable());
}

TEST_F(StoreTest, RefusesAfterTheDrain) {
    store_.drain();
    EXPECT_FALSE(store_.append({Message::create({.channel = "a"}), {}, 0}));
    EXPECT_EQ(read("a").error(), Errc::overloaded);
}

TEST(ReaderPool, AsksByItselfWhetherTheStoreIsBack) {
    Shard shard(0);
    FakeBackend backend(true);
    ReaderPool pool(backend, 1, 10, 1ms);
    bool failed = false;
    pool.read({.channel = "away"}, shard, [&failed](const Result<Page>& page) { failed = page.has_error(); });
    for (int turns = 0; !failed && turns < 1000; ++turns) shard.turn(Milliseconds(10));
    EXPECT_TRUE(failed);
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!pool.reachable() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_TRUE(pool.reachable());
}

}  // namespace
}  // namespace millrace::store::test
