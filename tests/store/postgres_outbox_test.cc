// millrace.publish(), from transactions of other programs to the sink of the lanes.
#include <algorithm>
#include <atomic>
#include <gmock/gmock.h>
#include <map>
#include <thread>

#include "store/postgres/connection.h"
#include "store/postgres/postgres_backend.h"
#include "store/sql_relay.h"
#include "store/store.h"
#include "tests/store/messages.h"
#include "tests/store/recording_sink.h"
#include "tests/support/postgres_server.h"

namespace millrace::store::test {
namespace {

using millrace::test::PostgresServer;
using postgres::Connection;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

std::unique_ptr<Backend> open_backend(const std::string& url) {
    std::string why;
    Result<std::unique_ptr<Backend>> opened = postgres::open(url, why);
    EXPECT_TRUE(opened) << why;
    return opened ? std::move(*opened) : nullptr;
}

/// Everything is stored but `live/#`.
SqlRules rules() {
    return {[](const Message& message) {
                return message.channel().starts_with("live/") ? SqlRoute::live : SqlRoute::stored;
            },
            [](const std::vector<MessagePtr>&) {}};
}

class PostgresOutbox : public testing::Test {
  protected:
    void SetUp() override { backend_ = open_backend(url_); }
    /// From here on rows are moved.
    void start() {
        limits_.sql.poll = 5ms;
        store_ = std::make_unique<Store>(std::move(backend_), limits_, sink_);
        store_->start_sql(rules());
    }
    /// As another program does it; what went wrong, else nothing.
    std::string run(const std::string& sql) { return run(other_, sql); }
    std::string run(Connection& connection, const std::string& sql) {
        if (!connection.is_open() && connection.open(url_)) return "no connection: " + connection.message();
        return connection.run(sql) ? std::string() : connection.message();
    }
    std::string ask(const std::string& sql) { return PostgresServer::shared().sql(url_, sql); }
    std::vector<std::string> payloads() {
        std::vector<std::string> result;
        for (const Committed& committed : sink_.taken()) {
            EXPECT_FALSE(committed.result.error);
            result.emplace_back(as_text(committed.append.message->payload()));
        }
        return result;
    }
    std::vector<SqlRow> read() {
        Result<std::vector<SqlRow>> rows = backend_->open_sql_outbox(limits_.sql)->read(100);
        EXPECT_TRUE(rows);
        return rows ? std::move(*rows) : std::vector<SqlRow>();
    }

