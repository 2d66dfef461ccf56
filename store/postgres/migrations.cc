#include "store/postgres/migrations.h"

#include <charconv>
#include <iterator>

namespace millrace::store::postgres {
namespace {

// Applied steps are never changed; a new one is added at the end. The numbers in the view are those of
// store/flags.h. A channel's name may be longer than a B-tree entry, hence the hash. `json`, unlike `jsonb`,
// takes whatever JSON there is: \u0000, numbers of any size.
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
