// What the store is told of a shard's sessions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/timer_wheel.h"
#include "mqtt/session/session.h"
#include "store/session_keeper.h"

namespace millrace::mqtt {

class ClientSession;
class SessionTable;

/// Keeps the sessions that outlive their connections in the store: who they belong to, what they are
/// subscribed to, and up to which time they have everything of the stored channels (docs/decisions/0015).
/// What a message changes is written every `limits.session_checkpoint`; only sessions that had one are looked
/// at. Does nothing without a SessionKeeper. One per shard; belongs to its SessionTable and thread.
class SessionSaver final : private Timer {
  public:
    using Kept = std::function<void(error_code)>;

    explicit SessionSaver(SessionTable& table) : table_(table) {}
    ~SessionSaver() override;

    /// A client is there, or is not any more. Its session is kept from now on, or no longer.
    void connected(ClientSession& seat);
    void disconnected(ClientSession& seat);
    /// The session is over.
    void ended(Session& session);
    /// The seat has no session any more, or has let it go to another shard.
    void forget(ClientSession& seat);

    /// `fresh`: the session did not have the filter before. keep() follows.
    void subscribed(const ClientSession& seat, const Subscription& subscription, bool fresh);
    void unsubscribed(const ClientSession& seat, std::string_view filter);
    /// False: the session is not kept. Otherwise `done` runs, in a later turn, when the store has what has
    /// changed.
    bool keep(ClientSession& seat, Kept done);

    /// A message of a stored channel is on its way to the client of a session that is kept, with QoS 1 or 2.
    void touch(ClientSession& seat);

    /// Before the process ends, when the lanes have.
    void settle(std::int64_t horizon_us) { horizon_us_ = horizon_us; }
    void save_all();

  private:
    void on_timer(TimePoint now) override;
    void check();
    void list(ClientSession& seat);
    /// False: it has to be looked at again.
    bool save(ClientSession& seat);
    bool push(ClientSession& seat, store::SessionChange change);
    store::SessionChange change_of(const ClientSession& seat) const;
    store::KeptSubscription kept_of(const ClientSession& seat, const Subscription& subscription) const;
    std::int64_t caught_up(const ClientSession& seat) const;
    store::SessionKeeper* keeper() const;

    SessionTable& table_;
    /// Everything committed up to then has been routed on this shard.
    std::int64_t horizon_us_ = 0;
    std::vector<ClientSession*> listed_;
    std::map<std::string, std::optional<store::KeptSubscription>> changes_;  ///< until keep()
};

}  // namespace millrace::mqtt
