#include <gmock/gmock.h>
#include <map>
#include <thread>

#include "store/postgres/connection.h"
#include "store/postgres/postgres_backend.h"
#include "store/store.h"
#include "tests/store/recording_sink.h"
#include "tests/store/session_suite.h"
#include "tests/support/postgres_server.h"

namespace millrace::store::test {
namespace {

using millrace::test::PostgresServer;
using namespace std::chrono_literals;

class PostgresPlace final : public Place {
  public:
    Result<std::unique_ptr<Backend>> open(std::string& why) override { return postgres::open(url_, why); }
    std::string sql(const std::string& command) override {
        return PostgresServer::shared().sql(url_, command);
    }
    const std::string& url() const { return url_; }

  private:
    std::string url_ = PostgresServer::shared().create_database();
};

std::unique_ptr<Place> postgres_place() {
    return std::make_unique<PostgresPlace>();
}
const auto kName = [](const auto&) { return "Postgres"; };

INSTANTIATE_TEST_SUITE_P(, LogSuite, testing::Values(&postgres_place), kName);
INSTANTIATE_TEST_SUITE_P(, LogRange, testing::Values(&postgres_place), kName);
INSTANTIATE_TEST_SUITE_P(, SessionSuite, testing::Values(&postgres_place), kName);

class Postgres : public testing::Test {
  protected:
    void SetUp() override {
        std::string why;
        Result<std::unique_ptr<Backend>> opened = place_.open(why);
        ASSERT_TRUE(opened) << why;
        backend_ = std::move(*opened);
    }
    /// Returns once they have ended: their locks are free then.
    void end_sessions(const std::string& which) {
        place_.sql(
            "select count(pg_terminate_backend(pid, 20000)) from pg_stat_activity where pid <> "
            "pg_backend_pid() and "
            "datname = current_database() and " +
            which);
    }

