// Which protocol speaks on which socket: where the doors are wired to each other.
#pragma once

#include <memory>
#include <vector>

#include "config/config.h"
#include "core/net/protocol.h"
#include "mqtt/broker/session_table.h"

namespace millrace {
class Connection;
}

namespace millrace::app {

/// What HTTP, the bridge and MQTT over WebSocket need per shard, and the way from one to the other. Made
/// before the shards run, destroyed after; greet() belongs to the connection's shard.
class Doors {
  public:
    Doors(const std::vector<mqtt::Broker*>& brokers,
          const std::vector<std::unique_ptr<mqtt::SessionTable>>& sessions);
    ~Doors();

    /// On the thread of that shard: its authoriser is another one.
    void review(unsigned shard);

    /// The protocol for a fresh connection of a listener.
    std::unique_ptr<Protocol> greet(Connection& connection, config::Scheme scheme);

  private:
    struct Shards;
    std::unique_ptr<Shards> shards_;
};

}  // namespace millrace::app
