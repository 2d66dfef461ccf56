// What a server remembers of a client between its connections.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/counters.h"
#include "core/message.h"
#include "mqtt/session/context.h"
#include "mqtt/session/outbound.h"

namespace millrace::mqtt {

/// What counts a message that is not kept or sent; nullptr: it is.
using DropReason = Counter Counters::*;

/// One subscription of a session.
struct Subscription {
    std::string filter;
    std::uint32_t identifier = 0;  ///< 0: none
    std::uint8_t qos = 0;
    bool no_local = false;
    bool retain_as_published = false;
};

/// A QoS 2 message from the client between PUBLISH and PUBREL, so that it is published once [MQTT-4.3.3-10].
struct ReceivedPublish {
    enum class State : std::uint8_t {
        pending,    ///< given to the store, the answer is awaited
        uncertain,  ///< the connection broke before the answer came
        accepted,   ///< PUBREC is, or may be, sent
    };
    std::uint16_t packet_id = 0;
    State state = State::pending;
    std::uint32_t sequence = 0;  ///< names this message among all of the session
};

/// What a session has that the store keeps, beside its subscriptions.
struct KeptState {
    std::int64_t id = 0;               ///< of the store's row
    std::int64_t caught_up_us = 0;     ///< as in store::KeptSession
    std::int64_t disconnected_us = 0;  ///< 0: connected
    /// When subscriptions were made, by filter, where that is later than caught_up_us.
    std::map<std::string, std::int64_t> since_us;
    bool saved = false;         ///< the store has it, or will
    bool stale = true;          ///< the store has something else
    bool listed = false;        ///< SessionSaver looks at it next time
    bool owed_unknown = false;  ///< it was restored, and what it has missed before that is not looked up yet
};

/// The state of MQTT 5.0, 4.1. Belongs to one shard at a time and moves to another by message; its address
/// stays the same. What an idle client does not need is not there.
class Session {
  public:
    /// `created_us` tells sessions apart that follow each other under one client id.
    Session(std::string client_id, std::int64_t created_us)
        : client_id_(std::move(client_id)), created_us_(created_us) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    const std::string& client_id() const { return client_id_; }
    std::int64_t created_us() const { return created_us_; }

    std::uint32_t expiry_s = 0;       ///< after the connection has ended; kNeverExpires
    std::uint32_t will_delay_s = 0;   ///< between the end of the connection and the will (3.1.3.2.2)
    std::unique_ptr<KeptState> kept;  ///< nullptr: it ends with its connection, or with the process
    MessagePtr will;                  ///< to be published when the connection ends without a goodbye
    static constexpr std::uint32_t kNeverExpires = 0xFFFFFFFF;

    using Subscriptions = std::vector<std::unique_ptr<Subscription>>;
    const Subscriptions& subscriptions() const { return subscriptions_; }
    const Subscription* find_subscription(std::string_view filter) const;
    /// True: the filter was not there before [MQTT-3.8.4-3].
    bool subscribe(Subscription subscription);
    bool unsubscribe(std::string_view filter);
    /// Those of them that are `$share/<group>/<filter>`.
    std::span<const std::unique_ptr<Subscription>> shared_subscriptions() const;

    Outbound& outbound();
    Outbound* find_outbound() { return outbound_.get(); }
    std::uint16_t last_packet_id() const { return outbound_ ? outbound_->window.last_id() : 0; }
    /// Keeps a message until it can be sent, unless it would be over the limits.
    [[nodiscard]] DropReason queue(QueuedMessage item, SessionContext& context);
    QueuedMessage unqueue(Counters& counters);
    /// Which messages are not for the client any more.
    using Unwanted = std::function<bool(const Message&)>;
    void forget_queued(const std::function<bool(const QueuedMessage&)>& unwanted, Counters& counters);
    /// Between two connections only.
    void forget_unacknowledged(const Unwanted& unwanted);
    /// Before the session is thrown away.
    void forget_queue(Counters& counters);
    /// Messages that one of a group's members was to have and has not: to be given to another (4.8.2).
    struct GroupMessage {
        SharePtr share;
        MessagePtr message;
    };
    /// Takes what waits in the queue for shared subscriptions; of `filter` only, unless that is empty.
    std::vector<GroupMessage> take_queued_for_groups(std::string_view filter, Counters& counters);
    /// What is in flight with QoS 1; QoS 2 goes to nobody else [MQTT-4.8.2-5].
    std::vector<GroupMessage> in_flight_for_groups();

    ReceivedPublish* find_received(std::uint16_t packet_id);
    ReceivedPublish& add_received(std::uint16_t packet_id);
    /// False: the packet id was not in use.
    bool remove_received(std::uint16_t packet_id);
    std::size_t received_count() const { return inbound_ ? inbound_->received.size() : 0; }
    /// The connection ended: answers that were awaited will not be heard.
    void lose_pending();

  private:
    struct Inbound {
        std::vector<ReceivedPublish> received;  ///< by packet id
        std::uint32_t next_sequence = 0;
    };
    Subscriptions::const_iterator lower_bound(std::string_view filter) const;

    std::string client_id_;
    std::int64_t created_us_;
    Subscriptions subscriptions_;  ///< by filter
    std::unique_ptr<Outbound> outbound_;
    std::unique_ptr<Inbound> inbound_;
};

}  // namespace millrace::mqtt
