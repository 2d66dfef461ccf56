#include "store/postgres/postgres_sessions.h"

#include <initializer_list>
#include <unordered_map>

#include "store/postgres/owner.h"

namespace millrace::store::postgres {
namespace {

constexpr const char* kSettings =
    "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = "
    "'off'";

constexpr const char* kEnd = R"sql(
with gone as (delete from millrace.session_subscription where session_id = any ($1::bigint[]))
delete from millrace.session where id = any ($1::bigint[]))sql";

constexpr const char* kSave = R"sql(
insert into millrace.session(id, client_id, owner_kind, owner, dbo_id, row_id, expiry_s, disconnected_us,
                             caught_up_us, packet_id)
select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[],
                     $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
on conflict (id) do update set
    client_id = excluded.client_id, owner_kind = excluded.owner_kind, owner = excluded.owner,
    dbo_id = excluded.dbo_id, row_id = excluded.row_id, expiry_s = excluded.expiry_s,
    disconnected_us = excluded.disconnected_us, caught_up_us = excluded.caught_up_us,
    packet_id = excluded.packet_id)sql";

constexpr const char* kUnsubscribe = R"sql(
delete from millrace.session_subscription s
using unnest($1::bigint[], $2::text[]) gone(session_id, filter)
where s.session_id = gone.session_id and left(s.filter, 200) = left(gone.filter, 200) and s.filter = gone.filter)sql";

constexpr const char* kSubscribe = R"sql(
insert into millrace.session_subscription(session_id, filter, identifier, qos, no_local, retain_as_published,
                                          since_us)
select session_id, filter, identifier, qos, no_local <> 0, retain_as_published <> 0, since_us
from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     r(session_id, filter, identifier, qos, no_local, retain_as_published, since_us))sql";

constexpr const char* kLoad = R"sql(
select id, client_id, owner_kind, owner, dbo_id, row_id, expiry_s, disconnected_us, caught_up_us, packet_id
from millrace.session)sql";

constexpr const char* kLoadSubscriptions = R"sql(
select session_id, filter, identifier, qos, no_local::int, retain_as_published::int, since_us
from millrace.session_subscription)sql";

constexpr const char* kNews = R"sql(
select c.id, c.name, newest.at
from millrace.channel c
cross join lateral (
    select at from millrace.message where channel_id = c.id order by seq desc limit 1) newest
where newest.at > $1::timestamptz)sql";

constexpr const char* kPosition =
    "select seq from millrace.message where channel_id = $1::bigint and at <= $2::timestamptz order by seq "
    "desc limit 1";

const Statement kStatements[] = {{"end", kEnd},
                                 {"save", kSave},
                                 {"unsubscribe", kUnsubscribe},
                                 {"subscribe", kSubscribe},
                                 {"load", kLoad},
                                 {"load_subscriptions", kLoadSubscriptions},
                                 {"news", kNews},
                                 {"position", kPosition}};

KeptSession session_of(const Answer& answer, int row) {
    KeptSession session;
    session.id = answer.integer(row, 0);
    session.client_id = answer.text(row, 1);
    session.owner = {static_cast<std::uint8_t>(answer.integer(row, 2)), answer.text(row, 3),
                     answer.integer(row, 4), answer.integer(row, 5)};
    session.expiry_s = static_cast<std::uint32_t>(answer.integer(row, 6));
    session.disconnected_us = answer.integer(row, 7);
    session.caught_up_us = answer.integer(row, 8);
    session.packet_id = static_cast<std::uint16_t>(answer.integer(row, 9));
    return session;
}

KeptSubscription subscription_of(const Answer& answer, int row) {
    KeptSubscription subscription;
    subscription.filter = answer.text(row, 1);
    subscription.identifier = static_cast<std::uint32_t>(answer.integer(row, 2));
    subscription.qos = static_cast<std::uint8_t>(answer.integer(row, 3));
    subscription.no_local = answer.integer(row, 4) != 0;
    subscription.retain_as_published = answer.integer(row, 5) != 0;
    subscription.since_us = answer.integer(row, 6);
    return subscription;
}

Parameters parameters_of(std::initializer_list<const Column*> columns) {
    Parameters parameters;
    for (const Column* column : columns) parameters.add(*column);
    return parameters;
}

}  // namespace

PostgresSessions::PostgresSessions(Owner& owner)
    : connection_(owner, PreparedConnection::Use::write, kSettings, kStatements) {}

error_code PostgresSessions::apply(std::span<const SessionChange> changes, bool durable) {
    const bool was_open = connection_.is_open();
    const error_code error = try_to_apply(changes, durable);
    // The connection may have been lost while there was nothing to do.
    return error && was_open && connection_.was_lost() ? try_to_apply(changes, durable) : error;
}

error_code PostgresSessions::try_to_apply(std::span<const SessionChange> changes, bool durable) {
    error_code error = connection_.open();
    if (!error) error = write(changes, durable);
    if (error && connection_.is_open()) static_cast<void>(connection_.run("rollback"));
    return error;
}

error_code PostgresSessions::write(std::span<const SessionChange> changes, bool durable) {
    const Result<Answer> begun =
        connection_.run(durable ? "begin" : "begin; set local synchronous_commit = off");
    error_code error = begun ? error_code{} : begun.error();
    if (!error) error = end(changes);
    if (!error) error = save(changes);
    if (!error) error = unsubscribe(changes);
    if (!error) error = subscribe(changes);
    if (error) return error;
    const Result<Answer> committed = connection_.run("commit");
    return committed ? error_code{} : committed.error();
}

error_code PostgresSessions::execute(const char* name, const Parameters& parameters) {
    const Result<Answer> answer = connection_.execute(name, parameters);
    return answer ? error_code{} : answer.error();
}

