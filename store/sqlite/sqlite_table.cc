#include "store/sqlite/sqlite_table.h"

#include "store/flags.h"

namespace millrace::store::sqlite {

error_code open_for_writing(Database& database, const std::string& path) {
    if (const error_code error = database.open(path, Database::Mode::write)) return error;
    return database.run("pragma journal_mode=wal; pragma synchronous=full; pragma wal_autocheckpoint=4000;");
}

error_code SqliteTable::recover() {
    statements_ = {};
    database_.close();
    if (const error_code error = open_for_writing(database_, path_)) return error;
    const auto prepare = [this](Statement& into, const char* sql) -> error_code {
        Result<Statement> statement = database_.prepare(sql);
        if (!statement) return statement.error();
        into = std::move(*statement);
        return {};
    };
    error_code error =
        prepare(statements_.channel,
                "select id, max(floor, coalesce((select max(seq) from message where channel_id = "
                "channel.id), 0)) from channel where name = ?");
    if (!error)
        error = prepare(statements_.make_channel, "insert into channel(name) values (?) returning id");
    if (!error)
        error = prepare(statements_.by_id, "select seq, at from message where channel_id = ? and id = ?");
    if (!error) {
        error = prepare(
            statements_.insert,
            "insert into message(channel_id, seq, at, flags, payload, id, client, properties, expiry_s, "
            "dbo_id, row_id) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    }
    if (!error)
        error = prepare(
            statements_.stored,
            "select 1 from message where channel_id = ?1 and seq = ?2 and at = ?3 union all "
            "select 1 from channel where id = ?1 and floor >= ?2 and not exists (select 1 from message "
            "where channel_id = ?1 and seq = ?2)");
    return error;
}

error_code SqliteTable::begin() {
    if (database_.in_transaction()) return {};
    return database_.run("begin immediate");
}

void SqliteTable::rollback() {
    if (database_.in_transaction()) static_cast<void>(database_.run("rollback"));
}

Result<Channel> SqliteTable::channel(std::string_view name) {
    statements_.channel.bind(1, name);
    const Result<bool> found = statements_.channel.step();
    if (!found) return found.error();
    if (*found) {
        const Channel channel{statements_.channel.integer(0),
                              static_cast<std::uint64_t>(statements_.channel.integer(1))};
        statements_.channel.reset();
        return channel;
    }
    statements_.make_channel.bind(1, name);
    const Result<bool> made = statements_.make_channel.step();
    if (!made) return made.error();
    const Channel channel{statements_.make_channel.integer(0), 0};
    statements_.make_channel.reset();
    return channel;
}

Result<std::vector<Channel>> SqliteTable::channels(std::span<const std::string_view> names) {
    if (const error_code error = begin()) return error;
    std::vector<Channel> channels;
    channels.reserve(names.size());
    for (const std::string_view name : names) {
        const Result<Channel> found = channel(name);
        if (!found) return found.error();
        channels.push_back(*found);
    }
    return channels;
}

Result<std::vector<Receipt>> SqliteTable::find(std::span<const Key> keys) {
    std::vector<Receipt> receipts;
    receipts.reserve(keys.size());
    for (const Key& key : keys) {
        statements_.by_id.bind(1, key.channel_id);
        statements_.by_id.bind(2, key.id);
        const Result<bool> found = statements_.by_id.step();
        if (!found) return found.error();
        Receipt& receipt = receipts.emplace_back();
        if (!*found) continue;
        receipt.seq = static_cast<std::uint64_t>(statements_.by_id.integer(0));
        receipt.at_us = statements_.by_id.integer(1);
        statements_.by_id.reset();
    }
    return receipts;
}

error_code SqliteTable::insert(const Row& row, std::int64_t at_us) {
    const Message& message = *row.message;
    Statement& statement = statements_.insert;
    const auto bind_unless = [&](bool absent, int index, auto value) {
        if (absent) {
            statement.bind_null(index);
        } else {
            statement.bind(index, value);
        }
    };
    statement.bind(1, row.channel_id);
    statement.bind(2, static_cast<std::int64_t>(row.seq));
    statement.bind(3, at_us);
    statement.bind(4, std::int64_t{pack_flags(message)});
    statement.bind(5, message.payload());
    bind_unless(message.id().empty(), 6, message.id());
    bind_unless(message.client().empty(), 7, message.client());
    bind_unless(message.properties().empty(), 8, message.properties());
    bind_unless(!message.expiry_s(), 9, std::int64_t{message.expiry_s().value_or(0)});
    bind_unless(message.audience().dbo_id == 0, 10, message.audience().dbo_id);
    bind_unless(message.audience().row_id == 0, 11, message.audience().row_id);
    const Result<bool> done = statement.step();
    return done ? error_code{} : done.error();
}

error_code SqliteTable::insert(std::span<const Row> rows, std::int64_t at_us) {
    if (const error_code error = begin()) return error;
    for (const Row& row : rows) {
        if (const error_code error = insert(row, at_us)) return error;
    }
    return database_.run("commit");
}

Result<bool> SqliteTable::stored(const Row& row, std::int64_t at_us) {
    statements_.stored.bind(1, row.channel_id);
    statements_.stored.bind(2, static_cast<std::int64_t>(row.seq));
    statements_.stored.bind(3, at_us);
    const Result<bool> found = statements_.stored.step();
    statements_.stored.reset();
    return found;
}

}  // namespace millrace::store::sqlite