    const std::string url_ = PostgresServer::shared().create_database();
    Limits limits_;
    RecordingSink sink_;
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<Store> store_;
    Connection other_;
};

TEST_F(PostgresOutbox, DeliversWhatIsCommittedInItsOrder) {
    start();
    EXPECT_EQ(
        run("begin; select millrace.publish('a', '1'); select millrace.publish('a', '2'); savepoint s; "
            "select millrace.publish('a', '3'); rollback to s; select millrace.publish('a', '4'); commit"),
        "");
    EXPECT_EQ(run("begin; select millrace.publish('a', '5'); rollback"), "");
    EXPECT_EQ(run("select millrace.publish('a', n::text) from generate_series(6, 9) n"), "");
    ASSERT_TRUE(sink_.wait_for(7));
    EXPECT_THAT(payloads(), ElementsAre("1", "2", "4", "6", "7", "8", "9"));
    store_->drain();
    EXPECT_EQ(ask("select count(*) from millrace.outbox"), "0");
    EXPECT_EQ(ask("select string_agg(seq || ':' || data, ' ' order by seq) from millrace.messages"),
              "1:1 2:2 3:4 4:6 5:7 6:8 7:9");
    EXPECT_EQ(store_->sql_counters()->stored.value(), 7U);
}

TEST_F(PostgresOutbox, ATransactionHeldOpenTakesItsPlaceWhenItCommits) {
    Connection held;
    ASSERT_EQ(run(held, "begin; select millrace.publish('a', '\"begun first\"')"), "");
    ASSERT_EQ(run("select millrace.publish('a', '\"committed first\"')"), "");
    ASSERT_EQ(run(held, "commit"), "");
    // Both are there at the first look: the order is not that of the looks.
    start();
    ASSERT_TRUE(sink_.wait_for(2));
    EXPECT_THAT(payloads(), ElementsAre("\"committed first\"", "\"begun first\""));
}

TEST_F(PostgresOutbox, PublishersDoNotWaitForEachOther) {
    Connection held;
    ASSERT_EQ(run(held, "begin; select millrace.publish('a', '1')"), "");
    EXPECT_EQ(
        run("set lock_timeout = '1s'; set statement_timeout = '10s'; select millrace.publish('a', '2')"), "");
    ASSERT_EQ(run(held, "commit"), "");
}

TEST_F(PostgresOutbox, TakesWhatHttpTakes) {
    ASSERT_EQ(run("select millrace.publish('a', '{ \"n\": 3.140,\n \"big\": 12345678901234567890123 }', "
                  "type => 'message', id => 'k', retain => true, to_dbo_id => 7, to_row_id => 42)"),
              "");
    const std::vector<SqlRow> rows = read();
    ASSERT_EQ(rows.size(), 1U);
    const Message& message = **rows[0].message;
    EXPECT_EQ(message.channel(), "a");
    EXPECT_EQ(as_text(message.payload()), "{\"n\":3.140,\"big\":12345678901234567890123}");
    EXPECT_EQ(message.kind(), MessageKind::message);
    EXPECT_EQ(message.id(), "k");
    EXPECT_TRUE(message.retain());
    EXPECT_EQ(message.audience().dbo_id, 7);
    EXPECT_EQ(message.audience().row_id, 42);
}

TEST_F(PostgresOutbox, SaysWhatIsWrong) {
    const std::map<std::string, std::string> wrong = {
        {"null, '1'", "the channel has no name"},
        {"'', '1'", "the channel has no name"},
        {"repeat('x', 65536), '1'", "longer than 65535 bytes"},
        {"'a/+', '1'", "+ and # stand in no name"},
        {"'a/#', '1'", "+ and # stand in no name"},
        {"'$SYS/broker/uptime', '1'", "begin with $"},
        {"'a', null::text", "the data is null"},
        {"'a', '{\"a\"'", "invalid input syntax for type json"},
        {"'a', to_json(repeat('x', 1048576))", "limits.sql_message_bytes"},
        {"'a', '1', type => 'news'", "type must be"},
        {"'a', '1', id => ''", "1 to 255 bytes"},
        {"'a', '1', id => repeat('x', 256)", "1 to 255 bytes"},
        {"'a', '1', to_row_id => 1", "to_row_id needs to_dbo_id"},
        {"'a', '1', to_dbo_id => 0", "must be positive"},
    };
    for (const auto& [arguments, message] : wrong) {
        EXPECT_THAT(run("select millrace.publish(" + arguments + ")"), HasSubstr(message)) << arguments;
    }
    EXPECT_EQ(ask("select count(*) from millrace.outbox"), "0");
}

TEST_F(PostgresOutbox, ARoleThatMayPublishMayNotRead) {
    const auto as_shop = [this](const std::string& sql) { return run("set role shop; " + sql); };
    ASSERT_EQ(run("create role shop"), "");
    EXPECT_THAT(as_shop("select millrace.publish('a', '1')"), HasSubstr("permission denied for schema"));
    ASSERT_EQ(run("reset role; grant usage on schema millrace to shop"), "");
    EXPECT_THAT(as_shop("select millrace.publish('a', '1')"), HasSubstr("permission denied for function"));
    ASSERT_EQ(run("reset role; grant execute on all functions in schema millrace to shop"), "");
    EXPECT_EQ(as_shop("select millrace.publish('a', '1')"), "");
    EXPECT_EQ(as_shop("select millrace.publish('a', jsonb_build_object('a', 1))"), "");
    EXPECT_EQ(as_shop("select millrace.publish('a', row_to_json(r)) from (select 1 as n) r"), "");
    for (const char* table : {"outbox", "outbox_refused", "message", "messages", "meta"}) {
        EXPECT_THAT(as_shop("select * from millrace." + std::string(table)), HasSubstr("permission denied"));
    }
    EXPECT_THAT(as_shop("select millrace.outbox_take(array[1])"),
                HasSubstr("permission denied for table outbox"));
    EXPECT_EQ(ask("select count(*), count(position) from millrace.outbox"), "3|3");
    ASSERT_EQ(run("reset role; drop owned by shop; drop role shop"), "");
}

TEST_F(PostgresOutbox, TellsTheDatabaseHowLargeAMessageMayBe) {
    ASSERT_EQ(run("select millrace.publish('a', '\"long enough\"')"), "");
    limits_.sql.message_bytes = 10;
    const std::vector<SqlRow> rows = read();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].message.error(), Errc::too_large);
    EXPECT_THAT(run("select millrace.publish('a', '\"long enough\"')"), HasSubstr("more than 10 bytes"));
    EXPECT_EQ(run("select millrace.publish('a', '\"short\"')"), "");
}

TEST_F(PostgresOutbox, PutsAsideWhatCannotBeDeliveredAndKeepsTheNewest) {
    limits_.sql.refused_messages = 2;
    ASSERT_EQ(run("insert into millrace.outbox(channel, type, retain, data) "
                  "select 'a/#', 'event', false, n::text from generate_series(1, 4) n"),
              "");
    ASSERT_EQ(run("select millrace.publish('a', '5')"), "");
    start();
    ASSERT_TRUE(sink_.wait_for(1));
    EXPECT_THAT(payloads(), ElementsAre("5"));
    store_->drain();
    EXPECT_EQ(ask("select reason, channel, data from millrace.outbox_refused order by number"),
              "not a valid channel name|a/#|3\nnot a valid channel name|a/#|4");
    EXPECT_EQ(store_->sql_counters()->refused_channel.value(), 4U);
}

TEST_F(PostgresOutbox, LiveRowsAreTaken) {
    start();
    ASSERT_EQ(run("select millrace.publish('live/a', '1')"), "");
    ASSERT_EQ(run("select millrace.publish('a', '2')"), "");
    ASSERT_TRUE(sink_.wait_for(1));
    store_->drain();
    EXPECT_EQ(store_->sql_counters()->live.value(), 1U);
    EXPECT_EQ(ask("select count(*) from millrace.outbox"), "0");
}

