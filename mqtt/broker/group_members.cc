#include "mqtt/broker/group_members.h"

#include "mqtt/broker/broker.h"
#include "mqtt/broker/client_session.h"

namespace millrace::mqtt {
namespace {

/// At once if the home is this shard, else by letter; both ways nothing overtakes anything.
template <class Function>
void at_home(Broker& here, unsigned home, Function task) {
    if (home == here.shard().index()) return task(here.home());
    Broker& there = here.broker_of(home);
    there.shard().post([&there, task = std::move(task)] { task(there.home()); });
}

}  // namespace

unsigned GroupMembers::home_of_place(const Place& place) const {
    return home_of(place.share->filter, broker_.shards());
}

GroupMembers::Place* GroupMembers::find(ClientSession& seat, std::string_view name, MemberId& id) {
    const auto number = numbers_.find({&seat, std::string(name)});
    if (number == numbers_.end()) return nullptr;
    id = {broker_.shard().index(), number->second};
    return &places_.find(number->second)->second;
}

void GroupMembers::tell_home(const Place& place, MemberId id) {
    const MemberState state{place.options.qos, place.connected, place.seat->principal_pointer()};
    at_home(broker_, home_of_place(place),
            [share = place.share, id, state](GroupHome& home) { home.update(share->filter, id, state); });
}

void GroupMembers::join(ClientSession& seat, const Subscription& subscription, bool connected) {
    const SubscriptionOptions options{subscription.qos, false, subscription.retain_as_published,
                                      subscription.identifier};
    MemberId id;
    if (Place* known = find(seat, subscription.filter, id)) {
        known->options = options;
        return tell_home(*known, id);
    }
    id = {broker_.shard().index(), ++last_number_};
    numbers_[{&seat, subscription.filter}] = id.number;
    Place& place = places_[id.number];
    place.seat = &seat;
    place.share = SharePtr(new Share(subscription.filter));
    place.options = options;
    place.connected = connected;
    const unsigned home = home_of_place(place);
    const MemberState state{options.qos, connected, seat.principal_pointer()};
    broker_.broker_of(home).home().expect();
    at_home(broker_, home,
            [share = place.share, id, state](GroupHome& there) { there.add(share->filter, id, state); });
}

void GroupMembers::leave(ClientSession& seat, std::string_view name) {
    MemberId id;
    Place* place = find(seat, name, id);
    if (place == nullptr) return;
    const unsigned home = home_of_place(*place);
    at_home(broker_, home, [share = place->share, id](GroupHome& there) { there.remove(share->filter, id); });
    return_to(home, std::move(place->kept));
    numbers_.erase({&seat, std::string(name)});
    places_.erase(id.number);
}

void GroupMembers::set_connected(ClientSession& seat, std::string_view name, bool connected) {
    MemberId id;
    Place* place = find(seat, name, id);
    if (place == nullptr) return;
    place->connected = connected;
    tell_home(*place, id);
}

void GroupMembers::hold(ClientSession& seat, std::string_view name) {
    MemberId id;
    if (Place* place = find(seat, name, id)) place->held = true;
    set_connected(seat, name, false);
}

void GroupMembers::give_back(std::vector<Session::GroupMessage> messages) {
    std::map<unsigned, std::vector<Session::GroupMessage>> by_home;
    for (Session::GroupMessage& message : messages) {
        by_home[home_of(message.share->filter, broker_.shards())].push_back(std::move(message));
    }
    for (auto& [home, batch] : by_home) {
        Broker& there = broker_.broker_of(home);
        // By letter to ourselves too: this may be after the end of the turn, and the letter begins another.
        there.shard().post([&there, batch = std::move(batch)] {
            for (const auto& [share, message] : batch) there.home().give(share->filter, message);
        });
    }
}

bool GroupMembers::take(Assignment& assignment) {
    const auto at = places_.find(assignment.member);
    if (at == places_.end()) return false;
    Place& place = at->second;
    if (place.held) {
        place.kept.push_back(std::move(assignment));
        return true;
    }
    // The home has heard of it by the time this is back there, and asks somebody who is connected.
    if (assignment.connected && !place.connected) return false;
    const std::uint32_t identifier = place.options.identifier;
    const Match match{place.options.qos,
                      place.options.retain_as_published,
                      false,
                      {&identifier, identifier == 0 ? 0U : 1U}};
    place.seat->deliver_shared(assignment.message, match, *place.share);
    return true;
}

void GroupMembers::take_all(unsigned home, std::vector<Assignment> batch) {
    std::vector<Assignment> refused;
    for (Assignment& assignment : batch) {
        if (!take(assignment)) refused.push_back(std::move(assignment));
    }
    return_to(home, std::move(refused));
}

void GroupMembers::return_to(unsigned home, std::vector<Assignment> batch) {
    if (batch.empty()) return;
    Broker& there = broker_.broker_of(home);
    there.shard().post([&there, batch = std::move(batch)] {
        for (const Assignment& assignment : batch) there.home().give_again(assignment);
    });
}

}  // namespace millrace::mqtt
