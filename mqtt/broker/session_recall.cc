#include "mqtt/broker/session_recall.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>

#include "mqtt/broker/client.h"
#include "mqtt/broker/session_table.h"
#include "mqtt/codec/topic.h"

namespace millrace::mqtt {

struct SessionRecall::Waiting {
    ClientSession* seat;
    Client* client;
    ConnectRequest request;
};

SessionRecall::SessionRecall(SessionTable& table) : table_(table) {}
SessionRecall::~SessionRecall() = default;

SessionRecall::Waiting* SessionRecall::find(const ClientSession& seat) {
    if (waiting_.empty() || seat.session() == nullptr || !seat.session()->kept) return nullptr;
    const auto at = waiting_.find(seat.session()->kept->id);
    return at == waiting_.end() ? nullptr : at->second.get();
}

void SessionRecall::ask(ClientSession& seat, Client& client, ConnectRequest request) {
    client.wait_for(seat);
    const Session& session = *seat.session();
    const KeptState& kept = *session.kept;
    auto waiting = std::make_unique<Waiting>(Waiting{&seat, &client, std::move(request)});
    if (!waiting_.insert_or_assign(kept.id, std::move(waiting)).second) return;
    std::vector<store::OwedFilter> filters;
    for (const auto& subscription : session.subscriptions()) {
        if (subscription->qos == 0 || parse_shared(subscription->filter)) continue;
        const auto since = kept.since_us.find(subscription->filter);
        const std::int64_t since_us = since == kept.since_us.end() ? 0 : since->second;
        filters.push_back({subscription->filter, std::max(kept.caught_up_us, since_us)});
    }
    table_.broker().store().sessions()->ask(
        std::move(filters), table_.shard(),
        [this, id = kept.id](const std::vector<store::Owed>& owed) { answered(id, owed); });
}

void SessionRecall::answered(std::int64_t id, const std::vector<store::Owed>& owed) {
    const auto node = waiting_.extract(id);
    if (node.empty()) return;
    Waiting& waiting = *node.mapped();
    waiting.seat->recalled(owed);
    if (waiting.client != nullptr) waiting.seat->begin(*waiting.client, std::move(waiting.request), true);
}

void SessionRecall::leave(const ClientSession& seat) {
    if (Waiting* waiting = find(seat)) waiting->client = nullptr;
}

void SessionRecall::send_away(const ClientSession& seat) {
    Waiting* waiting = find(seat);
    if (waiting == nullptr) return;
    if (Client* client = std::exchange(waiting->client, nullptr)) client->taken_over();
}

void SessionRecall::forget(const ClientSession& seat) {
    if (find(seat) != nullptr) waiting_.erase(seat.session()->kept->id);
}

void ClientSession::recalled(const std::vector<store::Owed>& owed) {
    KeptState& kept = *session_->kept;
    kept.owed_unknown = false;
    for (const store::Owed& channel : owed) {
        Position position;
        position.after = channel.after;
        position.at_us = kept.caught_up_us + 1;
        make_replay().add_always(channel.channel, position);
    }
}

namespace {

Subscription subscription_of(const store::KeptSubscription& kept) {
    return {kept.filter, kept.identifier, kept.qos, kept.no_local, kept.retain_as_published};
}

/// Who it was, as far as that decides what is kept for a client that is away.
access::PrincipalPtr principal_of(const store::KeptSession& kept) {
    auto principal = std::make_shared<access::Principal>();
    principal->kind = static_cast<access::Principal::Kind>(kept.owner.kind);
    principal->name = kept.owner.name;
    principal->dbo_id = kept.owner.dbo_id;
    principal->row_id = kept.owner.row_id;
    principal->client_id = kept.client_id;
    return principal;
}

/// None: its time has passed. A session that was connected is disconnected now: nobody knows since when.
std::optional<std::uint32_t> seconds_left(const store::KeptSession& session, std::int64_t now_us) {
    if (session.expiry_s == Session::kNeverExpires || session.disconnected_us == 0) return session.expiry_s;
    const std::int64_t gone_s = std::max<std::int64_t>(0, now_us - session.disconnected_us) / 1'000'000;
    if (gone_s >= session.expiry_s) return {};
    return session.expiry_s - static_cast<std::uint32_t>(gone_s);
}

void forget(store::SessionKeeper& keeper, std::int64_t id) {
    store::SessionChange change;
    change.session.id = id;
    change.ended = true;
    static_cast<void>(keeper.save(std::move(change)));
}

}  // namespace

void ClientSession::restore(const store::RestoredSession& restored) {
    const std::int64_t now_us = table_.shard().wall_clock_us();
    const store::KeptSession& saved = restored.session;
    replace_session(saved.client_id);
    principal_ = principal_of(saved);
    session_->expiry_s = saved.expiry_s;
    session_->kept = std::make_unique<KeptState>();
    KeptState& kept = *session_->kept;
    kept.id = saved.id;
    kept.caught_up_us = saved.caught_up_us;
    kept.disconnected_us = saved.disconnected_us == 0 ? now_us : saved.disconnected_us;
    kept.saved = true;
    kept.stale = saved.disconnected_us == 0;
    kept.owed_unknown = true;
    // The client may still hold packet ids of QoS 2 that we have forgotten: new messages keep away from them.
    constexpr std::uint16_t kHalf = 0x8000;
    session_->outbound().window.go_on_after(static_cast<std::uint16_t>(saved.packet_id + kHalf));
    for (const store::KeptSubscription& subscription : restored.subscriptions) {
        if (subscription.since_us > kept.caught_up_us)
            kept.since_us[subscription.filter] = subscription.since_us;
        session_->subscribe(subscription_of(subscription));
    }
    for (const auto& subscription : session_->subscriptions()) announce(*subscription, false);
    table_.saver().touch(*this);
    if (saved.expiry_s != Session::kNeverExpires) arm(seconds_left(saved, now_us).value_or(0));
}

void SessionTable::restore(const store::RestoredSession& restored) {
    sessions_.push_back(std::make_unique<ClientSession>(*this, sessions_.size()));
    ClientSession& seat = *sessions_.back();
    directory_.replace(restored.session.client_id, shard().index(), seat, *principal_of(restored.session));
    seat.restore(restored);
}

namespace {

/// The living ones, one for each client id.
std::vector<store::RestoredSession> sort_out(store::SessionKeeper& keeper,
                                             std::vector<store::RestoredSession> sessions,
                                             std::int64_t now_us) {
    std::ranges::sort(sessions, std::greater(),
                      [](const store::RestoredSession& restored) { return restored.session.id; });
    std::unordered_set<std::string> seen;
    std::erase_if(sessions, [&](const store::RestoredSession& restored) {
        const store::KeptSession& session = restored.session;
        if (seconds_left(session, now_us) && seen.insert(session.client_id).second) return false;
        forget(keeper, session.id);
        return true;
    });
    return sessions;
}

}  // namespace

void restore_sessions(store::Store& store, std::span<const std::unique_ptr<SessionTable>> tables) {
    store::SessionKeeper& keeper = *store.sessions();
    Result<std::vector<store::RestoredSession>> loaded = keeper.load();
    if (!loaded) throw std::runtime_error("cannot read the sessions: " + loaded.error().message());
    std::int64_t oldest_us = std::numeric_limits<std::int64_t>::max();
    for (const store::RestoredSession& restored : *loaded) store.stamp_after(restored.session.caught_up_us);
    const auto sessions = sort_out(keeper, std::move(*loaded), wall_clock_us());
    std::size_t next = 0;
    for (const store::RestoredSession& restored : sessions) {
        oldest_us = std::min(oldest_us, restored.session.caught_up_us);
        tables[next++ % tables.size()]->restore(restored);
    }
    if (!sessions.empty()) {
        if (const error_code error = keeper.learn_news(oldest_us))
            throw std::runtime_error("cannot read the channels: " + error.message());
        spdlog::info("{} MQTT session(s) restored", sessions.size());
    }
    keeper.start();
}

}  // namespace millrace::mqtt
