// From a listening address to a connection on the shard with the fewest.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/net/listener.h"
#include "core/net/protocol.h"

namespace millrace {
class Connection;
class Shard;
}  // namespace millrace

namespace millrace::app {

/// Spreads accepted sockets over the shards. Belongs to the accepting shard's thread, shared by its
/// listeners.
class Placement {
  public:
    Placement(std::vector<Shard*> shards, std::size_t connections_max);

    /// The shard with the fewest open connections, counted as given to it; nullptr: the limit is reached.
    Shard* choose();

  private:
    std::vector<Shard*> shards_;
    std::vector<std::uint64_t> given_;
    std::size_t connections_max_;
};

/// One listener of the configuration. Lives on the accepting shard.
class Acceptor {
  public:
    /// Speaks first on a new connection; called on the connection's shard.
    using Greeter = std::function<std::unique_ptr<Protocol>(Connection&)>;

    /// Throws std::runtime_error when the address cannot be had.
    Acceptor(Shard& shard, Placement& placement, const std::string& host, std::uint16_t port,
             Greeter greeter);

    void start() { listener_.start(); }
    void stop() { listener_.stop(); }
    std::uint16_t port() const { return listener_.port(); }

  private:
    void accepted(int descriptor);

    Placement& placement_;
    Greeter greeter_;
    Listener listener_;
};

}  // namespace millrace::app
