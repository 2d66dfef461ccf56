#include "store/postgres/migrations.h"

#include <charconv>
#include <iterator>

namespace millrace::store::postgres {
namespace {

// Applied steps are never changed; a new one is added at the end. The numbers in the view are those of
// store/flags.h. A channel's name may be longer than a B-tree entry, hence the hash. `json`, unlike `jsonb`,
// takes whatever JSON there is: \u0000, numbers of any size. Why the outbox is made so:
// docs/decisions/0013-sql-outbox.md.
constexpr const char* kSteps[] = {
    R"sql(
create schema if not exists millrace;
create table millrace.meta(key text primary key, value text not null);
insert into millrace.meta values
    ('schema', '0'), ('epoch', left(replace(gen_random_uuid()::text, '-', ''), 16));
create table millrace.channel(
    id bigint generated always as identity primary key,
    name text not null,
    floor bigint not null default 0,
    exclude using hash (name with =));
create table millrace.message(
    channel_id bigint not null,
    seq bigint not null,
    at timestamptz not null,
    flags smallint not null,
    expiry_s bigint,
    dbo_id bigint,
    row_id bigint,
    id text,
    client text,
    properties bytea,
    payload bytea not null,
    primary key (channel_id, seq));
create unique index message_id on millrace.message(channel_id, id) where id is not null;
create view millrace.messages(channel, seq, id, type, at, data, encoding, client) as
    select c.name, m.seq,
           coalesce(m.id, (select value from millrace.meta where key = 'epoch') || '-' || m.seq),
           case when m.flags & 1 = 1 then 'event' else 'message' end,
           m.at,
           case when m.flags & 6 = 6 or m.flags & 128 <> 0
                    then to_json(replace(encode(m.payload, 'base64'), E'\n', ''))
                when m.flags & 6 = 2 then convert_from(m.payload, 'UTF8')::json
                else to_json(convert_from(m.payload, 'UTF8')) end,
           case when m.flags & 6 = 6 or m.flags & 128 <> 0 then 'base64' end,
           m.client::json
    from millrace.message m join millrace.channel c on c.id = m.channel_id;
)sql",
    R"sql(
create index message_retained on millrace.message(channel_id, seq) where flags & 8 <> 0;
)sql",
    R"sql(
insert into millrace.meta values ('sql_message_bytes', '1048576');
create sequence millrace.outbox_clock;
create table millrace.outbox(
    id bigint generated always as identity primary key,
    position bigint,
    at timestamptz not null default clock_timestamp(),
    channel text not null,
    type text not null,
    message_id text,
    retain boolean not null,
    to_dbo_id bigint,
    to_row_id bigint,
    data text not null)
    with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index outbox_order on millrace.outbox(position, id);
create table millrace.outbox_refused(
    number bigint generated always as identity primary key,
    reason text not null,
    refused_at timestamptz not null default clock_timestamp(),
    like millrace.outbox);

create function millrace.outbox_commits() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update millrace.outbox set position = nextval('millrace.outbox_clock') where id = new.id;
    return null;
end $$;
create constraint trigger outbox_commits after insert on millrace.outbox
    deferrable initially deferred for each row execute function millrace.outbox_commits();

create function millrace.outbox_take(ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    gone bigint;
begin
    delete from millrace.outbox where id = any (ids);
    get diagnostics gone = row_count;
    if gone <> cardinality(ids) then
        raise exception 'somebody else has deleted rows of millrace.outbox' using errcode = 'data_exception';
    end if;
end $$;

create function millrace.publish(channel text, data text, type text default 'event', id text default null,
    retain boolean default false, to_dbo_id bigint default null, to_row_id bigint default null) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
    longest bigint := (select value::bigint from millrace.meta where key = 'sql_message_bytes');
    fault text := case
        when channel is null or channel = '' then 'the channel has no name'
        when octet_length(channel) > 65535 then 'the name of the channel is longer than 65535 bytes'
        when channel ~ '[+#]' then '+ and # stand in no name of a channel'
        when channel like '$%' then 'channels whose names begin with $ are the server''s own'
        when data is null then 'the data is null; the JSON value is written ''null'''
        when octet_length(data) > longest then
            format('the data has more than %s bytes (limits.sql_message_bytes)', longest)
        when type is null or type not in ('event', 'message') then 'type must be ''event'' or ''message'''
        when octet_length(id) not between 1 and 255 then 'id must have 1 to 255 bytes'
        when to_dbo_id <= 0 or to_row_id <= 0 or (to_dbo_id is null and to_row_id is not null) then
            'to_dbo_id and to_row_id must be positive, and to_row_id needs to_dbo_id' end;
    place bigint;
begin
    if fault is not null then
        raise exception 'millrace.publish: %', fault using errcode = 'invalid_parameter_value';
    end if;
    perform data::json;
    insert into millrace.outbox(channel, type, message_id, retain, to_dbo_id, to_row_id, data)
        values (channel, type, id, coalesce(retain, false), to_dbo_id, to_row_id, data)
        returning outbox.id into place;
    return place;
end $$;
create function millrace.publish(channel text, data json, type text default 'event', id text default null,
    retain boolean default false, to_dbo_id bigint default null, to_row_id bigint default null) returns bigint
language sql as 'select millrace.publish($1, $2::text, $3, $4, $5, $6, $7)';
create function millrace.publish(channel text, data jsonb, type text default 'event', id text default null,
    retain boolean default false, to_dbo_id bigint default null, to_row_id bigint default null) returns bigint
language sql as 'select millrace.publish($1, $2::text, $3, $4, $5, $6, $7)';
revoke execute on all functions in schema millrace from public;
)sql",
    R"sql(
create table millrace.session(
    id bigint primary key,
    client_id text not null,
    owner_kind smallint not null,
    owner text not null,
    dbo_id bigint not null,
    row_id bigint not null,
    expiry_s bigint not null,
    disconnected_us bigint not null,
    caught_up_us bigint not null,
    packet_id integer not null);
create table millrace.session_subscription(
    session_id bigint not null,
    filter text not null,
    identifier bigint not null,
    qos smallint not null,
    no_local boolean not null,
    retain_as_published boolean not null,
    since_us bigint not null);
create index session_subscription_filter on millrace.session_subscription(session_id, left(filter, 200));
)sql",
};
constexpr int kNewest = static_cast<int>(std::size(kSteps));

/// -1: cannot be read.
int version_of(Connection& connection) {
    const Result<Answer> present = connection.run("select to_regclass('millrace.meta') is not null");
    if (!present) return -1;
    if (present->text(0, 0) == "f") return 0;
    const Result<Answer> stored = connection.run("select value from millrace.meta where key = 'schema'");
    if (!stored || stored->rows() == 0) return -1;
    const std::string text = stored->text(0, 0);
    int version = -1;
    std::from_chars(text.data(), text.data() + text.size(), version);
    return version;
}

}  // namespace

bool migrate(Connection& connection, std::string& why) {
    const int version = version_of(connection);
    if (version < 0) {
        why = "the schema's version cannot be read: " + connection.message();
        return false;
    }
    if (version > kNewest) {
        why = "its schema is version " + std::to_string(version) + ", of a newer Millrace; this one knows " +
              std::to_string(kNewest);
        return false;
    }
    for (int step = version; step < kNewest; ++step) {
        const std::string sql = std::string(kSteps[step]) + "update millrace.meta set value = '" +
                                std::to_string(step + 1) + "' where key = 'schema'";
        if (connection.run(sql)) continue;
        why = "migration " + std::to_string(step + 1) + ": " + connection.message();
        return false;
    }
    return true;
}

}  // namespace millrace::store::postgres
