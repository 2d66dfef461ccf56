#include "mqtt/broker/session_saver.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "mqtt/broker/session_table.h"
#include "mqtt/codec/topic.h"

namespace millrace::mqtt {
namespace {

/// When the oldest message of a stored channel was committed that the client has yet to acknowledge.
std::int64_t oldest_outstanding_us(Session& session) {
    std::int64_t oldest = std::numeric_limits<std::int64_t>::max();
    const Outbound* outbound = session.find_outbound();
    if (outbound == nullptr) return oldest;
    // What a group was owed comes back to nobody.
    const auto look = [&](const auto& item) {
        if (item.message && item.message->seq() != 0 && share_of(item.extras) == nullptr)
            oldest = std::min(oldest, item.message->at_us());
    };
    outbound->window.for_each(look);
    outbound->queue.for_each(look);
    return oldest;
}

store::SessionOwner owner_of(const access::Principal& principal) {
    return {static_cast<std::uint8_t>(principal.kind), principal.name, principal.dbo_id, principal.row_id};
}

}  // namespace

SessionSaver::~SessionSaver() = default;

store::SessionKeeper* SessionSaver::keeper() const {
    return table_.broker().store().sessions();
}

void SessionSaver::connected(ClientSession& seat) {
    if (keeper() == nullptr) return;
    Session& session = *seat.session();
    if (session.expiry_s == 0) {
        forget(seat);
        ended(session);
        session.kept.reset();
        return;
    }
    if (!session.kept) {
        session.kept = std::make_unique<KeptState>();
        session.kept->id = keeper()->new_id();
        session.kept->caught_up_us = table_.broker().store().settled_through();
    }
    session.kept->disconnected_us = 0;
    session.kept->stale = true;
    list(seat);
}

void SessionSaver::disconnected(ClientSession& seat) {
    KeptState* kept = seat.session()->kept.get();
    if (kept == nullptr) return;
    kept->disconnected_us = table_.shard().wall_clock_us();
    kept->stale = true;
    list(seat);
}

void SessionSaver::ended(Session& session) {
    if (!session.kept || !session.kept->saved) return;
    store::SessionChange change;
    change.session.id = session.kept->id;
    change.ended = true;
    static_cast<void>(keeper()->save(std::move(change)));
    session.kept->saved = false;
}

void SessionSaver::forget(ClientSession& seat) {
    Session& session = *seat.session();
    if (session.kept && std::exchange(session.kept->listed, false)) std::erase(listed_, &seat);
}

void SessionSaver::subscribed(const ClientSession& seat, const Subscription& subscription, bool fresh) {
    KeptState* kept = seat.session()->kept.get();
    if (kept == nullptr) return;
    if (fresh && !parse_shared(subscription.filter))
        kept->since_us[subscription.filter] = table_.broker().store().settled_through();
    changes_[subscription.filter] = kept_of(seat, subscription);
}

void SessionSaver::unsubscribed(const ClientSession& seat, std::string_view filter) {
    KeptState* kept = seat.session()->kept.get();
    if (kept == nullptr) return;
    kept->since_us.erase(std::string(filter));
    changes_[std::string(filter)] = std::nullopt;
}

bool SessionSaver::keep(ClientSession& seat, Kept done) {
    auto changes = std::exchange(changes_, {});
    KeptState* kept = seat.session()->kept.get();
    if (kept == nullptr) return false;
    store::SessionChange change = change_of(seat);
    change.subscriptions.merge(changes);
    Shard& shard = table_.shard();
    if (keeper()->save(std::move(change), shard, done)) {
        kept->saved = true;
        kept->stale = false;
        return true;
    }
    // What has been written lacks what has changed now: so it is written anew, under another id.
    ended(*seat.session());
    kept->id = keeper()->new_id();
    kept->stale = true;
    list(seat);
    shard.post([done = std::move(done)] { done(Errc::overloaded); });
    return true;
}

void SessionSaver::touch(ClientSession& seat) {
    list(seat);
}

void SessionSaver::list(ClientSession& seat) {
    if (std::exchange(seat.session()->kept->listed, true)) return;
    listed_.push_back(&seat);
    if (!armed()) table_.shard().timers().arm_in(*this, table_.broker().config().limits.session_checkpoint);
}

/// What the lanes had handed over before they were asked is in the mailbox, ahead of this letter.
void SessionSaver::on_timer(TimePoint) {
    const std::int64_t horizon_us = table_.broker().store().settled_through();
    table_.shard().post([this, horizon_us] {
        horizon_us_ = horizon_us;
        check();
    });
}

void SessionSaver::check() {
    for (ClientSession* seat : std::exchange(listed_, {})) {
        seat->session()->kept->listed = false;
        if (!save(*seat)) list(*seat);
    }
}

void SessionSaver::save_all() {
    for (const auto& seat : table_.seats()) {
        if (seat->session() != nullptr && seat->session()->kept) list(*seat);
    }
    check();
}

bool SessionSaver::save(ClientSession& seat) {
    KeptState& kept = *seat.session()->kept;
    const std::int64_t caught_up_us = caught_up(seat);
    if (caught_up_us != kept.caught_up_us || kept.stale) {
        kept.caught_up_us = caught_up_us;
        std::erase_if(kept.since_us, [&](const auto& since) { return since.second <= caught_up_us; });
        kept.stale = !keeper()->save(change_of(seat));
        kept.saved |= !kept.stale;
    }
    // While the client is away nothing changes: what it was sent and what it has missed stays.
    const bool settled = seat.client() == nullptr || caught_up_us >= horizon_us_;
    return settled && !kept.stale && !seat.is_moving();
}

std::int64_t SessionSaver::caught_up(const ClientSession& seat) const {
    Session& session = *seat.session();
    const KeptState& kept = *session.kept;
    if (seat.is_moving() || kept.owed_unknown) return kept.caught_up_us;
    std::int64_t through = std::min(horizon_us_, oldest_outstanding_us(session) - 1);
    if (seat.replay() != nullptr)
        through = std::min(through, seat.replay()->oldest_us().value_or(horizon_us_ + 1) - 1);
    return std::max(kept.caught_up_us, through);
}

store::SessionChange SessionSaver::change_of(const ClientSession& seat) const {
    const Session& session = *seat.session();
    const KeptState& kept = *session.kept;
    store::SessionChange change;
    change.session.id = kept.id;
    change.session.client_id = session.client_id();
    change.session.owner = owner_of(seat.principal());
    change.session.expiry_s = session.expiry_s;
    change.session.disconnected_us = kept.disconnected_us;
    change.session.caught_up_us = kept.caught_up_us;
    change.session.packet_id = session.last_packet_id();
    if (kept.saved) return change;
    for (const auto& subscription : session.subscriptions())
        change.subscriptions[subscription->filter] = kept_of(seat, *subscription);
    return change;
}

store::KeptSubscription SessionSaver::kept_of(const ClientSession& seat,
                                              const Subscription& subscription) const {
    const auto& since_us = seat.session()->kept->since_us;
    const auto since = since_us.find(subscription.filter);
    return {
        subscription.filter,   subscription.identifier,          subscription.qos,
        subscription.no_local, subscription.retain_as_published, since == since_us.end() ? 0 : since->second};
}

}  // namespace millrace::mqtt
