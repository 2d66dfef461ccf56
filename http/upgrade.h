// The WebSocket handshake (RFC 6455 4.2), and the port behind which other protocols take the connection over.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/access/principal.h"
#include "core/net/protocol.h"

namespace millrace {
class Connection;
}

namespace millrace::http {

struct Exchange;

/// A handshake that is correct as such. Views; valid during the call.
struct UpgradeRequest {
    std::string_view path;
    std::string_view query;
    std::vector<std::string_view> subprotocols;  ///< offered, in the client's order
    std::string_view origin;                     ///< allowed, or empty: not a browser
    access::PrincipalPtr principal;              ///< of the Authorization header; anonymous without one
    bool peer_is_loopback = false;
};

/// Yes or no.
struct UpgradeAnswer {
    unsigned status = 101;  ///< anything else refuses, with `detail` as problem document
    std::string detail;
    std::string subprotocol;  ///< one of those offered; empty: none
    /// Makes the protocol that goes on with the connection; called once, after the 101 was written.
    std::function<std::unique_ptr<Protocol>(Connection&)> make;
};

/// Who answers handshakes. One per shard, used on its thread; outlives the sessions.
class UpgradeHandler {
  public:
    /// Whether WebSockets are spoken at this path at all.
    virtual bool serves(std::string_view path) const = 0;
    virtual UpgradeAnswer on_upgrade(const UpgradeRequest& request) = 0;

  protected:
    ~UpgradeHandler() = default;
};

/// For a path that the handler serves: 101 and the next protocol, or a refusal.
void serve_upgrade(Exchange& exchange);

}  // namespace millrace::http
