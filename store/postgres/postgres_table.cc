#include "store/postgres/postgres_table.h"

#include "store/flags.h"
#include "store/postgres/owner.h"

namespace millrace::store::postgres {
namespace {

constexpr const char* kSettings =
    "set statement_timeout = 0; "
    "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = "
    "'off'";

// New channels need no fsync of their own: the commit of their first message, later in the same write-ahead
// log, makes them durable.
constexpr const char* kChannels = R"sql(
with relaxed as materialized (select set_config('synchronous_commit', 'off', true)),
wanted as materialized (
    select w.name, w.place, c.id, c.last
    from unnest($1::text[]) with ordinality w(name, place)
    left join lateral (
        select id, greatest(floor, coalesce((select max(seq) from millrace.message where channel_id = channel.id), 0)) as last
        from millrace.channel where name = w.name limit 1) c on true),
made as (
    insert into millrace.channel(name) select name from wanted, relaxed where id is null returning id, name)
select wanted.place, coalesce(wanted.id, made.id), coalesce(wanted.last, 0::bigint)
from wanted left join made on made.name = wanted.name)sql";

constexpr const char* kFind = R"sql(
select k.place, m.seq, m.at
from unnest($1::bigint[], $2::text[]) with ordinality k(channel_id, id, place)
cross join lateral (
    select seq, at from millrace.message where channel_id = k.channel_id and id = k.id limit 1) m)sql";

const std::string kInsert = R"sql(
insert into millrace.message(channel_id, seq, at, flags, payload, id, client, properties, expiry_s, dbo_id, row_id)
select channel_id, seq, $1::timestamptz, flags, payload, id, client, properties, expiry_s, dbo_id, row_id
from unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::bytea[], $6::text[], $7::text[], $8::bytea[],
            $9::bigint[], $10::bigint[], $11::bigint[])
     r(channel_id, seq, flags, payload, id, client, properties, expiry_s, dbo_id, row_id))sql";

const std::string kMove =
    "with taken as materialized (select millrace.outbox_take($12::bigint[]))" + kInsert + ", taken";

/// For a batch of nothing but repeats, which may be done twice.
constexpr const char* kForget = "delete from millrace.outbox where id = any ($1::bigint[])";

constexpr const char* kStored =
    "select 1 from millrace.message where channel_id = $1::bigint and seq = $2::bigint and at = "
    "$3::timestamptz union all "
    "select 1 from millrace.channel where id = $1::bigint and floor >= $2::bigint and not exists (select 1 "
    "from millrace.message where channel_id = $1::bigint and seq = $2::bigint)";

const Statement kStatements[] = {{"channels", kChannels}, {"find", kFind},     {"insert", kInsert},
                                 {"move", kMove},         {"forget", kForget}, {"stored", kStored}};

}  // namespace

PostgresTable::PostgresTable(Owner& owner, unsigned lane)
    : connection_(owner, PreparedConnection::Use::write, Owner::lane_sql(lane) + kSettings, kStatements) {}

error_code PostgresTable::recover() {
    error_code error = connection_.reopen();
    if (!error) error = try_everything();
    return error ? make_error_code(Errc::store_unavailable) : error_code{};
}

/// A batch of nothing asks for the rights that any batch needs; preparing asks for none. So the store stays
/// away for as long as one is missing.
error_code PostgresTable::try_everything() {
    const Result<std::vector<Channel>> no_channels = channels({});
    error_code error = no_channels ? error_code{} : no_channels.error();
    if (!error) {
        const Result<std::vector<Receipt>> no_receipts = find({});
        if (!no_receipts) error = no_receipts.error();
    }
    if (!error) error = insert({}, 0);
    if (!error) error = move({}, 0, {});
    return error;
}

