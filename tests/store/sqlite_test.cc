#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store/sqlite/sqlite_backend.h"
#include "tests/store/session_suite.h"

namespace millrace::store::test {
namespace {

class TempDir {
  public:
    TempDir() {
        std::string name = std::filesystem::temp_directory_path() / "millrace-sqlite-XXXXXX";
        path_ = mkdtemp(name.data());
    }
    ~TempDir() { std::filesystem::remove_all(path_); }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

int collect_row(void* output, int columns, char** values, char**) {
    std::string& text = *static_cast<std::string*>(output);
    if (!text.empty()) text += '\n';
    for (int i = 0; i < columns; ++i)
        text += std::string(i == 0 ? "" : "|") + (values[i] == nullptr ? "" : values[i]);
    return 0;
}

class SqlitePlace final : public Place {
  public:
    Result<std::unique_ptr<Backend>> open(std::string& why) override { return sqlite::open(file(), why); }
    std::string sql(const std::string& command) override {
        std::string plain = command;
        for (std::size_t at = 0; (at = plain.find("millrace.", at)) != std::string::npos;) plain.erase(at, 9);
        sqlite3* handle = nullptr;
        std::string output;
        EXPECT_EQ(sqlite3_open(file().c_str(), &handle), SQLITE_OK);
        EXPECT_EQ(sqlite3_exec(handle, plain.c_str(), collect_row, &output, nullptr), SQLITE_OK)
            << sqlite3_errmsg(handle);
        sqlite3_close(handle);
        return output;
    }
    std::string file() const { return directory_.path() / "data" / "millrace.db"; }

  private:
    TempDir directory_;
};

std::unique_ptr<Place> sqlite_place() {
    return std::make_unique<SqlitePlace>();
}
const auto kName = [](const auto&) { return "Sqlite"; };

INSTANTIATE_TEST_SUITE_P(, LogSuite, testing::Values(&sqlite_place), kName);
INSTANTIATE_TEST_SUITE_P(, LogRange, testing::Values(&sqlite_place), kName);
INSTANTIATE_TEST_SUITE_P(, SessionSuite, testing::Values(&sqlite_place), kName);

// Bug class 26.
TEST(SqliteBackend, MakesADirectoryForItsOwnerOnly) {
    SqlitePlace place;
    std::string why;
    ASSERT_TRUE(place.open(why)) << why;
    struct stat status {};
    ASSERT_EQ(stat(std::filesystem::path(place.file()).parent_path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
}

// Bug class 26.
TEST(SqliteBackend, SaysInOneLineWhatIsWrongWithTheFile) {
    TempDir directory;
    const std::string file = directory.path() / "not.db";
    std::ofstream(file) << std::string(8192, 'x');
    std::string why;
    EXPECT_FALSE(sqlite::open(file, why));
    EXPECT_EQ(why, "store " + file + ": file is not a database");
    EXPECT_FALSE(sqlite::open("/proc/nothing/here/millrace.db", why));
    EXPECT_THAT(why, testing::HasSubstr("cannot make the directory /proc/nothing/here"));
}

TEST(SqliteBackend, RefusesTheSchemaOfANewerVersion) {
    SqlitePlace place;
    std::string why;
    ASSERT_TRUE(place.open(why)) << why;
    place.sql("pragma user_version = 999");
    EXPECT_FALSE(place.open(why));
    EXPECT_THAT(why, testing::HasSubstr("of a newer Millrace"));
}

TEST(SqliteBackend, TakesTheRowsOfAnOlderSchemaAlong) {
    SqlitePlace place;
    std::string why;
    ASSERT_TRUE(place.open(why)) << why;
    // As version 2 had it: rows in the order of their channels.
    place.sql(
        "drop view messages; drop table message; drop table session; drop table session_subscription;"
        "pragma user_version = 2;"
        "create table message(channel_id integer not null, seq integer not null, at integer not null,"
        " flags integer not null, payload blob not null, id text, client text, properties blob, expiry_s "
        "integer,"
        " dbo_id integer, row_id integer, primary key (channel_id, seq)) without rowid;"
        "create unique index message_id on message(channel_id, id) where id is not null;"
        "create index message_retained on message(channel_id, seq) where flags & 8 != 0;"
        "create view messages as select 1;"
        "insert into channel(id, name) values (7, 'a');"
        "insert into message values (7, 1, 1000, 2, '\"one\"', null, null, null, null, null, null),"
        " (7, 2, 2000, 2, '\"two\"', 'key', null, null, 60, 3, 4),"
        " (7, 3, 3000, 10, '\"three\"', null, null, null, null, null, null)");
    const auto backend = place.open(why);
    ASSERT_TRUE(backend) << why;
    const Result<Page> page =
        (*backend)->open_reader()->read({.channel = "a", .after = 0, .before = {}, .limit = 10});
    ASSERT_TRUE(page);
    ASSERT_EQ(page->messages.size(), 3U);
    EXPECT_EQ(page->messages[1]->seq(), 2U);
    EXPECT_EQ(page->messages[1]->at_us(), 2000);
    EXPECT_EQ(page->messages[1]->id(), "key");
    EXPECT_EQ(page->messages[1]->audience().row_id, 4);
    EXPECT_EQ((*backend)->open_reader()->retained()->size(), 1U);
    const std::vector<MessagePtr> next = {text_message("a", "4")};
    EXPECT_THAT(seqs(*(*backend)->open_log()->append(next)), testing::ElementsAre(4));
    EXPECT_EQ(place.sql("select seq, id, data from messages where seq = 2"), "2|key|\"two\"");
}

TEST(SqliteBackend, ComesBackWhenAnotherWriterBlockedIt) {
    SqlitePlace place;
    std::string why;
    auto backend = place.open(why);
    ASSERT_TRUE(backend) << why;
    const std::unique_ptr<Log> log = (*backend)->open_log();
    const std::vector<MessagePtr> first = {text_message("a", "1")};
    ASSERT_TRUE(log->append(first));
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(place.file().c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "begin immediate", nullptr, nullptr, nullptr), SQLITE_OK);
    const std::vector<MessagePtr> second = {text_message("a", "2")};
    const Result<std::vector<Receipt>> blocked = log->append(second);
    ASSERT_FALSE(blocked);
    EXPECT_EQ(blocked.error(), Errc::store_unavailable);
    sqlite3_close(other);
    const Result<std::vector<Receipt>> settled = log->settle();
    ASSERT_TRUE(settled);
    EXPECT_TRUE(settled->empty());
    const Result<std::vector<Receipt>> again = log->append(second);
    ASSERT_TRUE(again);
    EXPECT_THAT(seqs(*again), testing::ElementsAre(2));
}

}  // namespace
}  // namespace millrace::store::test
