// What the HTTP sessions of one shard share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/net/connection.h"
#include "http/event_encoder.h"
#include "http/request.h"
#include "http/response.h"
#include "http/upgrade.h"
#include "mqtt/broker/broker.h"

namespace millrace::http {

class Session;

/// The HTTP door of one shard. Belongs to the shard's thread; outlives its connections.
class Server {
  public:
    /// `upgrades` may be nullptr: then no WebSocket is spoken.
    Server(mqtt::Broker& broker, UpgradeHandler* upgrades);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Give it to Connection::start().
    std::unique_ptr<Protocol> make_session(Connection& connection);

    mqtt::Broker& broker() { return broker_; }
    Shard& shard() { return broker_.shard(); }
    const config::Config& config() const { return broker_.config(); }
    const access::Authoriser& authoriser() const { return broker_.authoriser(); }
    const std::string& epoch() { return broker_.store().epoch(); }
    UpgradeHandler* upgrades() { return upgrades_; }

    std::string_view date_line() { return date_.at(shard().wall_clock_us()); }
    /// Empty; for building one answer's body, or one payload, at a time.
    ByteBuffer& scratch();
    EventEncoder& events() { return events_; }
    /// A name for a live message whose sender gave none (docs/decisions/0006).
    std::string make_id();

  private:
    mqtt::Broker& broker_;
    UpgradeHandler* upgrades_;
    DateLine date_;
    ByteBuffer scratch_;
    EventEncoder events_;
    std::string id_prefix_;
    std::uint64_t next_id_ = 1;
};

/// One request on its way through a handler. On the stack.
struct Exchange {
    Server& server;
    Session& session;
    const Request& request;
    access::PrincipalPtr principal;
    std::string_view parameter;  ///< what stands for the braces of the route, still percent-encoded
};

}  // namespace millrace::http
