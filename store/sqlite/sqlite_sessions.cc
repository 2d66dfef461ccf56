#include "store/sqlite/sqlite_sessions.h"

#include <unordered_map>

#include "store/sqlite/sqlite_table.h"

namespace millrace::store::sqlite {
namespace {

error_code finish(Statement& statement) {
    const Result<bool> row = statement.step();
    return row ? error_code{} : row.error();
}

KeptSession session_of(const Statement& row) {
    KeptSession session;
    session.id = row.integer(0);
    session.client_id = row.text(1);
    session.owner = {static_cast<std::uint8_t>(row.integer(2)), std::string(row.text(3)), row.integer(4),
                     row.integer(5)};
    session.expiry_s = static_cast<std::uint32_t>(row.integer(6));
    session.disconnected_us = row.integer(7);
    session.caught_up_us = row.integer(8);
    session.packet_id = static_cast<std::uint16_t>(row.integer(9));
    return session;
}

KeptSubscription subscription_of(const Statement& row) {
    KeptSubscription subscription;
    subscription.filter = row.text(1);
    subscription.identifier = static_cast<std::uint32_t>(row.integer(2));
    subscription.qos = static_cast<std::uint8_t>(row.integer(3));
    subscription.no_local = row.integer(4) != 0;
    subscription.retain_as_published = row.integer(5) != 0;
    subscription.since_us = row.integer(6);
    return subscription;
}

}  // namespace

error_code SqliteSessions::connect() {
    if (database_.is_open()) return {};
    error_code error = open_for_writing(database_, path_);
    if (!error) error = prepare();
    if (error) give_up();
    return error;
}

void SqliteSessions::give_up() {
    statements_ = {};
    database_.close();
}

error_code SqliteSessions::prepare() {
    error_code error;
    database_.prepare(statements_.end, "delete from session where id = ?", error);
    database_.prepare(statements_.end_subscriptions, "delete from session_subscription where session_id = ?",
                      error);
    database_.prepare(statements_.save,
                      "insert or replace into session values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", error);
    database_.prepare(statements_.subscribe,
                      "insert or replace into session_subscription values (?, ?, ?, ?, ?, ?, ?)", error);
    database_.prepare(statements_.unsubscribe,
                      "delete from session_subscription where session_id = ? and filter = ?", error);
    database_.prepare(statements_.position,
                      "select seq from message where channel_id = ? and at <= ? order by seq desc limit 1",
                      error);
    return error;
}

error_code SqliteSessions::begin(bool durable) {
    const error_code error = database_.run(durable ? "pragma synchronous=full" : "pragma synchronous=normal");
    return error ? error : database_.run("begin immediate");
}

error_code SqliteSessions::apply(std::span<const SessionChange> changes, bool durable) {
    if (const error_code error = connect()) return error;
    error_code error = begin(durable);
    for (const SessionChange& change : changes) {
        if (!error) error = apply(change);
    }
    if (!error) error = database_.run("commit");
    if (error && database_.in_transaction()) static_cast<void>(database_.run("rollback"));
    if (error == Errc::store_unavailable) give_up();
    return error;
}

error_code SqliteSessions::apply(const SessionChange& change) {
    const std::int64_t id = change.session.id;
    if (change.ended) return end(id);
    error_code error = save(change.session);
    for (const auto& [filter, subscription] : change.subscriptions) {
        if (!error) error = subscription ? subscribe(id, *subscription) : unsubscribe(id, filter);
    }
    return error;
}

error_code SqliteSessions::unsubscribe(std::int64_t id, std::string_view filter) {
    statements_.unsubscribe.bind(1, id);
    statements_.unsubscribe.bind(2, filter);
    return finish(statements_.unsubscribe);
}

error_code SqliteSessions::end(std::int64_t id) {
    statements_.end_subscriptions.bind(1, id);
    if (const error_code error = finish(statements_.end_subscriptions)) return error;
    statements_.end.bind(1, id);
    return finish(statements_.end);
}

error_code SqliteSessions::save(const KeptSession& session) {
    Statement& row = statements_.save;
    row.bind(1, session.id);
    row.bind(2, std::string_view(session.client_id));
    row.bind(3, std::int64_t{session.owner.kind});
    row.bind(4, std::string_view(session.owner.name));
    row.bind(5, session.owner.dbo_id);
    row.bind(6, session.owner.row_id);
    row.bind(7, std::int64_t{session.expiry_s});
    row.bind(8, session.disconnected_us);
    row.bind(9, session.caught_up_us);
    row.bind(10, std::int64_t{session.packet_id});
    return finish(row);
}

error_code SqliteSessions::subscribe(std::int64_t id, const KeptSubscription& subscription) {
    Statement& row = statements_.subscribe;
    row.bind(1, id);
    row.bind(2, std::string_view(subscription.filter));
    row.bind(3, std::int64_t{subscription.identifier});
    row.bind(4, std::int64_t{subscription.qos});
    row.bind(5, std::int64_t{subscription.no_local});
    row.bind(6, std::int64_t{subscription.retain_as_published});
    row.bind(7, subscription.since_us);
    return finish(row);
}

Result<std::vector<RestoredSession>> SqliteSessions::load() {
    if (const error_code error = connect()) return error;
    Result<std::vector<RestoredSession>> sessions = load_sessions();
    if (!sessions) return sessions;
    if (const error_code error = load_subscriptions(*sessions)) return error;
    return sessions;
}

Result<std::vector<RestoredSession>> SqliteSessions::load_sessions() {
    std::vector<RestoredSession> sessions;
    Result<Statement> rows = database_.prepare("select * from session");
    if (!rows) return rows.error();
    while (true) {
        const Result<bool> row = rows->step();
        if (!row) return row.error();
        if (!*row) return sessions;
        sessions.push_back({session_of(*rows), {}});
    }
}

error_code SqliteSessions::load_subscriptions(std::vector<RestoredSession>& sessions) {
    std::unordered_map<std::int64_t, RestoredSession*> by_id;
    for (RestoredSession& session : sessions) by_id[session.session.id] = &session;
    Result<Statement> rows = database_.prepare("select * from session_subscription");
    if (!rows) return rows.error();
    while (true) {
        const Result<bool> row = rows->step();
        if (!row) return row.error();
        if (!*row) return {};
        const auto session = by_id.find(rows->integer(0));
        if (session != by_id.end()) session->second->subscriptions.push_back(subscription_of(*rows));
    }
}

Result<std::vector<ChannelNews>> SqliteSessions::news(std::int64_t us) {
    if (const error_code error = connect()) return error;
    Result<Statement> rows = database_.prepare(
        "select id, name, (select at from message where channel_id = channel.id order by seq desc limit 1) "
        "as newest from channel where newest > ?");
    if (!rows) return rows.error();
    rows->bind(1, us);
    std::vector<ChannelNews> news;
    while (true) {
        const Result<bool> row = rows->step();
        if (!row) return row.error();
        if (!*row) return news;
        news.push_back({rows->integer(0), std::string(rows->text(1)), rows->integer(2)});
    }
}

Result<std::uint64_t> SqliteSessions::position(std::int64_t channel_id, std::int64_t us) {
    if (const error_code error = connect()) return error;
    statements_.position.bind(1, channel_id);
    statements_.position.bind(2, us);
    const Result<bool> row = statements_.position.step();
    if (!row) return row.error();
    const std::uint64_t seq = *row ? static_cast<std::uint64_t>(statements_.position.integer(0)) : 0;
    statements_.position.reset();
    return seq;
}

}  // namespace millrace::store::sqlite
