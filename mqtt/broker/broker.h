// The broker of one shard: one way in for every door, and the way out to this shard's subscribers.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/access/authoriser.h"
#include "core/access/password_worker.h"
#include "core/hooks/call.h"
#include "core/hooks/question.h"
#include "core/message.h"
#include "core/net/protocol.h"
#include "core/shard.h"
#include "mqtt/broker/attendance.h"
#include "mqtt/broker/client_source.h"
#include "mqtt/broker/grace_periods.h"
#include "mqtt/broker/group_home.h"
#include "mqtt/broker/group_members.h"
#include "mqtt/broker/presence.h"
#include "mqtt/broker/retained.h"
#include "mqtt/broker/subscriber.h"
#include "mqtt/broker/subscription_index.h"
#include "store/store.h"

namespace millrace::mqtt {

class Broker;
class Hooks;

/// What the brokers of all shards share: set up once at start, before any shard runs.
struct BrokerContext {
    const config::Config* config = nullptr;
    store::Store* store = nullptr;
    access::PasswordWorker* passwords = nullptr;  ///< nullptr: no password can be checked
    std::vector<Broker*> brokers;                 ///< by shard index
    std::atomic<unsigned> distributing{0};        ///< lanes that are posting a run to shards
    std::atomic<std::size_t> own_topics{0};       ///< subscriptions to topics that only the server writes to
    /// As they were at start: what Connection::listener() counts in. A reload does not change them.
    std::span<const config::Listener> listeners = {};
};

/// One publish, with who wants it and who waits for the end of it.
struct PublishRequest {
    const access::Principal* principal = nullptr;
    MessagePtr message;
    ConnectionId waiter;  ///< generation 0: nobody
    std::uint64_t token = 0;
    hooks::Door door = hooks::Door::mqtt;
};

enum class PublishState : std::uint8_t {
    done,     ///< live channel: routed
    pending,  ///< stored, or a hook is asked: Protocol::on_published or on_denied follows, unless the waiter
              ///< is gone by then
};

/// Owns the subscriptions and retained messages of its shard. Lives as long as the shard's thread; every
/// member belongs to that thread.
class Broker final : public TurnEnd {
  public:
    /// `authoriser` outlives the broker, or what use() put in its place.
    Broker(Shard& shard, BrokerContext& context, const access::Authoriser& authoriser);
    ~Broker();

    Shard& shard() { return shard_; }
    /// Until the end of the turn: a reload puts another one in its place.
    const config::Config& config() const { return *config_; }
    const access::Authoriser& authoriser() const { return *authoriser_; }
    /// From now on these decide. What the old ones let in is for its owners to look at again.
    void use(access::AuthoriserPtr authoriser, config::ConfigPtr config) {
        authoriser_ = std::move(authoriser);
        config_ = std::move(config);
    }
    access::PasswordWorker* passwords() { return context_.passwords; }
    store::Store& store() { return *context_.store; }
    /// The broker of another shard, to post to: `other.shard().post(...)`.
    Broker& broker_of(unsigned shard) { return *context_.brokers[shard]; }
    /// The listener of a connection; nullptr when it came through none.
    const config::Listener* listener(std::uint16_t index) const {
        return index < context_.listeners.size() ? &context_.listeners[index] : nullptr;
    }
    unsigned shards() const { return static_cast<unsigned>(context_.brokers.size()); }
    /// Any thread: over all shards.
    std::uint64_t sum(Counter Counters::*counter) const;

    /// The only way in. The authoriser is asked, then the hook of the rule, if it has one; a stored channel's
    /// message goes to its lane, a live one's is routed. Errors: not_authorised, overloaded, invalid_channel;
    /// then nothing follows.
    Result<PublishState> publish(const PublishRequest& request);

