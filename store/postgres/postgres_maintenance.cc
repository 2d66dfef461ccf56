#include "store/postgres/postgres_maintenance.h"

#include <algorithm>
#include <limits>

#include "store/postgres/owner.h"

namespace millrace::store::postgres {
namespace {

const std::string kInfo = R"sql(
select c.id, c.name, coalesce(oldest.seq, 0::bigint),
       greatest(c.floor, coalesce((select max(seq) from millrace.message where channel_id = c.id), 0::bigint)),
       oldest.at
from millrace.channel c
left join lateral (
    select seq, at from millrace.message where channel_id = c.id order by seq limit 1) oldest on true
)sql";

/// The names are sorted before anything is looked up for them.
const std::string kByName = kInfo + R"sql(
where c.id = any (array(
    select id from millrace.channel where name collate "C" > $1::text order by name collate "C" limit $2::bigint))
order by c.name collate "C")sql";

/// The run of the oldest that may go ends before the first that stays.
constexpr const char* kTrim = R"sql(
with chosen as materialized (
    select id from millrace.channel where name = $1::text),
run as materialized (
    select seq, bool_and(seq < $2::bigint or at < $3::timestamptz) over (order by seq) as goes
    from (select seq, at from millrace.message where channel_id = (select id from chosen)
          order by seq limit $4::bigint) oldest),
through as materialized (select max(seq) as seq from run where goes),
raised as (
    update millrace.channel set floor = greatest(floor, through.seq) from through, chosen
    where channel.id = chosen.id and through.seq is not null),
gone as (
    delete from millrace.message
    where channel_id = (select id from chosen) and seq <= (select seq from through) returning 1)
select count(*) from gone)sql";

const Statement kStatements[] = {{"find", kInfo + "where c.name = $1::text"},
                                 {"by_id", kInfo + "where c.id > $1::bigint order by c.id limit $2::bigint"},
                                 {"by_name", kByName},
                                 {"trim", kTrim}};

ChannelInfo info_of(const Answer& answer, int row) {
    ChannelInfo info;
    info.id = answer.integer(row, 0);
    info.name = answer.text(row, 1);
    info.first = static_cast<std::uint64_t>(answer.integer(row, 2));
    info.last = static_cast<std::uint64_t>(answer.integer(row, 3));
    if (info.first != 0) info.oldest_us = answer.integer(row, 4) + kEpochOffset_us;
    return info;
}

/// -infinity, where no time was given.
std::int64_t to_timestamp(std::int64_t us) {
    constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();
    return us < 0 ? kNever : us - kEpochOffset_us;
}

}  // namespace

PostgresMaintenance::PostgresMaintenance(Owner& owner)
    : connection_(owner, PreparedConnection::Use::write, "set synchronous_commit = off", kStatements) {}

Result<std::uint32_t> PostgresMaintenance::trim(const Trim& trim) {
    Parameters parameters;
    parameters.add(std::string_view(trim.channel));
    parameters.add(static_cast<std::int64_t>(
        std::min<std::uint64_t>(trim.before_seq, std::numeric_limits<std::int64_t>::max())));
    parameters.add(to_timestamp(trim.before_us));
    parameters.add(std::int64_t{trim.rows});
    const Result<Answer> answer = connection_.ask("trim", parameters);
    if (!answer) return answer.error();
    return static_cast<std::uint32_t>(answer->integer(0, 0));
}

Result<std::vector<ChannelInfo>> PostgresMaintenance::list(const char* name, const Parameters& parameters) {
    const Result<Answer> answer = connection_.ask(name, parameters);
    if (!answer) return answer.error();
    std::vector<ChannelInfo> channels;
    for (int row = 0; row < answer->rows(); ++row) channels.push_back(info_of(*answer, row));
    return channels;
}

Result<ChannelInfo> PostgresMaintenance::find(std::string_view channel) {
    Parameters parameters;
    parameters.add(channel);
    const Result<std::vector<ChannelInfo>> found = list("find", parameters);
    if (!found) return found.error();
    return found->empty() ? ChannelInfo{} : found->front();
}

Result<std::vector<ChannelInfo>> PostgresMaintenance::channels(std::int64_t after, std::uint32_t limit) {
    Parameters parameters;
    parameters.add(after);
    parameters.add(std::int64_t{limit});
    return list("by_id", parameters);
}

Result<std::vector<ChannelInfo>> PostgresMaintenance::channels_by_name(std::string_view after,
                                                                       std::uint32_t limit) {
    Parameters parameters;
    parameters.add(after);
    parameters.add(std::int64_t{limit});
    return list("by_name", parameters);
}

}  // namespace millrace::store::postgres