    PostgresPlace place_;
    std::unique_ptr<Backend> backend_;
};

TEST_F(Postgres, SaysInOneLineWhyItCannotConnect) {
    std::string why;
    EXPECT_FALSE(postgres::open("postgresql://u:secret@127.0.0.1:1/db", why));
    EXPECT_THAT(why, testing::HasSubstr("127.0.0.1"));
    EXPECT_THAT(why, testing::HasSubstr("port 1 "));
    EXPECT_THAT(why, testing::HasSubstr("Connection refused"));
    EXPECT_THAT(why, testing::Not(testing::HasSubstr("secret")));
    EXPECT_EQ(why.find('\n'), std::string::npos);
}

TEST_F(Postgres, RefusesTheSchemaOfANewerVersion) {
    backend_.reset();
    place_.sql("update millrace.meta set value = '999' where key = 'schema'");
    std::string why;
    EXPECT_FALSE(place_.open(why));
    EXPECT_THAT(why, testing::HasSubstr("of a newer Millrace"));
}

TEST_F(Postgres, TheViewShowsEveryPayloadAsJson) {
    const std::string nul("a\0b", 3);
    const std::vector<MessagePtr> batch = {
        text_message("marvel_chat_room", "{\"a\": \"\\u0000\"}"),
        text_message("marvel_chat_room", "hi \"you\""), text_message("marvel_chat_room", "\xff\xfe"),
        text_message("marvel_chat_room", nul), text_message("marvel_chat_room", "")};
    ASSERT_TRUE(backend_->open_log()->append(batch));
    EXPECT_EQ(
        place_.sql(
            "select seq, data, encoding from millrace.messages where channel = 'marvel_chat_room' order "
            "by seq"),
        "1|{\"a\": \"\\u0000\"}|\n2|\"hi \\\"you\\\"\"|\n3|\"//4=\"|base64\n4|\"YQBi\"|base64\n5|\"\"|");
}

TEST_F(Postgres, TheViewFindsAChannelByIndex) {
    ASSERT_TRUE(backend_->open_log()->append(std::vector<MessagePtr>{text_message("a", "1")}));
    place_.sql("insert into millrace.channel(name) select 'c' || n from generate_series(1, 20000) n");
    place_.sql(
        "insert into millrace.message(channel_id, seq, at, flags, payload) select c, s, now(), 4, 'x' from "
        "generate_series(2, 20000) c, generate_series(1, 3) s");
    place_.sql("analyze millrace.channel; analyze millrace.message");
    const std::string plan =
        place_.sql("explain select seq, data from millrace.messages where channel = 'c77' order by seq");
    EXPECT_THAT(plan, testing::Not(testing::HasSubstr("Seq Scan on message"))) << plan;
    EXPECT_THAT(plan, testing::Not(testing::HasSubstr("Seq Scan on channel"))) << plan;
}

TEST_F(Postgres, ReadsAgainAfterItsSessionWasLost) {
    ASSERT_TRUE(backend_->open_log()->append(std::vector<MessagePtr>{text_message("a", "1")}));
    const std::unique_ptr<Reader> reader = backend_->open_reader();
    ASSERT_TRUE(reader->read({.channel = "a"}));
    end_sessions("true");
    const Result<Page> page = reader->read({.channel = "a"});
    ASSERT_TRUE(page);
    EXPECT_EQ(page->messages.size(), 1u);
}

TEST_F(Postgres, ALostBatchIsSettled) {
    const std::unique_ptr<Log> log = backend_->open_log();
    ASSERT_TRUE(log->append(std::vector<MessagePtr>{text_message("a", "1")}));
    end_sessions("true");
    const std::vector<MessagePtr> batch = {text_message("a", "2"), text_message("a", "3")};
    const Result<std::vector<Receipt>> lost = log->append(batch);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error(), Errc::store_unavailable);
    const Result<std::vector<Receipt>> settled = log->settle();
    ASSERT_TRUE(settled);
    EXPECT_TRUE(settled->empty());
    const Result<std::vector<Receipt>> again = log->append(batch);
    ASSERT_TRUE(again);
    EXPECT_THAT(seqs(*again), testing::ElementsAre(2, 3));
}

TEST_F(Postgres, DoesNotWriteOnceAnotherHasTakenTheDatabaseOver) {
    const std::unique_ptr<Log> log = backend_->open_log();
    ASSERT_TRUE(log->append(std::vector<MessagePtr>{text_message("a", "1")}));
    end_sessions("true");
    std::string why;
    Result<std::unique_ptr<Backend>> other = place_.open(why);
    ASSERT_TRUE(other) << why;
    EXPECT_FALSE(log->append(std::vector<MessagePtr>{text_message("a", "2")}));
    EXPECT_FALSE(log->settle());
    other->reset();
    end_sessions("true");
    EXPECT_TRUE(log->settle());
}

TEST_F(Postgres, RefusesASecondOwnerWhileOnlyALaneIsConnected) {
    const std::unique_ptr<Log> log = backend_->open_log();
    ASSERT_TRUE(log->append(std::vector<MessagePtr>{text_message("a", "1")}));
    end_sessions("pid in (select pid from pg_locks where locktype = 'advisory' and objid = 0)");
    std::string why;
    EXPECT_FALSE(place_.open(why));
    EXPECT_THAT(why, testing::HasSubstr("another Millrace is using"));
}

TEST(PostgresFailure, IsToldByItsState) {
    using postgres::Failure;
    using postgres::failure_of;
    for (const char* state : {"", "08006", "57P01", "57P03"})
        EXPECT_EQ(failure_of(state), Failure::lost) << state;
    for (const char* state : {"40001", "40P01", "53100", "53200", "55P03", "57014"})
        EXPECT_EQ(failure_of(state), Failure::passing) << state;
    for (const char* state : {"22021", "23505", "54000"})
        EXPECT_EQ(failure_of(state), Failure::data) << state;
    for (const char* state :
         {"42501", "42P01", "25006", "0A000", "3F000", "55000", "58030", "P0001", "XX000"})
        EXPECT_EQ(failure_of(state), Failure::fault) << state;
}

TEST_F(Postgres, ASessionOutlivesWhatPassesAndSaysWhatItWas) {
    postgres::Connection connection;
    ASSERT_FALSE(connection.open(place_.url()));
    const auto raise = [&](const std::string& state) {
        return connection.run("do $$ begin raise exception 'no room' using errcode = '" + state + "'; end $$")
            .error();
    };
    EXPECT_EQ(raise("53100"), Errc::store_unavailable);
    EXPECT_TRUE(connection.is_open());
    EXPECT_THAT(connection.message(), testing::HasSubstr("no room"));
    EXPECT_THAT(connection.message(), testing::HasSubstr("(SQLSTATE 53100)"));
    EXPECT_EQ(raise("22000"), Errc::malformed);
    EXPECT_EQ(raise("54000"), Errc::too_large);
    EXPECT_TRUE(connection.is_open());
    EXPECT_EQ(raise("42501"), Errc::store_unavailable);
    EXPECT_FALSE(connection.is_open());
}

TEST_F(Postgres, SaysWhatItIsRefusedUntilItIsNot) {
    const std::unique_ptr<Log> log = backend_->open_log();
    const std::vector<MessagePtr> batch = {text_message("a", "1")};
    ASSERT_TRUE(log->append(batch));
    EXPECT_EQ(backend_->complaint(), "");
    place_.sql("alter table millrace.message rename to elsewhere");
    EXPECT_EQ(log->append(batch).error(), Errc::store_unavailable);
    // Over a new connection, too: the store is away for as long as nothing can be written.
    EXPECT_FALSE(log->settle());
    EXPECT_THAT(backend_->complaint(), testing::HasSubstr("relation \"millrace.message\" does not exist"));
    EXPECT_THAT(backend_->complaint(), testing::HasSubstr("42P01"));
    end_sessions("true");
    place_.sql("alter table millrace.elsewhere rename to message");
    EXPECT_TRUE(log->settle());
    EXPECT_EQ(backend_->complaint(), "");
    EXPECT_THAT(seqs(log->append(batch).value()), testing::ElementsAre(2));
}

/// Publishes until told to stop, over a store whose database is crashed and started again under it.
TEST(PostgresCrash, LosesAndDoublesNothing) {
    PostgresServer server;
    const std::string url = server.create_database();
    std::string why;
    Result<std::unique_ptr<Backend>> backend = postgres::open(url, why);
    ASSERT_TRUE(backend) << why;
    RecordingSink sink;
    constexpr int kProducers = 3;
    constexpr int kMessages = 6000;
    {
        // Small batches, so that every crash meets the middle of the load.
        Store store(std::move(*backend), {.lanes = 2, .readers = 1, .lane_batch_messages = 20}, sink);
        std::vector<std::jthread> producers;
        for (int p = 0; p < kProducers; ++p) {
            producers.emplace_back([&store, p] {
                for (int i = 0; i < kMessages; ++i) {
                    const std::string channel = "c/" + std::to_string(i % 7);
                    const std::string payload = std::to_string(p) + "/" + std::to_string(i);
                    EXPECT_TRUE(store.append({text_message(channel, payload), {}, 0}));
                    store.flush();
                }
            });
        }
        for (int round = 0; round < 4; ++round) {
            EXPECT_TRUE(
                sink.wait_for(static_cast<std::size_t>(kProducers * kMessages * (round + 1) / 6), 40s));
            server.crash();
            server.start();
        }
        for (std::jthread& producer : producers) producer.join();
        EXPECT_TRUE(sink.wait_for(kProducers * kMessages, 40s));
    }
    std::map<std::string, std::uint64_t> last;
    for (const Committed& committed : sink.taken()) {
        ASSERT_FALSE(committed.result.error);
        const Message& message = *committed.append.message;
        ASSERT_EQ(message.seq(), committed.result.seq);
        ASSERT_EQ(message.seq(), ++last[std::string(message.channel())]);
    }
    const std::string total = std::to_string(kProducers * kMessages);
    EXPECT_EQ(
        server.sql(
            url,
            "select count(*), count(distinct payload), sum(h) from millrace.message left join (select "
            "channel_id, max(seq) h, min(seq) l from millrace.message group by channel_id) x on x.channel_id "
            "= message.channel_id and x.h = message.seq"),
        total + "|" + total + "|" + total);
}

}  // namespace
}  // namespace millrace::store::test
