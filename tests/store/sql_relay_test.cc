#include "store/sql_relay.h"

#include <gmock/gmock.h>
#include <map>
#include <string>

#include "tests/store/messages.h"
#include "tests/store/recording_sink.h"
#include "tests/support/memory_log.h"

namespace millrace::store::test {
namespace {

using millrace::testing::MemoryBackend;
using millrace::testing::MemoryLog;
using millrace::testing::MemoryStore;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using namespace std::chrono_literals;

/// What the outbox of a database holds and has refused, and what was delivered on live channels.
struct Table {
    std::vector<SqlRow> rows;
    std::map<std::int64_t, error_code> refused;
    std::vector<std::string> live;
    bool away = false;

    bool remove(std::int64_t id) {
        return std::erase_if(rows, [id](const SqlRow& row) { return row.id == id; }) != 0;
    }
};

class TableOutbox final : public SqlOutbox {
  public:
    explicit TableOutbox(Guarded<Table>& table) : table_(table) {}

    Result<std::vector<SqlRow>> read(std::uint32_t limit) override {
        auto table = table_.lock();
        if (table->away) return make_error_code(Errc::store_unavailable);
        std::vector<SqlRow> rows = table->rows;
        rows.resize(std::min<std::size_t>(limit, rows.size()));
        return rows;
    }
    Result<std::vector<std::int64_t>> take(std::span<const std::int64_t> ids) override {
        auto table = table_.lock();
        std::vector<std::int64_t> taken;
        for (const std::int64_t id : ids) {
            if (table->remove(id)) taken.push_back(id);
        }
        return taken;
    }
    error_code refuse(std::int64_t id, error_code reason) override {
        auto table = table_.lock();
        if (table->remove(id)) table->refused[id] = reason;
        table_.notify_all();
        return {};
    }

  private:
    Guarded<Table>& table_;
};

/// Takes the rows out of the table as it stores them. A payload "poison" can never be stored.
class TableLog final : public Log {
  public:
    TableLog(MemoryStore& memory, Guarded<Table>& table) : log_(memory), table_(table) {}

    Result<std::vector<Receipt>> append(std::span<const MessagePtr> batch) override {
        for (const MessagePtr& message : batch) {
            if (as_text(message->payload()) == "poison") return make_error_code(Errc::malformed);
        }
        return log_.append(batch);
    }
    Result<std::vector<Receipt>> move(std::span<const MessagePtr> batch,
                                      std::span<const std::int64_t> sql_rows) override {
        Result<std::vector<Receipt>> receipts = append(batch);
        if (!receipts) return receipts;
        auto table = table_.lock();
        for (const std::int64_t row : sql_rows) EXPECT_TRUE(table->remove(row)) << row << " is moved twice";
        return receipts;
    }
    Result<std::vector<Receipt>> settle() override { return log_.settle(); }

  private:
    MemoryLog log_;
    Guarded<Table>& table_;
};

class TableBackend final : public Backend {
  public:
    TableBackend(MemoryStore& memory, Guarded<Table>& table)
        : others_(memory), memory_(memory), table_(table) {}
    const std::string& epoch() const override { return others_.epoch(); }
    std::unique_ptr<Log> open_log() override { return std::make_unique<TableLog>(memory_, table_); }
    std::unique_ptr<Reader> open_reader() override { return others_.open_reader(); }
    std::unique_ptr<Maintenance> open_maintenance() override { return others_.open_maintenance(); }
    std::unique_ptr<SqlOutbox> open_sql_outbox(const SqlLimits&) override {
        return std::make_unique<TableOutbox>(table_);
    }

  private:
    MemoryBackend others_;
    MemoryStore& memory_;
    Guarded<Table>& table_;
};

class SqlRelayTest : public ::testing::Test {
  protected:
    void add(Result<MessagePtr> message) {
        auto table = table_.lock();
        table->rows.push_back({++last_id_, std::move(message)});
    }
    void start(std::chrono::milliseconds poll = 1ms) {
        limits_.sql.poll = poll;
        store_ = std::make_unique<Store>(std::make_unique<TableBackend>(memory_, table_), limits_, sink_);
        const auto route = [](const Message& message) {
            if (message.channel().starts_with("live")) return SqlRoute::live;
            return message.channel() == "forbidden" ? SqlRoute::forbidden : SqlRoute::stored;
        };
        const auto deliver = [this](const std::vector<MessagePtr>& messages) {
            auto table = table_.lock();
            for (const MessagePtr& message : messages) table->live.emplace_back(as_text(message->payload()));
            table_.notify_all();
        };
        store_->start_sql({route, deliver});
    }
    template <class Ready>
    bool wait_until(Ready ready) {
        return table_.lock().wait_for(10s, ready);
    }
    std::vector<std::string> payloads() {
        std::vector<std::string> result;
        for (const Committed& committed : sink_.taken()) {
            if (!committed.result.error) result.emplace_back(as_text(committed.append.message->payload()));
        }
        return result;
    }

