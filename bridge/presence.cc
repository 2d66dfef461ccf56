#include "bridge/presence.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

namespace millrace::bridge {
namespace {

/// A page that members are added to.
class PageWriter {
  public:
    PageWriter(std::size_t limit, std::size_t total) : limit_(limit) {
        page_.total = total;
        json_.append("[");
    }
    /// Where to write the next member, which `after` calls `cursor`; nullptr: the page is full.
    ByteBuffer* add(std::string cursor) {
        if (count_ == limit_) {
            page_.next = last_;
            return nullptr;
        }
        if (count_++ != 0) json_.append(",");
        last_ = std::move(cursor);
        return &json_;
    }
    mqtt::RosterPage finish() {
        json_.append("]");
        page_.members = json_.text();
        return std::move(page_);
    }

  private:
    const std::size_t limit_;
    std::size_t count_ = 0;
    std::string last_;
    ByteBuffer json_;
    mqtt::RosterPage page_;
};

}  // namespace

/// What is known while somebody watches.
struct Rosters::Watching {
    struct Client {
        access::PrincipalPtr principal;
        TimePoint moves_until{};  ///< not the epoch: it left one shard and has not appeared on another
    };
    std::map<std::uint32_t, std::size_t> watchers;  ///< by shard; only shards that have some
    std::vector<SocketId> unanswered;
    std::map<std::string, Client, std::less<>> clients;
    std::vector<bool> heard;  ///< by shard: its members are among `clients`
    std::uint64_t round = 0;
    unsigned missing = 0;  ///< shards that have not been heard
};

struct Rosters::Roster {
    struct Entry {
        access::PrincipalPtr principal;
        std::int64_t since_us = 0;
        std::uint64_t order = 0;  ///< of entering
        bool watches = false;
    };
    /// Most rosters are short, and a tree is as large as what is in it; a hash table begins with a dozen
    /// slots.
    std::map<SocketId, Entry> members;
    using Item = decltype(members)::value_type;
    std::unique_ptr<Watching> watching;
    std::uint64_t next_order = 1;

