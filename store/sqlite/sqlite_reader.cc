#include "store/sqlite/sqlite_reader.h"

#include <algorithm>
#include <limits>

#include "store/flags.h"
#include "store/time_range.h"

namespace millrace::store::sqlite {
namespace {

constexpr const char* kColumns =
    "select seq, at, flags, payload, id, client, properties, expiry_s, dbo_id, row_id from message ";

constexpr const char* kRetained =
    "select m.seq, at, flags, payload, m.id, client, properties, expiry_s, dbo_id, row_id, name "
    "from (select channel_id, max(seq) as seq from message where flags & 8 != 0 and dbo_id is null "
    "group by channel_id, flags & 64) newest "
    "join message m on m.channel_id = newest.channel_id and m.seq = newest.seq "
    "join channel c on c.id = m.channel_id order by m.channel_id, m.seq";

std::int64_t to_sql(std::uint64_t seq) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(seq, std::numeric_limits<std::int64_t>::max()));
}

MessagePtr to_message(const Statement& row, std::string_view channel) {
    MessageFields fields;
    fields.channel = channel;
    unpack_flags(row.integer(2), fields);
    fields.payload = row.blob(3);
    fields.id = row.text(4);
    fields.client = row.text(5);
    fields.properties = row.blob(6);
    if (!row.is_null(7)) fields.expiry_s = static_cast<std::uint32_t>(row.integer(7));
    fields.audience.dbo_id = row.integer(8);
    fields.audience.row_id = row.integer(9);
    MessagePtr message = Message::create(fields);
    message->stamp(static_cast<std::uint64_t>(row.integer(0)), row.integer(1));
    return message;
}

}  // namespace

error_code SqliteReader::connect() {
    if (database_.is_open()) return {};
    if (const error_code error = database_.open(path_, Database::Mode::read_only)) return error;
    Result<Statement> bounds = database_.prepare(
        "select id, coalesce((select min(seq) from message where channel_id = channel.id), 0), "
        "max(floor, coalesce((select max(seq) from message where channel_id = channel.id), 0)) "
        "from channel where name = ?");
    Result<Statement> ascending = database_.prepare(
        std::string(kColumns) + "where channel_id = ? and seq > ? and seq < ? order by seq limit ?");
    Result<Statement> descending = database_.prepare(
        std::string(kColumns) + "where channel_id = ? and seq > ? and seq < ? order by seq desc limit ?");
    Result<Statement> committed_at =
        database_.prepare("select at from message where channel_id = ? and seq = ?");
    if (!bounds || !ascending || !descending || !committed_at) return Errc::store_unavailable;
    statements_ = {std::move(*bounds), std::move(*ascending), std::move(*descending),
                   std::move(*committed_at)};
    return {};
}

Result<std::int64_t> SqliteReader::committed_at(std::int64_t channel_id, std::uint64_t seq) {
    Statement& statement = statements_.committed_at;
    statement.bind(1, channel_id);
    statement.bind(2, to_sql(seq));
    const Result<bool> row = statement.step();
    if (!row) return row.error();
    const std::int64_t at = *row ? statement.integer(0) : std::numeric_limits<std::int64_t>::min();
    statement.reset();
    return at;
}

error_code SqliteReader::read_messages(const Range& range, std::int64_t channel_id, Page& page) {
    Statement& rows = range.after ? statements_.ascending : statements_.descending;
    rows.bind(1, channel_id);
    rows.bind(2, to_sql(range.after.value_or(0)));
    rows.bind(3, to_sql(range.before.value_or(std::numeric_limits<std::uint64_t>::max())));
    rows.bind(4, std::int64_t{range.limit} + 1);
    std::size_t bytes = 0;
    while (true) {
        const Result<bool> row = rows.step();
        if (!row) return row.error();
        if (!*row) break;
        page.more = page.messages.size() == range.limit || bytes >= kPageBytes;
        if (page.more) break;
        page.messages.push_back(to_message(rows, range.channel));
        bytes += page.messages.back()->payload().size();
    }
    rows.reset();
    if (!range.after) std::reverse(page.messages.begin(), page.messages.end());
    return {};
}

Result<Page> SqliteReader::read_snapshot(const Range& range) {
    Page page;
    statements_.bounds.bind(1, std::string_view(range.channel));
    const Result<bool> found = statements_.bounds.step();
    if (!found) return found.error();
    if (!*found) return page;
    const std::int64_t channel_id = statements_.bounds.integer(0);
    page.first = static_cast<std::uint64_t>(statements_.bounds.integer(1));
    page.last = static_cast<std::uint64_t>(statements_.bounds.integer(2));
    statements_.bounds.reset();
    const auto at = [&](std::uint64_t seq) { return committed_at(channel_id, seq); };
    const Result<Range> positions = by_position(range, page, at);
    if (!positions) return positions.error();
    if (const error_code error = read_messages(*positions, channel_id, page)) return error;
    return page;
}

Result<std::vector<MessagePtr>> SqliteReader::retained() {
    if (const error_code error = connect()) return error;
    Result<Statement> rows = database_.prepare(kRetained);
    if (!rows) return rows.error();
    std::vector<MessagePtr> messages;
    while (true) {
        const Result<bool> row = rows->step();
        if (!row) return row.error();
        if (!*row) return messages;
        messages.push_back(to_message(*rows, rows->text(10)));
    }
}

Result<Page> SqliteReader::read(const Range& range) {
    if (const error_code error = connect()) {
        database_.close();
        return error;
    }
    if (const error_code error = database_.run("begin")) return error;
    Result<Page> page = read_snapshot(range);
    static_cast<void>(database_.run("rollback"));
    if (!page) {
        statements_ = {};
        database_.close();
    }
    return page;
}

}  // namespace millrace::store::sqlite
