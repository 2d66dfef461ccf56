#include "store/sqlite/migrations.h"

namespace millrace::store::sqlite {
namespace {

// Applied steps are never changed; a new one is added at the end. The numbers in the view are those of
// store/flags.h.
constexpr const char* kSteps[] = {
    R"sql(
create table meta(key text primary key, value text not null) without rowid;
insert into meta values ('epoch', lower(hex(randomblob(8))));
create table channel(
    id integer primary key,
    name text not null unique,
    floor integer not null default 0);
create table message(
    channel_id integer not null,
    seq integer not null,
    at integer not null,
    flags integer not null,
    payload blob not null,
    id text,
    client text,
    properties blob,
    expiry_s integer,
    dbo_id integer,
    row_id integer,
    primary key (channel_id, seq)) without rowid;
create unique index message_id on message(channel_id, id) where id is not null;
create view messages(channel, seq, id, type, at, data, encoding, client) as
    select c.name, m.seq,
           coalesce(m.id, (select value from meta where key = 'epoch') || '-' || m.seq),
           case when m.flags & 1 then 'event' else 'message' end,
           strftime('%Y-%m-%dT%H:%M:%fZ', m.at / 1000000.0, 'unixepoch'),
           case when (m.flags & 6) = 6 or m.flags & 128 then hex(m.payload) else cast(m.payload as text) end,
           case when (m.flags & 6) = 6 or m.flags & 128 then 'hex' end,
           m.client
    from message m join channel c on c.id = m.channel_id;
)sql",
    "create index message_retained on message(channel_id, seq) where flags & 8 != 0;",
    // Rows in the order of their commits, so that a batch over many channels fills a page or two and not one
    // for each channel; the index that finds them is small (docs/decisions/0021).
    R"sql(
drop view messages;
alter table message rename to message_by_channel;
create table message(
    channel_id integer not null,
    seq integer not null,
    at integer not null,
    flags integer not null,
    payload blob not null,
    id text,
    client text,
    properties blob,
    expiry_s integer,
    dbo_id integer,
    row_id integer);
insert into message select channel_id, seq, at, flags, payload, id, client, properties, expiry_s, dbo_id, row_id
    from message_by_channel;
drop table message_by_channel;
create unique index message_position on message(channel_id, seq);
create unique index message_id on message(channel_id, id) where id is not null;
create index message_retained on message(channel_id, seq) where flags & 8 != 0;
create view messages(channel, seq, id, type, at, data, encoding, client) as
    select c.name, m.seq,
           coalesce(m.id, (select value from meta where key = 'epoch') || '-' || m.seq),
           case when m.flags & 1 then 'event' else 'message' end,
           strftime('%Y-%m-%dT%H:%M:%fZ', m.at / 1000000.0, 'unixepoch'),
           case when (m.flags & 6) = 6 or m.flags & 128 then hex(m.payload) else cast(m.payload as text) end,
           case when (m.flags & 6) = 6 or m.flags & 128 then 'hex' end,
           m.client
    from message m join channel c on c.id = m.channel_id;
)sql",
    R"sql(
create table session(
    id integer primary key,
    client_id text not null,
    owner_kind integer not null,
    owner text not null,
    dbo_id integer not null,
    row_id integer not null,
    expiry_s integer not null,
    disconnected_us integer not null,
    caught_up_us integer not null,
    packet_id integer not null);
create table session_subscription(
    session_id integer not null,
    filter text not null,
    identifier integer not null,
    qos integer not null,
    no_local integer not null,
    retain_as_published integer not null,
    since_us integer not null,
    primary key (session_id, filter)) without rowid;
)sql",
};
constexpr std::int64_t kNewest = static_cast<std::int64_t>(std::size(kSteps));

Result<std::int64_t> version_of(Database& database) {
    Result<Statement> statement = database.prepare("pragma user_version");
    if (!statement) return statement.error();
    const Result<bool> row = statement->step();
    if (!row) return row.error();
    return statement->integer(0);
}

}  // namespace

bool migrate(Database& database, std::string& why) {
    const Result<std::int64_t> version = version_of(database);
    if (!version) {
        why = database.message();
        return false;
    }
    if (*version > kNewest) {
        why = "its schema is version " + std::to_string(*version) + ", of a newer Millrace; this one knows " +
              std::to_string(kNewest);
        return false;
    }
    for (std::int64_t step = *version; step < kNewest; ++step) {
        const std::string sql = std::string("begin immediate;") + kSteps[step] +
                                "pragma user_version = " + std::to_string(step + 1) + "; commit;";
        if (!database.run(sql.c_str())) continue;
        why = "migration " + std::to_string(step + 1) + ": " + database.message();
        return false;
    }
    return true;
}

}  // namespace millrace::store::sqlite
