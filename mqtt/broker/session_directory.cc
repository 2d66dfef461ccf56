#include "mqtt/broker/session_directory.h"

#include <utility>

namespace millrace::mqtt {

ClientSession* SessionDirectory::find_on(unsigned shard, std::string_view client_id) {
    auto owners = stripe(client_id).lock();
    const auto at = owners->find(std::string(client_id));
    return at != owners->end() && at->second.shard == shard ? at->second.session : nullptr;
}

ClientSession* SessionDirectory::replace(std::string_view client_id, unsigned shard, ClientSession& session) {
    auto owners = stripe(client_id).lock();
    return std::exchange((*owners)[std::string(client_id)], Owner{&session, shard}).session;
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
