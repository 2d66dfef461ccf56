#include "bridge/presence.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <map>
#include <vector>

namespace millrace::bridge {

struct Rosters::Roster {
    struct Entry {
        access::PrincipalPtr principal;
        std::uint64_t order = 0;  ///< of entering
        bool watches = false;
    };
    boost::unordered_flat_map<SocketId, Entry> members;
    std::map<std::uint32_t, std::size_t> watchers;  ///< by shard; only shards that have some
    std::uint64_t next_order = 0;
};

Rosters::Rosters(Output& output) : output_(output) {}
Rosters::~Rosters() = default;

void Rosters::enter(std::string_view channel, const Member& member, bool watch) {
    std::unique_ptr<Roster>& roster = rosters_[std::string(channel)];
    if (!roster) roster = std::make_unique<Roster>();
    const auto [at, added] = roster->members.try_emplace(member.socket);
    Roster::Entry& entry = at->second;
    if (added) {
        entry.principal = member.principal;
        entry.order = roster->next_order++;
        announce(channel, *roster, member, true);
    }
    if (!watch) return;
    if (!entry.watches) ++roster->watchers[member.socket.shard];
    entry.watches = true;
    answer(channel, *roster, member.socket);
}

void Rosters::leave(std::string_view channel, const SocketId& socket) {
    const auto found = rosters_.find(std::string(channel));
    if (found == rosters_.end()) return;
    Roster& roster = *found->second;
    const auto at = roster.members.find(socket);
    if (at == roster.members.end()) return;
    const Member member{socket, at->second.principal};
    if (at->second.watches && --roster.watchers[socket.shard] == 0) roster.watchers.erase(socket.shard);
    roster.members.erase(at);
    announce(channel, roster, member, false);
    if (roster.members.empty()) rosters_.erase(found);
}

void Rosters::announce(std::string_view channel, const Roster& roster, const Member& member, bool joined) {
    if (roster.watchers.empty()) return;
    ByteBuffer text;
    append_presence_update(text, {channel, joined, member.socket, *member.principal});
    const SharedFrame frame = share_text_frame(text.view());
    for (const auto& [shard, watchers] : roster.watchers) output_.presence_update(shard, channel, frame);
}

void Rosters::answer(std::string_view channel, const Roster& roster, const SocketId& to) {
    using Item = decltype(roster.members)::value_type;
    std::vector<const Item*> members;
    members.reserve(roster.members.size());
    for (const Item& item : roster.members) members.push_back(&item);
    std::ranges::sort(members, {}, [](const Item* item) { return item->second.order; });
    ByteBuffer text;
    PresenceFull full(text, channel);
    for (const Item* item : members) full.add(item->first, *item->second.principal);
    full.finish();
    output_.presence_full(to, channel, share_text_frame(text.view()));
}

}  // namespace millrace::bridge
