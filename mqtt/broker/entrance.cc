#include "mqtt/broker/entrance.h"

#include <algorithm>

#include "core/net/connection.h"
#include "core/net/tls_stream.h"

namespace millrace::mqtt {
namespace {

std::string_view name_of(Version version) {
    switch (version) {
        case Version::v31:
            return "3.1";
        case Version::v311:
            return "3.1.1";
        case Version::v5:
            break;
    }
    return "5.0";
}

}  // namespace

bool anonymous_allowed(const Broker& broker, const Connection& connection) {
    const config::Listener* const listener = broker.listener(connection.listener());
    const bool otherwise = broker.authoriser().anonymous_allowed();
    return listener == nullptr ? otherwise : listener->anonymous.value_or(otherwise);
}

bool version_allowed(const Broker& broker, const Connection& connection, Version version) {
    const config::Listener* const listener = broker.listener(connection.listener());
    if (listener == nullptr || listener->protocols.empty()) return true;
    return std::ranges::find(listener->protocols, name_of(version)) != listener->protocols.end();
}

access::PrincipalPtr certified_user(const Connection& connection) {
    if (connection.secured() == nullptr) return nullptr;
    std::string name = connection.secured()->peer_name();
    if (name.empty()) return nullptr;
    auto user = std::make_shared<access::Principal>();
    user->kind = access::Principal::Kind::user;
    user->name = std::move(name);
    return user;
}

}  // namespace millrace::mqtt