Result<std::vector<Channel>> PostgresTable::channels(std::span<const std::string_view> names) {
    Column column(Type::text, names.size());
    for (const std::string_view name : names) column.add(name);
    Parameters parameters;
    parameters.add(column);
    const Result<Answer> answer = connection_.execute("channels", parameters);
    if (!answer) return answer.error();
    std::vector<Channel> channels(names.size());
    for (int row = 0; row < answer->rows(); ++row) {
        Channel& channel = channels[static_cast<std::size_t>(answer->integer(row, 0) - 1)];
        channel.id = answer->integer(row, 1);
        channel.last = static_cast<std::uint64_t>(answer->integer(row, 2));
    }
    return channels;
}

Result<std::vector<Receipt>> PostgresTable::find(std::span<const Key> keys) {
    Column channel_ids(Type::int8, keys.size());
    Column ids(Type::text, keys.size());
    for (const Key& key : keys) {
        channel_ids.add(key.channel_id);
        ids.add(key.id);
    }
    Parameters parameters;
    parameters.add(channel_ids);
    parameters.add(ids);
    const Result<Answer> answer = connection_.execute("find", parameters);
    if (!answer) return answer.error();
    std::vector<Receipt> receipts(keys.size());
    for (int row = 0; row < answer->rows(); ++row) {
        Receipt& receipt = receipts[static_cast<std::size_t>(answer->integer(row, 0) - 1)];
        receipt.seq = static_cast<std::uint64_t>(answer->integer(row, 1));
        receipt.at_us = answer->integer(row, 2) + kEpochOffset_us;
    }
    return receipts;
}

error_code PostgresTable::move(std::span<const Row> rows, std::int64_t at_us,
                               std::span<const std::int64_t> sql_rows) {
    if (!rows.empty()) return write("move", rows, at_us, sql_rows);
    const Column ids = Column::of(sql_rows);
    Parameters parameters;
    parameters.add(ids);
    const Result<Answer> answer = connection_.execute("forget", parameters);
    return answer ? error_code{} : answer.error();
}

error_code PostgresTable::write(const char* statement, std::span<const Row> rows, std::int64_t at_us,
                                std::span<const std::int64_t> sql_rows) {
    const std::size_t count = rows.size();
    Column channel_id(Type::int8, count), seq(Type::int8, count), flags(Type::int2, count);
    Column payload(Type::bytea, count), id(Type::text, count), client(Type::text, count);
    Column properties(Type::bytea, count), expiry_s(Type::int8, count), dbo_id(Type::int8, count);
    Column row_id(Type::int8, count);
    for (const Row& row : rows) {
        const Message& message = *row.message;
        channel_id.add(row.channel_id);
        seq.add(static_cast<std::int64_t>(row.seq));
        flags.add(std::int64_t{pack_flags(message)});
        payload.add(message.payload());
        id.add_unless_empty(as_bytes(message.id()));
        client.add_unless_empty(as_bytes(message.client()));
        properties.add_unless_empty(message.properties());
        expiry_s.add_if(message.expiry_s());
        dbo_id.add_unless_zero(message.audience().dbo_id);
        row_id.add_unless_zero(message.audience().row_id);
    }
    Parameters parameters;
    parameters.add(at_us - kEpochOffset_us);
    for (const Column* column :
         {&channel_id, &seq, &flags, &payload, &id, &client, &properties, &expiry_s, &dbo_id, &row_id}) {
        parameters.add(*column);
    }
    const Column taken = Column::of(sql_rows);
    if (!sql_rows.empty()) parameters.add(taken);
    const Result<Answer> answer = connection_.execute(statement, parameters);
    return answer ? error_code{} : answer.error();
}

Result<bool> PostgresTable::stored(const Row& row, std::int64_t at_us) {
    Parameters parameters;
    parameters.add(row.channel_id);
    parameters.add(static_cast<std::int64_t>(row.seq));
    parameters.add(at_us - kEpochOffset_us);
    const Result<Answer> answer = connection_.execute("stored", parameters);
    if (!answer) return {boost::system::in_place_error, answer.error()};
    return answer->rows() != 0;
}

}  // namespace millrace::store::postgres
