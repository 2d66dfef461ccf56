// Shared subscriptions, the half that chooses: which member of a group is given a message (MQTT 5.0, 4.8.2).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/access/principal.h"
#include "core/message.h"

namespace millrace::mqtt {

class Broker;

/// One session's place in one group, named across threads: `number` is given by the session's shard.
struct MemberId {
    unsigned shard = 0;
    std::uint64_t number = 0;
    bool operator==(const MemberId&) const = default;
};

/// What the home of a group knows of a member.
struct MemberState {
    std::uint8_t qos = 0;
    bool connected = false;
    access::PrincipalPtr principal;
};

/// A message on its way from a group to the member it was given to.
struct Assignment {
    std::uint64_t member = 0;
    std::uint64_t group = 0;
    MessagePtr message;
    bool connected = false;  ///< the member was thought to be
};

/// The groups whose home is this shard. Every group has one home, by a hash of its name: it alone has the
/// group's filter in its index, so it sees each message once, and in order (docs/decisions/0012). Belongs to
/// the shard's Broker and thread.
class GroupHome {
  public:
    explicit GroupHome(Broker& broker);
    ~GroupHome();

    /// Any thread, before add() is on its way: from now on messages have to come here.
    void expect() { expected_.fetch_add(1, std::memory_order_acq_rel); }
    bool expects() const { return expected_.load(std::memory_order_acquire) != 0; }

    /// `name` is `$share/<group>/<filter>`.
    void add(std::string_view name, MemberId id, MemberState state);
    void update(std::string_view name, MemberId id, MemberState state);
    void remove(std::string_view name, MemberId id);
    /// Somebody had this message and did not deliver it: another member's turn.
    void give(std::string_view name, const MessagePtr& message);
    /// As give(), for what came too late to a member that had left.
    void give_again(const Assignment& assignment);

    /// The end of the turn: what other shards' members are to have leaves.
    void send();

  private:
    class Group;
    void hand_out(Group& group, const MessagePtr& message);

    Broker& broker_;
    std::unordered_map<std::string, std::unique_ptr<Group>> groups_;
    std::unordered_map<std::uint64_t, Group*> by_number_;
    std::uint64_t last_number_ = 0;
    std::vector<std::vector<Assignment>> outgoing_;  ///< by shard
    std::atomic<std::uint64_t> expected_{0};
};

/// The shard that a group belongs to.
unsigned home_of(std::string_view name, unsigned shards);

}  // namespace millrace::mqtt