error_code PostgresSessions::end(std::span<const SessionChange> changes) {
    std::vector<std::int64_t> ids;
    for (const SessionChange& change : changes) {
        if (change.ended) ids.push_back(change.session.id);
    }
    if (ids.empty()) return {};
    Column id(Type::int8, ids.size());
    for (const std::int64_t value : ids) id.add(value);
    return execute("end", parameters_of({&id}));
}

error_code PostgresSessions::save(std::span<const SessionChange> changes) {
    std::size_t count = 0;
    for (const SessionChange& change : changes) count += change.ended ? 0 : 1;
    if (count == 0) return {};
    Column id(Type::int8, count), client_id(Type::text, count), kind(Type::int8, count);
    Column owner(Type::text, count), dbo_id(Type::int8, count), row_id(Type::int8, count);
    Column expiry_s(Type::int8, count), disconnected_us(Type::int8, count), caught_up_us(Type::int8, count);
    Column packet_id(Type::int8, count);
    for (const SessionChange& change : changes) {
        if (change.ended) continue;
        const KeptSession& session = change.session;
        id.add(session.id);
        client_id.add(std::string_view(session.client_id));
        kind.add(std::int64_t{session.owner.kind});
        owner.add(std::string_view(session.owner.name));
        dbo_id.add(session.owner.dbo_id);
        row_id.add(session.owner.row_id);
        expiry_s.add(std::int64_t{session.expiry_s});
        disconnected_us.add(session.disconnected_us);
        caught_up_us.add(session.caught_up_us);
        packet_id.add(std::int64_t{session.packet_id});
    }
    return execute("save", parameters_of({&id, &client_id, &kind, &owner, &dbo_id, &row_id, &expiry_s,
                                          &disconnected_us, &caught_up_us, &packet_id}));
}

/// What is subscribed to again goes first, too: there is no key that could tell, filters being long.
error_code PostgresSessions::unsubscribe(std::span<const SessionChange> changes) {
    std::size_t count = 0;
    for (const SessionChange& change : changes) count += change.ended ? 0 : change.subscriptions.size();
    if (count == 0) return {};
    Column id(Type::int8, count), gone(Type::text, count);
    for (const SessionChange& change : changes) {
        if (change.ended) continue;
        for (const auto& [filter, subscription] : change.subscriptions) {
            id.add(change.session.id);
            gone.add(std::string_view(filter));
        }
    }
    return execute("unsubscribe", parameters_of({&id, &gone}));
}

error_code PostgresSessions::subscribe(std::span<const SessionChange> changes) {
    std::vector<std::pair<std::int64_t, const KeptSubscription*>> fresh;
    for (const SessionChange& change : changes) {
        if (change.ended) continue;
        for (const auto& [name, subscription] : change.subscriptions) {
            if (subscription) fresh.emplace_back(change.session.id, &*subscription);
        }
    }
    if (fresh.empty()) return {};
    const std::size_t count = fresh.size();
    Column id(Type::int8, count), filter(Type::text, count), identifier(Type::int8, count);
    Column qos(Type::int8, count), no_local(Type::int8, count), retain_as_published(Type::int8, count);
    Column since_us(Type::int8, count);
    for (const auto& [session_id, subscription] : fresh) {
        id.add(session_id);
        filter.add(std::string_view(subscription->filter));
        identifier.add(std::int64_t{subscription->identifier});
        qos.add(std::int64_t{subscription->qos});
        no_local.add(std::int64_t{subscription->no_local});
        retain_as_published.add(std::int64_t{subscription->retain_as_published});
        since_us.add(subscription->since_us);
    }
    return execute("subscribe", parameters_of({&id, &filter, &identifier, &qos, &no_local,
                                               &retain_as_published, &since_us}));
}

Result<std::vector<RestoredSession>> PostgresSessions::load() {
    const Result<Answer> rows = connection_.ask("load", {});
    if (!rows) return rows.error();
    std::vector<RestoredSession> sessions;
    std::unordered_map<std::int64_t, std::size_t> places;
    for (int row = 0; row < rows->rows(); ++row) {
        places[rows->integer(row, 0)] = sessions.size();
        sessions.push_back({session_of(*rows, row), {}});
    }
    const Result<Answer> subscriptions = connection_.ask("load_subscriptions", {});
    if (!subscriptions) return subscriptions.error();
    for (int row = 0; row < subscriptions->rows(); ++row) {
        const auto place = places.find(subscriptions->integer(row, 0));
        if (place != places.end())
            sessions[place->second].subscriptions.push_back(subscription_of(*subscriptions, row));
    }
    return sessions;
}

Result<std::vector<ChannelNews>> PostgresSessions::news(std::int64_t us) {
    Parameters parameters;
    parameters.add(us - kEpochOffset_us);
    const Result<Answer> rows = connection_.ask("news", parameters);
    if (!rows) return rows.error();
    std::vector<ChannelNews> news;
    for (int row = 0; row < rows->rows(); ++row) {
        news.push_back({rows->integer(row, 0), rows->text(row, 1), rows->integer(row, 2) + kEpochOffset_us});
    }
    return news;
}

Result<std::uint64_t> PostgresSessions::position(std::int64_t channel_id, std::int64_t us) {
    Parameters parameters;
    parameters.add(channel_id);
    parameters.add(us - kEpochOffset_us);
    const Result<Answer> rows = connection_.ask("position", parameters);
    if (!rows) return rows.error();
    return rows->rows() == 0 ? 0 : static_cast<std::uint64_t>(rows->integer(0, 0));
}

}  // namespace millrace::store::postgres
