// Shared subscriptions, the half that delivers: the members of groups that live on this shard.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mqtt/broker/group_home.h"
#include "mqtt/broker/subscriber.h"
#include "mqtt/session/session.h"

namespace millrace::mqtt {

class ClientSession;

/// The sessions of this shard as members of groups, whose homes are on any shard. Tells the homes who comes,
/// goes and is connected, and hands to the sessions what they are given; what comes for one that is gone goes
/// back. Belongs to the shard's Broker and thread.
class GroupMembers {
  public:
    explicit GroupMembers(Broker& broker) : broker_(broker) {}

    /// Again: changes the options.
    void join(ClientSession& seat, const Subscription& subscription, bool connected);
    void leave(ClientSession& seat, std::string_view name);
    void set_connected(ClientSession& seat, std::string_view name, bool connected);
    /// The session is on its way to another shard and will join there. What comes meanwhile is kept, and goes
    /// back when this place leaves.
    void hold(ClientSession& seat, std::string_view name);
    /// To other members of the same groups.
    void give_back(std::vector<Session::GroupMessage> messages);

    /// False: not for the member as it is now.
    bool take(Assignment& assignment);
    void take_all(unsigned home, std::vector<Assignment> batch);

  private:
    struct Place {
        ClientSession* seat = nullptr;
        SharePtr share;
        SubscriptionOptions options;
        bool connected = false;
        bool held = false;
        std::vector<Assignment> kept;
    };
    using Key = std::pair<const ClientSession*, std::string>;

    /// nullptr: not a member.
    Place* find(ClientSession& seat, std::string_view name, MemberId& id);
    void tell_home(const Place& place, MemberId id);
    unsigned home_of_place(const Place& place) const;
    void return_to(unsigned home, std::vector<Assignment> batch);

    Broker& broker_;
    std::unordered_map<std::uint64_t, Place> places_;
    std::map<Key, std::uint64_t> numbers_;
    std::uint64_t last_number_ = 0;
};

}  // namespace millrace::mqtt
