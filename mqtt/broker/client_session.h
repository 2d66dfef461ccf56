// A session on a shard: where messages for a client arrive, connected or not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/access/principal.h"
#include "core/message.h"
#include "core/timer_wheel.h"
#include "mqtt/broker/replay.h"
#include "mqtt/broker/subscriber.h"
#include "mqtt/session/host.h"
#include "mqtt/session/machine.h"
#include "mqtt/session/session.h"

namespace millrace::store {
struct Owed;
struct RestoredSession;
}  // namespace millrace::store

namespace millrace::mqtt {

class Client;
class SessionTable;

/// What became of a message that a Replay has read.
enum class Sent : std::uint8_t { yes, not_meant, no_room };

/// What a CONNECT asks for, once its sender is known.
struct ConnectRequest {
    std::string client_id;
    bool assigned = false;  ///< the server chose the client id
    bool clean_start = false;
    std::uint32_t will_delay_s = 0;
    access::PrincipalPtr principal;
    MessagePtr will;
};

/// The seat of a session on one shard. When the client connects to another shard, the Session moves there and
/// this one stays for a moment as a stub that forwards what still arrives (docs/decisions/0007). Owned by its
/// shard's SessionTable; belongs to that shard's thread; other shards hold pointers only to send letters to
/// it.
///
///       successor                      predecessor
///       |------- take_over ------------->|   its client is sent away; what arrives is held for a grace
///       period
///       |<------ arrived (Session) ------|   the client is answered; what arrives directly is held
///       |<------ forward * --------------|   what was held over there, and what still arrives there
///       |------- subscribed ------------>|   forwarding goes on for a grace period
///       |<------ caught_up --------------|   what is held and was not forwarded is delivered; for a grace
///                                            period nothing that was forwarded is taken again
class ClientSession final : public Subscriber, private Timer {
  public:
    ClientSession(SessionTable& table, std::size_t index);
    ~ClientSession() override;

    /// The first connection, and who has to hand the session over, if anybody.
    void start(Client& client, ConnectRequest request, ClientSession* predecessor);
    /// A later connection on this shard.
    void attach(Client& client, ConnectRequest request);
    /// The client is answered and served, at once or when it is known what its session has missed.
    void begin(Client& client, ConnectRequest request, bool present);
    /// The connection is over; a will that is still there is published, at once or after its delay
    /// [MQTT-3.1.2-8].
    void detach();

    /// Puts a subscription of the session into the shard's index, or joins its group.
    /// True: it was not there before.
    bool announce(const Subscription& subscription, bool connected = true);
    /// The client has unsubscribed.
    void withdraw(std::string_view filter);
    /// Gives up subscriptions and messages that are not allowed any more, and tells a client that loses by
    /// it.
    void review();
    /// A session that the last process left: as if its client had gone. Before the shard runs.
    void restore(const store::RestoredSession& restored);
    /// What such a session has missed before.
    void recalled(const std::vector<store::Owed>& owed);

    void deliver(const MessagePtr& message, const Match& match) override;
    /// Everything behind it is to be read from the log, now or when the client is there again. False: it
    /// is behind on `limits.session_positions` channels already.
    [[nodiscard]] bool fall_behind(std::string_view channel, const Position& position);
    /// History, before the session is subscribed to `filter`.
    ReplayAnswer ask_for_history(std::string_view filter, const ReplayRequest& request);
    /// Whether the session may have history of the channel, and follows it by no subscription but `filter`.
    bool may_replay(std::string_view channel, std::string_view filter) const;
    /// nullptr: it is behind on no channel.
    Replay* replay() { return replay_.get(); }
    /// For its Replay: those that are not shared, with filters that match.
    std::vector<const Subscription*> subscriptions_to(std::string_view channel) const;
    /// For its Replay: to the connected client, as these subscriptions want it. `retained`: not as a part of
    /// history, but because it is the retained message [MQTT-3.3.1-8].
    Sent send_from_log(const MessagePtr& message, std::span<const Subscription* const> subscriptions,
                       std::uint64_t reset_to, bool retained = false);

    /// This session was chosen among those that share a subscription.
    void deliver_shared(const MessagePtr& message, const Match& match, const Share& share);
    const void* origin() const override;
    std::optional<MqttMember> mqtt_member() const override;

