// Which MQTT clients are members of a channel.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/broker/presence.h"
#include "mqtt/broker/subscription_index.h"

namespace millrace::mqtt {

/// The MQTT members of channels, on one shard. They are kept nowhere: the subscriptions say who they are when
/// somebody asks, and changes are told only of channels that are watched. So a client costs nothing where
/// nobody looks. Belongs to the shard's Broker and thread.
class Attendance {
  public:
    explicit Attendance(const SubscriptionIndex& index) : index_(index) {}

    /// Who hears of changes; until then nobody does.
    void tell(Presence& presence) { presence_ = &presence; }

    std::vector<MqttMember> list(std::string_view channel) const;
    /// The members now; what changes from now on is told.
    std::vector<MqttMember> watch(std::string_view channel);
    void unwatch(std::string_view channel);

    /// Whether there is any use in the calls below.
    bool watching() const { return !watched_.empty(); }
    /// A connected client has subscribed, or one that has subscribed has connected.
    void entered(std::string_view filter, const Subscriber& client);
    void left(std::string_view filter, std::string_view client_id, Leaving leaving = Leaving::gone);

  private:
    const SubscriptionIndex& index_;
    Presence* presence_ = nullptr;
    boost::unordered_flat_set<std::string, TextHash, std::equal_to<>> watched_;
};

}  // namespace millrace::mqtt
