#include "store/postgres/postgres_outbox.h"

#include <limits>

#include "core/channel_name.h"
#include "core/compact_json.h"
#include "store/postgres/owner.h"

namespace millrace::store::postgres {
namespace {

/// By index alone while there is nothing; `ahead` are the bytes of the rows before.
const std::string kRead = R"sql(
select id, channel, type = 'event', message_id, retain, to_dbo_id, to_row_id,
       case when size <= $2::bigint then data end
from (select o.*, sum(size) over (order by position, id rows unbounded preceding) - size as ahead
      from (select *, octet_length(data) as size from millrace.outbox order by position, id limit $1::bigint) o) p
where ahead < )sql" + std::to_string(kPageBytes) +
                          " order by position, id";

constexpr const char* kTake = "delete from millrace.outbox where id = any ($1::bigint[]) returning id";

constexpr const char* kRefuse = R"sql(
with gone as (delete from millrace.outbox where id = $1::bigint returning *),
kept as (
    insert into millrace.outbox_refused(
        reason, id, position, at, channel, type, message_id, retain, to_dbo_id, to_row_id, data)
    select $2::text, id, position, at, channel, type, message_id, retain, to_dbo_id, to_row_id, data from gone
    returning number)
delete from millrace.outbox_refused where number <= (select number from kept) - $3::bigint)sql";

const Statement kStatements[] = {{"read", kRead}, {"take", kTake}, {"refuse", kRefuse}};

std::string settings(std::size_t message_bytes) {
    const std::string largest = std::to_string(message_bytes);
    return "set statement_timeout = 0; update millrace.meta set value = '" + largest +
           "' where key = 'sql_message_bytes' and value <> '" + largest + "'";
}

}  // namespace

PostgresOutbox::PostgresOutbox(Owner& owner, const SqlLimits& limits)
    : limits_(limits),
      connection_(owner, PreparedConnection::Use::write, settings(limits.message_bytes), kStatements) {}

Result<Answer> PostgresOutbox::execute(const char* name, const Parameters& parameters) {
    if (const error_code error = connection_.open()) return error;
    return connection_.execute(name, parameters);
}

Result<MessagePtr> PostgresOutbox::message_of(const Answer& answer, int row) {
    if (answer.is_null(row, 7)) return make_error_code(Errc::too_large);
    MessageFields fields;
    fields.channel = as_text(answer.bytes(row, 1));
    fields.kind = answer.integer(row, 2) != 0 ? MessageKind::event : MessageKind::message;
    fields.id = as_text(answer.bytes(row, 3));
    fields.retain = answer.integer(row, 4) != 0;
    fields.audience.dbo_id = answer.integer(row, 5);
    fields.audience.row_id = answer.integer(row, 6);
    fields.qos = kQosOfSubscription;
    // The function lets neither through; whoever owns the table can write what he likes.
    if (!is_channel_name(fields.channel)) return make_error_code(Errc::invalid_channel);
    if (fields.id.size() > std::numeric_limits<std::uint16_t>::max()) return make_error_code(Errc::malformed);
    fields.payload = answer.bytes(row, 7);
    fields.encoding = classify(fields.payload);
    if (fields.encoding == Encoding::json) {
        scratch_.clear();
        append_compact(scratch_, as_text(fields.payload));
        fields.payload = scratch_.view();
    }
    return Message::create(fields);
}

Result<std::vector<SqlRow>> PostgresOutbox::read(std::uint32_t limit) {
    Parameters parameters;
    parameters.add(std::int64_t{limit});
    parameters.add(static_cast<std::int64_t>(limits_.message_bytes));
    const Result<Answer> answer = execute("read", parameters);
    if (!answer) return answer.error();
    std::vector<SqlRow> rows;
    rows.reserve(static_cast<std::size_t>(answer->rows()));
    for (int row = 0; row < answer->rows(); ++row) {
        rows.push_back({answer->integer(row, 0), message_of(*answer, row)});
    }
    return rows;
}

Result<std::vector<std::int64_t>> PostgresOutbox::take(std::span<const std::int64_t> ids) {
    const Column column = Column::of(ids);
    Parameters parameters;
    parameters.add(column);
    const Result<Answer> answer = execute("take", parameters);
    if (!answer) return answer.error();
    std::vector<std::int64_t> taken;
    for (int row = 0; row < answer->rows(); ++row) taken.push_back(answer->integer(row, 0));
    return taken;
}

error_code PostgresOutbox::refuse(std::int64_t id, error_code reason) {
    const std::string text = reason.message();
    Parameters parameters;
    parameters.add(id);
    parameters.add(std::string_view(text));
    parameters.add(std::int64_t{limits_.refused_messages});
    const Result<Answer> answer = execute("refuse", parameters);
    return answer ? error_code{} : answer.error();
}

}  // namespace millrace::store::postgres
