// From a listening address to a connection on the shard with the fewest.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "app/admission.h"
#include "core/counters.h"
#include "core/net/listener.h"
#include "core/net/protocol.h"
#include "core/net/proxy_reader.h"
#include "core/net/tls_context.h"

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

/// What all listeners ask before they let somebody in. Belongs to the accepting shard's thread.
struct Entrance {
    Placement placement;
    Admission admission;
    std::vector<Network> proxies;  ///< who may speak for others
    Milliseconds patience{};       ///< for the PROXY header
};

/// One listener of the configuration. Lives on the accepting shard.
class Acceptor {
  public:
    /// Speaks first on a new connection; called on the connection's shard.
    using Greeter = std::function<std::unique_ptr<Protocol>(Connection&)>;
    using TlsContext = std::shared_ptr<const tls::Context>;

    struct Options {
        Endpoint endpoint;
        std::uint16_t index = 0;  ///< in the configuration
        bool behind_proxy = false;
        std::string_view application;  ///< for TLS: the ALPN name
        tls::ClientCertificate client_certificate = tls::ClientCertificate::none;
    };

    /// Throws std::runtime_error when the address cannot be had. Without `context` it speaks no TLS.
    Acceptor(Shard& shard, Entrance& entrance, Options options, TlsContext context, Greeter greeter);

    void start() { listener_.start(); }
    void stop();
    std::uint16_t port() const { return listener_.port(); }
    bool is_secure() const { return context_ != nullptr; }
    /// On the accepting shard: new connections present what `context` says; those that are open stay.
    void use(TlsContext context) { context_ = std::move(context); }

  private:
    void accepted(int descriptor, const Address& peer);
    void read_header(int descriptor, const Address& peer);
    void on_header(proxy::Reader& reader, const proxy::Header& header);
    void let_in(int descriptor, const Address& client, bool forwarded);
    bool admit(const Address& client);
    void refuse(int descriptor, const Address& peer, Counter Counters::*counter, const char* why);

    Shard& shard_;
    Entrance& entrance_;
    Options options_;
    TlsContext context_;
    Greeter greeter_;
    std::list<proxy::Reader> readers_;
    std::list<proxy::Reader> done_;
    Listener listener_;
};

}  // namespace millrace::app