TEST_F(PostgresOutbox, ALookAtNothingReadsTheIndexOnly) {
    ASSERT_EQ(run("insert into millrace.outbox(channel, type, retain, data) "
                  "select 'a', 'event', false, repeat('x', 500) from generate_series(1, 20000); "
                  "delete from millrace.outbox"),
              "");
    ASSERT_EQ(run("vacuum millrace.outbox"), "");
    const std::string plan =
        ask("set enable_seqscan = off; explain (analyze, buffers, costs off, timing off) select *, "
            "octet_length(data) from millrace.outbox order by position, id limit 1000");
    EXPECT_THAT(plan, HasSubstr("Index Scan using outbox_order")) << plan;
    EXPECT_THAT(plan, testing::ContainsRegex("shared hit=[0-9]\n")) << plan;
}

TEST_F(PostgresOutbox, ALostMoveIsDoneOnce) {
    const std::unique_ptr<Log> log = backend_->open_log();
    ASSERT_TRUE(log->append(std::vector<MessagePtr>{text_message("a", "0", "key")}));
    ASSERT_EQ(run("select millrace.publish('a', n::text) from generate_series(1, 3) n"), "");
    const std::vector<SqlRow> rows = read();
    ASSERT_EQ(rows.size(), 3U);
    ask("select count(pg_terminate_backend(pid, 20000)) from pg_stat_activity where pid <> pg_backend_pid() "
        "and datname = current_database() and application_name = 'millrace'");
    const std::vector<MessagePtr> batch = {*rows[0].message, *rows[1].message};
    const std::vector<std::int64_t> ids = {rows[0].id, rows[1].id};
    EXPECT_FALSE(log->move(batch, ids));
    ASSERT_THAT(log->settle().value(), testing::IsEmpty());
    EXPECT_EQ(ask("select count(*) from millrace.outbox"), "3");
    EXPECT_THAT(seqs(log->move(batch, ids).value()), ElementsAre(2, 3));
    EXPECT_EQ(ask("select count(*) from millrace.outbox"), "1");
    // Rows that are gone are refused with their batch; a batch of repeats takes what is left.
    EXPECT_EQ(log->move(batch, ids).error(), Errc::malformed);
    const std::vector<std::int64_t> last = {rows[2].id};
    EXPECT_THAT(seqs(log->move(std::vector<MessagePtr>{text_message("a", "3", "key")}, last).value()),
                ElementsAre(1));
    EXPECT_EQ(ask("select count(*) from millrace.outbox"), "0");
    EXPECT_THAT(seqs(log->append(std::vector<MessagePtr>{text_message("a", "4")}).value()), ElementsAre(4));
}

/// Sessions publish and write down in the same transaction what they published, while their database is
/// crashed and started again.
TEST(PostgresOutboxCrash, WhatIsCommittedArrivesOnce) {
    PostgresServer server;
    const std::string url = server.create_database();
    RecordingSink sink;
    Store store(open_backend(url), {.lanes = 2, .readers = 1, .sql = {.poll = 5ms, .messages = 50}}, sink);
    store.start_sql(rules());
    server.sql(url, "create table written(n bigint)");
    std::atomic<bool> stopping{false};
    std::vector<std::jthread> sessions;
    for (int s = 0; s < 4; ++s) {
        sessions.emplace_back([&stopping, &url, s] {
            Connection connection;
            for (int n = s; !stopping; n += 4) {
                const std::string number = std::to_string(n);
                if (!connection.is_open() && connection.open(url)) std::this_thread::yield();
                static_cast<void>(connection.run(
                    "begin; insert into written values (" + number + "); select millrace.publish('c/" +
                    std::to_string(n % 5) + "', '" + number + "'); " + (n % 3 == 0 ? "rollback" : "commit")));
            }
        });
    }
    for (std::size_t round = 1; round <= 3; ++round) {
        EXPECT_TRUE(sink.wait_for(300 * round, 40s)) << sink.taken().size();
        server.crash();
        server.start();
    }
    EXPECT_TRUE(sink.wait_for(1200, 40s)) << sink.taken().size();
    stopping = true;
    sessions.clear();
    const std::size_t written = std::stoul(server.sql(url, "select count(*) from written"));
    EXPECT_TRUE(sink.wait_for(written, 40s)) << sink.taken().size() << " of " << written;
    store.drain();
    EXPECT_EQ(sink.taken().size(), written);
    std::map<std::string, std::uint64_t> last;
    for (const Committed& committed : sink.taken()) {
        ASSERT_FALSE(committed.result.error);
        ASSERT_EQ(committed.result.seq, ++last[std::string(committed.append.message->channel())]);
    }
    EXPECT_EQ(server.sql(url,
                         "select count(*) from (select n::text from written except all "
                         "select data::text from millrace.messages) missing"),
              "0");
    EXPECT_EQ(server.sql(url, "select count(*) from millrace.messages"), std::to_string(written));
}

}  // namespace
}  // namespace millrace::store::test
