#include "bridge/people.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace millrace::bridge {

/// One socket, or one device.
struct People::Presence {
    access::PrincipalPtr principal;
    std::int64_t since_us = 0;
};

struct People::Crowd {
    std::map<SocketId, Show> watching;            ///< with what it waits for; nothing: it was answered
    std::map<std::uint32_t, std::size_t> shards;  ///< how many of them each has; only those that have some
    bool known = false;                           ///< what follows is filled
    std::map<SocketId, Presence> sockets;
    std::map<std::string, Presence, std::less<>> devices;
    std::map<v2::Identity, std::size_t> people;  ///< how many sockets and devices each has

    void fill(const Rosters& rosters, std::string_view channel, std::int64_t now_us) {
        for (const Member& member : rosters.members(channel))
            add(sockets, member.socket, {member.principal, member.since_us});
        for (const mqtt::MqttMember& client : rosters.clients(channel))
            add(devices, client.client_id, {client.principal, now_us});
        known = true;
    }
    /// True: nobody was here before as this identity.
    template <class Map>
    bool add(Map& map, const typename Map::key_type& key, const Presence& one) {
        if (!map.try_emplace(key, one).second) return false;
        return ++people[v2::identity_of(*one.principal)] == 1;
    }
    /// True: nobody is left.
    bool subtract(const access::Principal& principal) {
        const auto at = people.find(v2::identity_of(principal));
        if (--at->second != 0) return false;
        people.erase(at);
        return true;
    }
};

People::People(Output& output) : output_(output) {}
People::~People() = default;

People::Crowd* People::known(std::string_view channel) const {
    const auto found = crowds_.find(std::string(channel));
    return found == crowds_.end() || !found->second->known ? nullptr : found->second.get();
}

void People::watch(std::string_view channel, const SocketId& socket, Show show) {
    std::unique_ptr<Crowd>& crowd = crowds_[std::string(channel)];
    if (!crowd) crowd = std::make_unique<Crowd>();
    const auto [at, added] = crowd->watching.insert_or_assign(socket, show);
    if (added) ++crowd->shards[socket.shard];
}

bool People::answer(const Rosters& rosters, std::string_view channel, const SocketId& to,
                    std::int64_t now_us) {
    const auto found = crowds_.find(std::string(channel));
    if (found == crowds_.end()) return false;
    Crowd& crowd = *found->second;
    const auto at = crowd.watching.find(to);
    if (at == crowd.watching.end()) return false;
    if (!crowd.known) crowd.fill(rosters, channel, now_us);
    const Show show = std::exchange(at->second, Show::nothing);
    if (show != Show::nothing) send(channel, crowd, to, show);
    return true;
}

void People::entered(std::string_view channel, const Member& member) {
    Crowd* crowd = known(channel);
    if (crowd == nullptr) return;
    const Presence one{member.principal, member.since_us};
    if (crowd->add(crowd->sockets, member.socket, one)) announce(channel, *crowd, one, true);
}

void People::left(std::string_view channel, const SocketId& socket) {
    const auto found = crowds_.find(std::string(channel));
    if (found == crowds_.end()) return;
    Crowd& crowd = *found->second;
    if (crowd.watching.erase(socket) != 0 && --crowd.shards[socket.shard] == 0)
        crowd.shards.erase(socket.shard);
    if (auto left = crowd.sockets.extract(socket); left && crowd.subtract(*left.mapped().principal))
        announce(channel, crowd, left.mapped(), false);
    if (crowd.watching.empty()) crowds_.erase(found);
}

void People::mqtt_entered(std::string_view channel, const mqtt::MqttMember& client, std::int64_t now_us) {
    Crowd* crowd = known(channel);
    if (crowd == nullptr) return;
    const Presence one{client.principal, now_us};
    if (crowd->add(crowd->devices, client.client_id, one)) announce(channel, *crowd, one, true);
}

void People::mqtt_left(std::string_view channel, const std::string& client_id) {
    Crowd* crowd = known(channel);
    if (crowd == nullptr) return;
    if (auto left = crowd->devices.extract(client_id); left && crowd->subtract(*left.mapped().principal))
        announce(channel, *crowd, left.mapped(), false);
}

void People::announce(std::string_view channel, const Crowd& crowd, const Presence& one, bool joined) {
    ByteBuffer object;
    v2::append_member(object, *one.principal, one.since_us);
    ByteBuffer text;
    v2::append_presence_change(text, channel, joined, object.view());
    const SharedFrame frame = share_text_frame(text.view());
    for (const auto& [shard, watching] : crowd.shards) output_.people_update(shard, channel, frame);
}

void People::send(std::string_view channel, const Crowd& crowd, const SocketId& to, Show show) {
    std::vector<const Presence*> present;
    for (const auto& [id, socket] : crowd.sockets) {
        if (show == Show::everybody || id != to) present.push_back(&socket);
    }
    for (const auto& [id, device] : crowd.devices) present.push_back(&device);
    std::ranges::stable_sort(present, {}, &Presence::since_us);
    std::set<v2::Identity> listed;
    ByteBuffer members;
    for (const Presence* one : present) {
        if (!listed.insert(v2::identity_of(*one->principal)).second) continue;
        if (!members.empty()) members.append(",");
        v2::append_member(members, *one->principal, one->since_us);
    }
    ByteBuffer text;
    v2::append_presence_full(text, channel, members.view());
    output_.people(to, channel, share_text_frame(text.view()));
}

}  // namespace millrace::bridge
