#include "store/sqlite/sqlite_maintenance.h"

#include "store/sqlite/sqlite_table.h"

namespace millrace::store::sqlite {
namespace {

const std::string kInfo =
    "select id, name, coalesce((select min(seq) from message where channel_id = channel.id), 0), "
    "max(floor, coalesce((select max(seq) from message where channel_id = channel.id), 0)), "
    "coalesce((select at from message where channel_id = channel.id order by seq limit 1), 0) from channel ";

ChannelInfo info_of(const Statement& row) {
    ChannelInfo info;
    info.id = row.integer(0);
    info.name = row.text(1);
    info.first = static_cast<std::uint64_t>(row.integer(2));
    info.last = static_cast<std::uint64_t>(row.integer(3));
    info.oldest_us = row.integer(4);
    return info;
}

Result<std::vector<ChannelInfo>> list(Statement& rows) {
    std::vector<ChannelInfo> channels;
    while (true) {
        const Result<bool> row = rows.step();
        if (!row) return row.error();
        if (!*row) return channels;
        channels.push_back(info_of(rows));
    }
}

}  // namespace

error_code SqliteMaintenance::connect() {
    if (database_.is_open()) return {};
    error_code error = open_for_writing(database_, path_);
    if (!error) error = database_.run("pragma synchronous=normal");
    if (!error) error = prepare();
    if (!error) return {};
    statements_ = {};
    database_.close();
    return error;
}

error_code SqliteMaintenance::prepare() {
    error_code error;
    database_.prepare(statements_.find, kInfo + "where name = ?", error);
    database_.prepare(statements_.by_id, kInfo + "where id > ? order by id limit ?", error);
    database_.prepare(statements_.by_name, kInfo + "where name > ? order by name limit ?", error);
    database_.prepare(statements_.oldest,
                      "select seq, at from message where channel_id = ? order by seq limit ?", error);
    database_.prepare(statements_.remove, "delete from message where channel_id = ? and seq <= ?", error);
    database_.prepare(statements_.raise_floor, "update channel set floor = max(floor, ?) where id = ?",
                      error);
    return error;
}

Result<ChannelInfo> SqliteMaintenance::find(std::string_view channel) {
    if (const error_code error = connect()) return error;
    statements_.find.bind(1, channel);
    const Result<bool> row = statements_.find.step();
    if (!row) return row.error();
    ChannelInfo info;
    if (*row) info = info_of(statements_.find);
    statements_.find.reset();
    return info;
}

Result<std::vector<ChannelInfo>> SqliteMaintenance::channels(std::int64_t after, std::uint32_t limit) {
    if (const error_code error = connect()) return error;
    statements_.by_id.bind(1, after);
    statements_.by_id.bind(2, std::int64_t{limit});
    return list(statements_.by_id);
}

Result<std::vector<ChannelInfo>> SqliteMaintenance::channels_by_name(std::string_view after,
                                                                     std::uint32_t limit) {
    if (const error_code error = connect()) return error;
    statements_.by_name.bind(1, after);
    statements_.by_name.bind(2, std::int64_t{limit});
    return list(statements_.by_name);
}

Result<std::uint32_t> SqliteMaintenance::trim(const Trim& trim) {
    const Result<ChannelInfo> channel = find(trim.channel);
    if (!channel) return channel.error();
    // Nobody else deletes, so what goes can be found out before the lane has to wait.
    const Result<Run> run = find_run(trim, channel->id);
    if (!run) return run.error();
    if (run->rows == 0) return 0U;
    error_code error = database_.run("begin immediate");
    if (!error) error = remove(channel->id, run->through);
    if (!error) error = database_.run("commit");
    if (!error) return run->rows;
    if (database_.in_transaction()) static_cast<void>(database_.run("rollback"));
    return error;
}

Result<SqliteMaintenance::Run> SqliteMaintenance::find_run(const Trim& trim, std::int64_t channel_id) {
    Run run;
    statements_.oldest.bind(1, channel_id);
    statements_.oldest.bind(2, std::int64_t{trim.rows});
    while (true) {
        const Result<bool> row = statements_.oldest.step();
        if (!row) return row.error();
        if (!*row) return run;
        const std::int64_t seq = statements_.oldest.integer(0);
        if (static_cast<std::uint64_t>(seq) >= trim.before_seq &&
            statements_.oldest.integer(1) >= trim.before_us) {
            statements_.oldest.reset();
            return run;
        }
        run.through = seq;
        ++run.rows;
    }
}

/// The floor keeps the numbers going when nothing is left.
error_code SqliteMaintenance::remove(std::int64_t channel_id, std::int64_t through) {
    statements_.remove.bind(1, channel_id);
    statements_.remove.bind(2, through);
    if (const Result<bool> removed = statements_.remove.step(); !removed) return removed.error();
    statements_.raise_floor.bind(1, through);
    statements_.raise_floor.bind(2, channel_id);
    const Result<bool> raised = statements_.raise_floor.step();
    return raised ? error_code{} : raised.error();
}

}  // namespace millrace::store::sqlite