    /// What the authoriser says of a message (publish_message or publish_event by its kind). One that may
    /// come in is narrowed to the audience that the rule has for what its writer writes.
    access::Decision judge(const access::Principal& principal, const Message& message,
                           const config::ChannelRule& rule) const;
    /// Behind publish(), once a message may come in.
    Result<PublishState> admit(const PublishRequest& request, const config::ChannelRule& rule);
    /// nullptr: no rule has named a hook yet.
    Hooks* hooks() { return hooks_.get(); }
    /// From now on rules with hooks are followed; `asker` outlives the shard's thread.
    void follow_hooks(hooks::Asker& asker);

    /// A message of the server itself, on a topic that only it writes to; live.
    void publish_own(std::string_view topic, ByteView payload, bool retain);
    /// Whether anybody, on any shard, has subscribed to such topics by name.
    bool own_topics_watched() const { return context_.own_topics.load(std::memory_order_relaxed) != 0; }

    /// True: `subscriber` did not have this filter before. The filter must be valid.
    bool subscribe(std::string_view filter, Subscriber& subscriber, const SubscriptionOptions& options);
    bool unsubscribe(std::string_view filter, Subscriber& subscriber);
    /// Shared subscriptions: the groups that belong to this shard, and this shard's members of any group.
    GroupHome& home() { return home_; }
    GroupMembers& members() { return members_; }
    GracePeriods& grace_periods() { return grace_periods_; }
    /// Whether a lane is posting a run. False: what any lane begins to post from now on sees every
    /// subscription that this thread knows of.
    bool lanes_distribute();
    const RetainedMap& retained() const { return retained_; }
    /// What the store still knows as retained; before the shard runs.
    void restore_retained(const MessagePtr& message) { retained_.update(message); }

    /// Delivers to this shard's subscribers; committed runs and other shards' live messages end here.
    void route(const MessagePtr& message);

    /// For administration: costs a look at every subscription.
    const SubscriptionIndex& subscriptions() const { return index_; }
    /// Any thread.
    std::size_t subscription_count() const { return subscriptions_.load(std::memory_order_relaxed); }
    /// How many clients of this shard a message on the channel would reach.
    std::size_t count_clients(std::string_view channel);
    /// Who lists the clients of one door; lives as long as the shard's connections.
    void add_clients(ClientSource& source) { clients_.push_back(&source); }
    const std::vector<ClientSource*>& clients() const { return clients_; }
    /// The rosters, once there are some.
    void set_presence(Presence& presence) {
        presence_ = &presence;
        attendance_.tell(presence);
    }
    Presence* presence() { return presence_; }
    Attendance& attendance() { return attendance_; }

    void on_turn_end() override;

  private:
    friend class Distributor;
    using CommittedRun = std::vector<store::Committed>;

    /// Any thread: whether a message without RETAIN can reach anybody here.
    bool interested() const;
    /// What a lane has committed: answers those of this shard who wait, then delivers.
    void finish_run(const CommittedRun& run);
    void route_live(const MessagePtr& message);

    Shard& shard_;
    BrokerContext& context_;
    access::AuthoriserPtr authoriser_;
    config::ConfigPtr config_;
    SubscriptionIndex index_;
    Attendance attendance_{index_};
    RetainedMap retained_;
    std::vector<ClientSource*> clients_;
    Presence* presence_ = nullptr;
    std::vector<std::vector<MessagePtr>>
        outgoing_;                               ///< live messages for other shards, sent at the turn's end
    std::atomic<std::size_t> subscriptions_{0};  ///< read by lanes and other shards
    GroupHome home_;
    GroupMembers members_;
    GracePeriods grace_periods_;
    std::unique_ptr<Hooks> hooks_;
};

/// Where lanes hand their commits: acknowledges to the shards that wait, then delivers to those with
/// subscribers. Called on lane threads; outlives the store.
class Distributor final : public store::CommitSink {
  public:
    explicit Distributor(BrokerContext& context) : context_(context) {}
    void committed(std::vector<store::Committed> run) override;

  private:
    using CommittedRun = std::vector<store::Committed>;

    BrokerContext& context_;
};

}  // namespace millrace::mqtt