    Limits limits_;
    RecordingSink sink_;
    MemoryStore memory_;
    Guarded<Table> table_;
    std::int64_t last_id_ = 0;
    std::unique_ptr<Store> store_;
};

TEST_F(SqlRelayTest, StoresRowsInTheirOrder) {
    limits_.sql.messages = 2;
    for (const char* payload : {"1", "2", "3", "4", "5"}) add(text_message("a", payload));
    start();
    ASSERT_TRUE(sink_.wait_for(5));
    EXPECT_THAT(payloads(), ElementsAre("1", "2", "3", "4", "5"));
    store_->drain();
    EXPECT_THAT(table_.lock()->rows, IsEmpty());
}

TEST_F(SqlRelayTest, NoRowOvertakesOneThatAFullLaneDidNotTake) {
    limits_.lane_queue_messages = 2;
    std::vector<std::string> expected;
    for (int i = 0; i < 50; ++i) {
        expected.push_back(std::to_string(i));
        add(text_message("a", expected.back()));
    }
    start();
    ASSERT_TRUE(sink_.wait_for(50));
    EXPECT_EQ(payloads(), expected);
}

TEST_F(SqlRelayTest, LooksAgainSoonAfterItHasFoundSomething) {
    add(text_message("a", "1"));
    start(1h);
    for (std::size_t n = 1; n < 5; ++n) {
        ASSERT_TRUE(sink_.wait_for(n));
        add(text_message("a", std::to_string(n + 1)));
    }
    ASSERT_TRUE(sink_.wait_for(5));
    EXPECT_THAT(payloads(), ElementsAre("1", "2", "3", "4", "5"));
}

TEST_F(SqlRelayTest, DeliversOnLiveChannelsWhatItHasTaken) {
    for (const char* payload : {"1", "2"}) add(text_message("live/a", payload));
    start();
    ASSERT_TRUE(wait_until([](const Table& table) { return table.live.size() == 2; }));
    EXPECT_THAT(table_.lock()->live, ElementsAre("1", "2"));
    EXPECT_THAT(table_.lock()->rows, IsEmpty());
}

TEST_F(SqlRelayTest, WhatCannotBeDeliveredHoldsUpNothing) {
    add(make_error_code(Errc::too_large));
    add(text_message("forbidden", "1"));
    add(text_message("a", "poison"));
    add(text_message("a", "2"));
    start();
    ASSERT_TRUE(wait_until([](const Table& table) { return table.refused.size() == 3; }));
    EXPECT_THAT(table_.lock()->refused, ElementsAre(Pair(1, make_error_code(Errc::too_large)),
                                                    Pair(2, make_error_code(Errc::not_authorised)),
                                                    Pair(3, make_error_code(Errc::malformed))));
    ASSERT_TRUE(sink_.wait_for(2));
    EXPECT_THAT(payloads(), ElementsAre("2"));
    store_->drain();
    const SqlCounters& counters = *store_->sql_counters();
    EXPECT_EQ(counters.stored.value(), 1U);
    EXPECT_EQ(counters.refused_too_large.value(), 1U);
    EXPECT_EQ(counters.refused_not_authorised.value(), 1U);
}

TEST_F(SqlRelayTest, ARepeatedIdIsTakenAndNotStored) {
    add(text_message("a", "1", "key"));
    add(text_message("a", "2", "key"));
    start();
    ASSERT_TRUE(sink_.wait_for(2));
    EXPECT_TRUE(sink_.taken()[1].result.repeated);
    store_->drain();
    EXPECT_THAT(table_.lock()->rows, IsEmpty());
}

TEST_F(SqlRelayTest, GoesOnWhenTheDatabaseIsBack) {
    table_.lock()->away = true;
    start();
    add(text_message("a", "1"));
    table_.lock()->away = false;
    ASSERT_TRUE(sink_.wait_for(1));
    EXPECT_THAT(payloads(), ElementsAre("1"));
}

TEST_F(SqlRelayTest, WaitsForAStoreThatIsAway) {
    limits_.wait = 1ms;
    memory_.away = true;
    add(text_message("a", "1"));
    start();
    // The lane tells it, and gives up what other doors have sent.
    ASSERT_TRUE(store_->append({text_message("a", "by another door"), {}, 0}));
    store_->flush();
    ASSERT_TRUE(sink_.wait_for(1));
    EXPECT_EQ(sink_.taken()[0].result.error, Errc::store_unavailable);
    memory_.away = false;
    ASSERT_TRUE(sink_.wait_for(2));
    EXPECT_THAT(payloads(), ElementsAre("1"));
}

TEST(SqlRelay, IsNotThereWithoutAnOutbox) {
    MemoryStore memory;
    RecordingSink sink;
    Store store(std::make_unique<MemoryBackend>(memory), {}, sink);
    store.start_sql({});
    EXPECT_EQ(store.sql_counters(), nullptr);
}

}  // namespace
}  // namespace millrace::store::test
