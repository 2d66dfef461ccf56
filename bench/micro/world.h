// One shard with all doors, turned by hand, and the other ends of its connections.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "bridge/bridge.h"
#include "config/config.h"
#include "core/access/authoriser.h"
#include "core/net/connection.h"
#include "core/shard.h"
#include "http/server.h"
#include "mqtt/broker/broker.h"
#include "mqtt/broker/session_directory.h"
#include "mqtt/broker/session_table.h"
#include "mqtt/codec/packets.h"
#include "store/store.h"

namespace millrace::bench {

/// The far end of a connection, or of an outbox: a socket of a pair. Throws where bytes do not come, so that
/// no case measures nothing.
class Socket {
  public:
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    Socket(Socket&& other) noexcept;
    ~Socket();

    void send(ByteView bytes) const;
    /// Reads what is there.
    std::size_t receive() const;
    /// Reads what is there, which must be so many bytes.
    void expect(std::size_t bytes) const;

    struct Pair {
        int near;
        int far;
    };
    static Pair pair();

  private:
    int descriptor_;
};

/// A Log that numbers and forgets.
class NullLog final : public store::Log {
  public:
    Result<std::vector<store::Receipt>> append(std::span<const MessagePtr> batch) override;
    Result<std::vector<store::Receipt>> settle() override { return std::vector<store::Receipt>{}; }

  private:
    std::uint64_t seq_ = 0;
};

/// `stored/#` goes through a lane into a NullLog, everything else is live.
class World {
  public:
    World();
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    Socket connect_http();
    /// Connected with a clean session.
    Socket connect_mqtt(std::string_view client_id, mqtt::Version version);
    Socket subscribe_mqtt(std::string_view client_id, mqtt::Version version, std::string_view filter,
                          mqtt::Qos qos);
    Socket join_browser(std::string_view channel);
    void turn() { shard_.turn(Milliseconds{0}); }
    /// Turns until `bytes` have come, sleeping between.
    void turn_until(const Socket& socket, std::size_t bytes);
    /// Turns until something has come, and nothing more comes; how many bytes that were.
    std::size_t settle(const Socket& socket);

  private:
    template <class Make>
    Socket connect(Make make);

    config::Config config_;
    access::Authoriser authoriser_;
    mqtt::BrokerContext context_;
    mqtt::Distributor distributor_{context_};
    Shard shard_{0};
    store::Store store_;
    mqtt::SessionDirectory directory_;
    mqtt::Broker broker_;
    mqtt::SessionTable sessions_;
    std::vector<bridge::Bridge*> bridges_;
    bridge::Bridge bridge_;
    http::Server http_;
};

}  // namespace millrace::bench
