// What the way in says of a client: the rules of its listener, and its TLS certificate.
#pragma once

#include "core/access/principal.h"
#include "mqtt/broker/broker.h"
#include "mqtt/codec/reason_code.h"

namespace millrace {
class Connection;
}

namespace millrace::mqtt {

/// Whether clients without credentials may connect where this one does.
bool anonymous_allowed(const Broker& broker, const Connection& connection);

/// Whether the connection's listener speaks that version.
bool version_allowed(const Broker& broker, const Connection& connection, Version version);

/// The user that the client's certificate names; nullptr when it has presented none, or one without a name.
access::PrincipalPtr certified_user(const Connection& connection);

}  // namespace millrace::mqtt
