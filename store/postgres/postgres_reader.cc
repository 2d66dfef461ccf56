#include "store/postgres/postgres_reader.h"

#include <algorithm>
#include <limits>

#include "store/flags.h"
#include "store/postgres/owner.h"
#include "store/time_range.h"

namespace millrace::store::postgres {
namespace {

constexpr const char* kBounds = R"sql(
select id, coalesce((select min(seq) from millrace.message where channel_id = channel.id), 0::bigint),
       greatest(floor, coalesce((select max(seq) from millrace.message where channel_id = channel.id), 0::bigint))
from millrace.channel where name = $1::text)sql";

/// One row more than asked for tells whether there is more; `ahead` are the bytes of the rows before.
std::string rows_query(const std::string& direction) {
    return R"sql(
select seq, at, flags, payload, id, client, properties, expiry_s, dbo_id, row_id, total from (
    select t.*, count(*) over () as total, sum(octet_length(payload)) over w - octet_length(payload) as ahead
    from (select * from millrace.message where channel_id = $1::bigint and seq > $2::bigint and seq < $3::bigint
          order by seq )sql" +
           direction + R"sql( limit $4::bigint) t
    window w as (order by seq )sql" +
           direction + R"sql( rows unbounded preceding)) u
where ahead < )sql" +
           std::to_string(kPageBytes) + " order by seq " + direction;
}

constexpr const char* kRetained = R"sql(
select m.seq, at, flags, payload, m.id, client, properties, expiry_s, dbo_id, row_id, name
from (select channel_id, max(seq) as seq from millrace.message where flags & 8 <> 0 and dbo_id is null
      group by channel_id, flags & 64) newest
join millrace.message m on m.channel_id = newest.channel_id and m.seq = newest.seq
join millrace.channel c on c.id = m.channel_id order by m.channel_id, m.seq)sql";

constexpr const char* kCommittedAt =
    "select at from millrace.message where channel_id = $1::bigint and seq = $2::bigint";

const Statement kStatements[] = {{"bounds", kBounds},
                                 {"ascending", rows_query("asc")},
                                 {"descending", rows_query("desc")},
                                 {"retained", kRetained},
                                 {"committed_at", kCommittedAt}};

std::int64_t to_sql(std::uint64_t seq) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(seq, std::numeric_limits<std::int64_t>::max()));
}

MessagePtr to_message(const Answer& answer, int row, std::string_view channel) {
    MessageFields fields;
    fields.channel = channel;
    unpack_flags(answer.integer(row, 2), fields);
    fields.payload = answer.bytes(row, 3);
    fields.id = as_text(answer.bytes(row, 4));
    fields.client = as_text(answer.bytes(row, 5));
    fields.properties = answer.bytes(row, 6);
    if (!answer.is_null(row, 7)) fields.expiry_s = static_cast<std::uint32_t>(answer.integer(row, 7));
    fields.audience.dbo_id = answer.integer(row, 8);
    fields.audience.row_id = answer.integer(row, 9);
    MessagePtr message = Message::create(fields);
    message->stamp(static_cast<std::uint64_t>(answer.integer(row, 0)),
                   answer.integer(row, 1) + kEpochOffset_us);
    return message;
}

}  // namespace

PostgresReader::PostgresReader(Owner& owner)
    : connection_(owner, PreparedConnection::Use::read, "set default_transaction_read_only = on",
                  kStatements) {}

Result<std::int64_t> PostgresReader::committed_at(std::int64_t channel_id, std::uint64_t seq) {
    Parameters parameters;
    parameters.add(channel_id);
    parameters.add(to_sql(seq));
    const Result<Answer> answer = connection_.execute("committed_at", parameters);
    if (!answer) return answer.error();
    return answer->rows() == 0 ? std::numeric_limits<std::int64_t>::min()
                               : answer->integer(0, 0) + kEpochOffset_us;
}

error_code PostgresReader::read_messages(const Range& range, std::int64_t channel_id, Page& page) {
    Parameters parameters;
    parameters.add(channel_id);
    parameters.add(to_sql(range.after.value_or(0)));
    parameters.add(to_sql(range.before.value_or(std::numeric_limits<std::uint64_t>::max())));
    parameters.add(std::int64_t{range.limit} + 1);
    const Result<Answer> answer = connection_.execute(range.after ? "ascending" : "descending", parameters);
    if (!answer) return answer.error();
    const int count = static_cast<int>(std::min<std::int64_t>(answer->rows(), range.limit));
    page.messages.reserve(static_cast<std::size_t>(count));
    for (int row = 0; row < count; ++row) page.messages.push_back(to_message(*answer, row, range.channel));
    page.more = answer->rows() != 0 && answer->integer(0, 10) > count;
    if (!range.after) std::reverse(page.messages.begin(), page.messages.end());
    return {};
}

Result<Page> PostgresReader::try_read(const Range& range) {
    if (const error_code error = connection_.open()) return error;
    Parameters parameters;
    parameters.add(std::string_view(range.channel));
    const Result<Answer> bounds = connection_.execute("bounds", parameters);
    if (!bounds) return bounds.error();
    Page page;
    if (bounds->rows() == 0) return page;
    page.first = static_cast<std::uint64_t>(bounds->integer(0, 1));
    page.last = static_cast<std::uint64_t>(bounds->integer(0, 2));
    const std::int64_t channel_id = bounds->integer(0, 0);
    const auto at = [&](std::uint64_t seq) { return committed_at(channel_id, seq); };
    const Result<Range> positions = by_position(range, page, at);
    if (!positions) return positions.error();
    if (const error_code error = read_messages(*positions, channel_id, page)) return error;
    if (!page.messages.empty()) {
        // Written between the two statements.
        page.last = std::max(page.last, page.messages.back()->seq());
        if (page.first == 0) page.first = page.messages.front()->seq();
    }
    return page;
}

Result<std::vector<MessagePtr>> PostgresReader::retained() {
    if (const error_code error = connection_.open()) return error;
    const Result<Answer> answer = connection_.execute("retained", Parameters{});
    if (!answer) return answer.error();
    std::vector<MessagePtr> messages;
    messages.reserve(static_cast<std::size_t>(answer->rows()));
    for (int row = 0; row < answer->rows(); ++row) {
        messages.push_back(to_message(*answer, row, as_text(answer->bytes(row, 10))));
    }
    return messages;
}

Result<Page> PostgresReader::read(const Range& range) {
    const bool was_open = connection_.is_open();
    Result<Page> page = try_read(range);
    // The session may have been lost while nobody was reading.
    if (!page && was_open && connection_.was_lost()) return try_read(range);
    return page;
}

}  // namespace millrace::store::postgres