    const access::Principal& principal() const { return *principal_; }
    const access::PrincipalPtr& principal_pointer() const { return principal_; }
    SessionTable& table() { return table_; }
    /// nullptr: not connected.
    Client* client() const { return client_; }
    /// nullptr: it is on another shard, or over.
    Session* session() const { return session_.get(); }
    /// Whether it is on its way between two shards.
    bool is_moving() const { return state_ != State::active || hand_over_ != nullptr; }
    const Replay* replay() const { return replay_.get(); }
    std::size_t index() const { return index_; }
    void set_index(std::size_t index) { index_ = static_cast<std::uint32_t>(index); }

  private:
    enum class State : std::uint8_t {
        awaiting,     ///< the predecessor has the session
        catching_up,  ///< the session is here; what the predecessor still gets is on its way
        active,
        leaving,  ///< the session is here; what arrives is held, to be forwarded
        stub,     ///< the successor has the session; forwards
        gone,     ///< nothing but letters is waited for
    };
    /// A message with what its Match said.
    struct Arrival {
        Arrival(MessagePtr what, const Match& how);
        MessagePtr message;
        std::vector<std::uint32_t> identifiers;
        Match match;
        Match view() const;
    };
    /// What only a session between two shards needs.
    struct HandOver {
        ConnectRequest request;                ///< while awaiting
        ClientSession* predecessor = nullptr;  ///< until it has said `caught_up`
        ClientSession* successor = nullptr;
        bool successor_wants_session = false;
        bool ignores_forwards = false;     ///< the session that they were for has ended here
        const void* origin = nullptr;      ///< of the stub
        std::vector<std::string> filters;  ///< of the stub
        std::vector<Arrival> held;
        std::unordered_set<MessagePtr> seen;  ///< forwarded to us, and may come directly too
        unsigned graces = 0;                  ///< that have not ended
    };

    /// The will's delay has passed, or the session's expiry interval has, which is never later than the will.
    void on_timer(TimePoint now) override;
    void arm(std::uint32_t seconds);
    HandOver& hand_over();
    void emit(const MessagePtr& message, const Match& match, const Share* share = nullptr);
    void count_drop(Machine::DropReason reason);
    Machine::DropReason offer(const MessagePtr& message, const Terms& terms);
    bool leave_to_log(const Message& message, std::uint64_t reset_to = 0);
    void leave_queue_to_log();
    Replay& make_replay();
    bool follows(std::string_view channel, std::string_view except) const;
    void deliver_moving(const MessagePtr& message, const Match& match);

    bool may_read(const Message& message) const;
    void forget_unreadable();
    bool drop_subscriptions();
    void replace_session(std::string client_id);
    void discard_session();
    void unsubscribe(std::string_view filter);
    void tell_groups(bool connected);
    void enter_rosters();
    void leave_rosters(Leaving leaving = Leaving::gone);
    void leave_to_groups();
    void send_client_away();
    void publish_will();
    void replace_connection(bool session_goes_on);
    void end();
    void destroy_if_done();

    // Letters from other shards' seats.
    void take_over(ClientSession& successor, bool wants_session);
    void arrived(std::unique_ptr<Session> session, std::unique_ptr<Replay> replay);
    void arrived_without_session();
    void subscribed();
    void caught_up();
    void forward(const Arrival& arrival);

    void post(ClientSession& to, void (ClientSession::*letter)());
    void forward_to_successor(Arrival arrival);
    /// Goes on with `step` when a grace period has passed.
    void wait(void (ClientSession::*step)());
    void let_go();
    void send_session();
    void stop();
    void settled();
    void unsubscribe_stub();
    void leave_groups();

    SessionTable& table_;
    std::unique_ptr<Session> session_;
    Client* client_ = nullptr;
    access::PrincipalPtr principal_;
    std::unique_ptr<HandOver> hand_over_;
    std::unique_ptr<Replay> replay_;
    std::uint32_t index_;
    State state_ = State::active;
    bool owner_ = true;  ///< as the directory says; false: replaced, or removed from it
};

}  // namespace millrace::mqtt
