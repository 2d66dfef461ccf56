#include "bridge/presence.h"

#include <algorithm>
#include <map>
#include <vector>

namespace millrace::bridge {

struct Rosters::Roster {
    struct Entry {
        access::PrincipalPtr principal;
        std::uint64_t order = 0;  ///< of entering
        bool watches = false;
    };
    /// Most rosters are short, and a tree is as large as what is in it; a hash table begins with a dozen
    /// slots.
    std::map<SocketId, Entry> members;
    using Item = decltype(members)::value_type;
    std::map<std::uint32_t, std::size_t> watchers;  ///< by shard; only shards that have some
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
    const auto members = roster.in_order(0);
    ByteBuffer text;
    PresenceFull full(text, channel);
    for (const Roster::Item* item : members) full.add(item->first, *item->second.principal);
    full.finish();
    output_.presence_full(to, channel, share_text_frame(text.view()));
}

mqtt::RosterPage Rosters::list(std::string_view channel, std::uint64_t after, std::size_t limit) const {
    mqtt::RosterPage page;
    ByteBuffer json;
    json.append("[");
    if (const auto found = rosters_.find(std::string(channel)); found != rosters_.end()) {
        const auto members = found->second->in_order(after);
        page.total = found->second->members.size();
        const std::size_t count = std::min(limit, members.size());
        for (std::size_t i = 0; i < count; ++i) {
            if (i != 0) json.append(",");
            append_member(json, members[i]->first, *members[i]->second.principal);
        }
        if (count < members.size() && count != 0) page.next = members[count - 1]->second.order;
    }
    json.append("]");
    page.members = json.text();
    return page;
}

}  // namespace millrace::bridge
