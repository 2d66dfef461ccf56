#include "mqtt/broker/group_home.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/access/authoriser.h"
#include "mqtt/broker/broker.h"
#include "mqtt/codec/topic.h"

namespace millrace::mqtt {

unsigned home_of(std::string_view name, unsigned shards) {
    return static_cast<unsigned>(std::hash<std::string_view>{}(name) % shards);
}

/// The members take turns. Those that are connected stand first in the list and are asked first.
class GroupHome::Group final : public Subscriber {
  public:
    struct Member {
        MemberId id;
        MemberState state;
    };

    Group(GroupHome& home, std::string_view name, std::uint64_t number)
        : home_(home), name_(name), number_(number) {}

    std::string_view filter() const { return parse_shared(name_)->filter; }
    const std::string& name() const { return name_; }
    std::uint64_t number() const { return number_; }
    bool empty() const { return members_.empty(); }

    void deliver(const MessagePtr& message, const Match&) override { home_.hand_out(*this, message); }

    void set(MemberId id, MemberState state) {
        auto at = find(id);
        if (at == members_.end()) at = members_.insert(members_.end(), {id, {}});
        const bool connected = state.connected;
        const bool was_connected = std::exchange(at->state, std::move(state)).connected;
        if (connected != was_connected) move(*at, connected);
    }

    void remove(MemberId id) {
        const auto at = find(id);
        if (at == members_.end()) return;
        if (at->state.connected) move(*at, false);
        members_.erase(find(id));
    }

    /// nullptr: nobody can have it.
    const Member* choose(const Message& message) {
        const Member* member = next(0, connected_, last_connected_, message, 0);
        if (member != nullptr || message.qos() == 0) return member;
        return next(connected_, members_.size() - connected_, last_away_, message, 1);
    }

  private:
    std::vector<Member>::iterator find(MemberId id) {
        return std::find_if(members_.begin(), members_.end(),
                            [&](const Member& member) { return member.id == id; });
    }

    void move(Member& member, bool connected) {
        std::swap(member, members_[connected ? connected_++ : --connected_]);
    }

    const Member* next(std::size_t first, std::size_t count, std::size_t& last, const Message& message,
                       std::uint8_t qos) const {
        for (std::size_t tries = 0; tries < count; ++tries) {
            last = (last + 1) % count;
            const Member& member = members_[first + last];
            if (member.state.qos < qos) continue;
            const bool known = member.state.principal != nullptr;
            if (known && home_.broker_.authoriser().may_receive(*member.state.principal, message))
                return &member;
        }
        return nullptr;
    }

    GroupHome& home_;
    const std::string name_;
    const std::uint64_t number_;
    std::vector<Member> members_;
    std::size_t connected_ = 0;
    std::size_t last_connected_ = 0;
    std::size_t last_away_ = 0;
};

GroupHome::GroupHome(Broker& broker) : broker_(broker), outgoing_(broker.shards()) {}
GroupHome::~GroupHome() = default;

void GroupHome::add(std::string_view name, MemberId id, MemberState state) {
    std::unique_ptr<Group>& group = groups_[std::string(name)];
    if (!group) {
        group = std::make_unique<Group>(*this, name, ++last_number_);
        by_number_[group->number()] = group.get();
        broker_.subscribe(group->filter(), *group, {kQosOfSubscription, false, true, 0});
    }
    group->set(id, std::move(state));
    expected_.fetch_sub(1, std::memory_order_acq_rel);
}

void GroupHome::update(std::string_view name, MemberId id, MemberState state) {
    const auto at = groups_.find(std::string(name));
    if (at != groups_.end()) at->second->set(id, std::move(state));
}

void GroupHome::remove(std::string_view name, MemberId id) {
    const auto at = groups_.find(std::string(name));
    if (at == groups_.end()) return;
    Group& group = *at->second;
    group.remove(id);
    if (!group.empty()) return;
    broker_.unsubscribe(group.filter(), group);
    by_number_.erase(group.number());
    groups_.erase(at);
}

void GroupHome::give(std::string_view name, const MessagePtr& message) {
    const auto at = groups_.find(std::string(name));
    if (at != groups_.end()) return hand_out(*at->second, message);
    broker_.shard().counters().dropped_no_member.add();
}

void GroupHome::give_again(const Assignment& assignment) {
    const auto at = by_number_.find(assignment.group);
    if (at != by_number_.end()) return hand_out(*at->second, assignment.message);
    broker_.shard().counters().dropped_no_member.add();
}

void GroupHome::hand_out(Group& group, const MessagePtr& message) {
    const Group::Member* member = group.choose(*message);
    if (member == nullptr) return broker_.shard().counters().dropped_no_member.add();
    Assignment assignment{member->id.number, group.number(), message, member->state.connected};
    if (member->id.shard != broker_.shard().index()) {
        outgoing_[member->id.shard].push_back(std::move(assignment));
    } else if (!broker_.members().take(assignment)) {
        broker_.shard().counters().dropped_no_member.add();
    }
}

void GroupHome::send() {
    const unsigned home = broker_.shard().index();
    for (unsigned other = 0; other < outgoing_.size(); ++other) {
        if (outgoing_[other].empty()) continue;
        Broker& broker = broker_.broker_of(other);
        const std::size_t messages = outgoing_[other].size();
        auto take = [&broker, home, batch = std::exchange(outgoing_[other], {})]() mutable {
            broker.members().take_all(home, std::move(batch));
        };
        broker_.shard().tell(broker.shard(), messages, std::move(take));
    }
}

}  // namespace millrace::mqtt
