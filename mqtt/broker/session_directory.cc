#include "mqtt/broker/session_directory.h"

#include <utility>

namespace millrace::mqtt {

bool SessionDirectory::Owner::is_of(const access::Principal& principal) const {
    return kind == principal.kind && (user ? *user == principal.name : principal.name.empty());
}

SessionDirectory::Found SessionDirectory::find_on(unsigned shard, std::string_view client_id,
                                                  const access::Principal& principal) {
    auto owners = stripe(client_id).lock();
    const auto at = owners->find(std::string(client_id));
    if (at == owners->end()) return {};
    if (!at->second.is_of(principal)) return {nullptr, true};
    return {at->second.shard == shard ? at->second.session : nullptr, false};
}

SessionDirectory::Found SessionDirectory::replace(std::string_view client_id, unsigned shard,
                                                  ClientSession& session,
                                                  const access::Principal& principal) {
    auto owners = stripe(client_id).lock();
    Owner& owner = (*owners)[std::string(client_id)];
    if (owner.session != nullptr && !owner.is_of(principal)) return {nullptr, true};
    owner.shard = shard;
    owner.kind = principal.kind;
    owner.user = principal.name.empty() ? nullptr : std::make_unique<const std::string>(principal.name);
    return {std::exchange(owner.session, &session), false};
}

bool SessionDirectory::remove(std::string_view client_id, const ClientSession& session) {
    auto owners = stripe(client_id).lock();
    const auto at = owners->find(std::string(client_id));
    if (at == owners->end() || at->second.session != &session) return false;
    owners->erase(at);
    return true;
}

std::size_t SessionDirectory::size() {
    std::size_t count = 0;
    for (Guarded<Owners>& stripe : stripes_) count += stripe.lock()->size();
    return count;
}

}  // namespace millrace::mqtt