    /// Those that entered behind `after`, in the order of their entering.
    std::vector<const Item*> in_order(std::uint64_t after) const {
        std::vector<const Item*> found;
        found.reserve(members.size());
        for (const Item& item : members) {
            if (item.second.order > after) found.push_back(&item);
        }
        std::ranges::sort(found, {}, [](const Item* item) { return item->second.order; });
        return found;
    }
};

Rosters::Rosters(Output& output) : output_(output) {}
Rosters::~Rosters() = default;

Rosters::Roster* Rosters::find(std::string_view channel) const {
    const auto found = rosters_.find(std::string(channel));
    return found == rosters_.end() ? nullptr : found->second.get();
}

Rosters::Watching* Rosters::watching(std::string_view channel, std::uint32_t shard) const {
    const Roster* roster = find(channel);
    Watching* watching = roster == nullptr ? nullptr : roster->watching.get();
    return watching != nullptr && watching->heard[shard] ? watching : nullptr;
}

void Rosters::enter(std::string_view channel, const Member& member, bool watch) {
    std::unique_ptr<Roster>& roster = rosters_[std::string(channel)];
    if (!roster) roster = std::make_unique<Roster>();
    const auto [at, added] = roster->members.try_emplace(member.socket);
    Roster::Entry& entry = at->second;
    if (added) {
        entry.principal = member.principal;
        entry.since_us = member.since_us;
        entry.order = roster->next_order++;
        ByteBuffer text;
        append_member(text, member.socket, *member.principal);
        announce(channel, true, text.view());
    }
    if (!watch) return;
    if (!roster->watching) {
        roster->watching = std::make_unique<Watching>();
        roster->watching->round = ++round_;
        roster->watching->missing = output_.watch_mqtt(channel, round_);
        roster->watching->heard.resize(roster->watching->missing);
    }
    Watching& watching = *roster->watching;
    if (!entry.watches) ++watching.watchers[member.socket.shard];
    entry.watches = true;
    watching.unanswered.push_back(member.socket);
    if (watching.missing == 0 && watching.unanswered.size() == 1) output_.answer_soon(channel);
}

void Rosters::leave(std::string_view channel, const SocketId& socket) {
    Roster* roster = find(channel);
    if (roster == nullptr) return;
    const auto at = roster->members.find(socket);
    if (at == roster->members.end()) return;
    const Roster::Entry entry = std::move(at->second);
    roster->members.erase(at);
    if (entry.watches) {
        auto& watchers = roster->watching->watchers;
        if (--watchers[socket.shard] == 0) watchers.erase(socket.shard);
        if (watchers.empty()) {
            roster->watching.reset();
            output_.unwatch_mqtt(channel);
        }
    }
    ByteBuffer text;
    append_member(text, socket, *entry.principal);
    announce(channel, false, text.view());
    if (roster->members.empty()) rosters_.erase(std::string(channel));
}

void Rosters::announce(std::string_view channel, bool joined, ByteView member) {
    const Roster* roster = find(channel);
    if (roster == nullptr || !roster->watching) return;
    ByteBuffer text;
    append_presence_update(text, {channel, joined, as_text(member)});
    const SharedFrame frame = share_text_frame(text.view());
    for (const auto& [shard, watchers] : roster->watching->watchers)
        output_.presence_update(shard, channel, frame);
}

void Rosters::answer(std::string_view channel) {
    const Roster* roster = find(channel);
    if (roster == nullptr || !roster->watching || roster->watching->missing != 0) return;
    const std::vector<SocketId> asking = std::exchange(roster->watching->unanswered, {});
    if (asking.empty()) return;
    ByteBuffer text;
    PresenceFull full(text, channel);
    for (const Roster::Item* item : roster->in_order(0)) full.add(item->first, *item->second.principal);
    for (const auto& [id, client] : roster->watching->clients) full.add({id, client.principal});
    full.finish();
    const SharedFrame frame = share_text_frame(text.view());
    for (const SocketId& to : asking) output_.presence_full(to, channel, frame);
}

void Rosters::mqtt_members(std::string_view channel, std::uint32_t shard, std::uint64_t round,
                           const MqttMembers& members) {
    const Roster* roster = find(channel);
    if (roster == nullptr || !roster->watching || roster->watching->round != round) return;
    Watching& watching = *roster->watching;
    for (const mqtt::MqttMember& member : members) add(channel, watching, member);
    watching.heard[shard] = true;
    if (--watching.missing == 0) answer(channel);
}

void Rosters::add(std::string_view channel, Watching& watching, const mqtt::MqttMember& member) {
    const auto [at, added] = watching.clients.try_emplace(member.client_id);
    at->second = {member.principal, {}};
    // Before everybody is known, nobody has a roster that could change.
    if (!added || watching.missing != 0) return;
    ByteBuffer text;
    append_member(text, member);
    announce(channel, true, text.view());
    output_.mqtt_came(channel, member);
}

void Rosters::remove(std::string_view channel, Watching& watching, const std::string& client_id) {
    const auto at = watching.clients.find(client_id);
    if (at == watching.clients.end()) return;
    ByteBuffer text;
    append_member(text, mqtt::MqttMember{client_id, at->second.principal});
    watching.clients.erase(at);
    announce(channel, false, text.view());
    output_.mqtt_went(channel, client_id);
}

void Rosters::mqtt_entered(std::string_view channel, std::uint32_t shard, const mqtt::MqttMember& member) {
    if (Watching* watching = this->watching(channel, shard)) add(channel, *watching, member);
}

void Rosters::mqtt_left(std::string_view channel, std::uint32_t shard, const std::string& client_id,
                        mqtt::Leaving leaving, TimePoint now) {
    Watching* watching = this->watching(channel, shard);
    if (watching == nullptr) return;
    if (leaving == mqtt::Leaving::gone) return remove(channel, *watching, client_id);
    const auto at = watching->clients.find(client_id);
    if (at == watching->clients.end()) return;
    at->second.moves_until = now + kMoving;
    moves_.push_back({at->second.moves_until, std::string(channel), client_id});
    if (moves_.size() == 1) output_.wake_at(moves_.front().deadline);
}

void Rosters::expire(TimePoint now) {
    while (!moves_.empty() && moves_.front().deadline <= now) {
        const Move move = std::move(moves_.front());
        moves_.pop_front();
        const Roster* roster = find(move.channel);
        if (roster == nullptr || !roster->watching) continue;
        const auto at = roster->watching->clients.find(move.client_id);
        if (at != roster->watching->clients.end() && at->second.moves_until == move.deadline)
            remove(move.channel, *roster->watching, move.client_id);
    }
    if (!moves_.empty()) output_.wake_at(moves_.front().deadline);
}

std::vector<Member> Rosters::members(std::string_view channel) const {
    std::vector<Member> all;
    const Roster* roster = find(channel);
    if (roster == nullptr) return all;
    for (const auto& [socket, entry] : roster->members)
        all.push_back({socket, entry.principal, entry.since_us});
    return all;
}

Rosters::MqttMembers Rosters::clients(std::string_view channel) const {
    MqttMembers all;
    const Roster* roster = find(channel);
    if (roster == nullptr || !roster->watching) return all;
    for (const auto& [id, client] : roster->watching->clients) all.push_back({id, client.principal});
    return all;
}

mqtt::RosterPage Rosters::list(std::string_view channel, std::string_view after, std::size_t limit,
                               MqttMembers clients) const {
    std::ranges::sort(clients, {}, &mqtt::MqttMember::client_id);
    // On its way from one shard to another a client may be seen on both.
    const auto is_same = [](const mqtt::MqttMember& a, const mqtt::MqttMember& b) {
        return a.client_id == b.client_id;
    };
    clients.erase(std::unique(clients.begin(), clients.end(), is_same), clients.end());
    const Roster* roster = find(channel);
    PageWriter page(limit, clients.size() + (roster == nullptr ? 0 : roster->members.size()));
    const bool behind_browsers = after.starts_with(mqtt::kMqttSocketId);
    if (roster != nullptr && !behind_browsers) {
        std::uint64_t order = 0;
        std::from_chars(after.data(), after.data() + after.size(), order);
        for (const Roster::Item* item : roster->in_order(order)) {
            if (ByteBuffer* json = page.add(std::to_string(item->second.order)))
                append_member(*json, item->first, *item->second.principal);
        }
    }
    for (const mqtt::MqttMember& client : clients) {
        std::string cursor = std::string(mqtt::kMqttSocketId) + client.client_id;
        if (behind_browsers && cursor <= after) continue;
        if (ByteBuffer* json = page.add(std::move(cursor))) append_member(*json, client);
    }
    return page.finish();
}

}  // namespace millrace::bridge
