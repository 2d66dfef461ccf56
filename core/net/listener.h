// Accepting connections.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/net/address.h"
#include "core/net/poller.h"
#include "core/timer_wheel.h"

namespace millrace {

class Shard;

/// Where to listen: host and port, or the path of a Unix socket.
struct Endpoint {
    std::string host;
    std::uint16_t port = 0;
    bool only_ipv6 = false;  ///< of "::": another listener has the port's IPv4 side
    std::string path = {};   ///< empty: TCP
    unsigned mode = 0660;    ///< permissions of the Unix socket

    std::string text() const { return path.empty() ? host + ":" + std::to_string(port) : path; }
};

/// One listening socket, served by one shard. Hands on each accepted descriptor, non-blocking and with
/// TCP_NODELAY, and where it comes from. Lives on its shard's thread from start() on; is destroyed after that
/// thread has ended.
class Listener final : public PollHandler, private Timer {
  public:
    using Accepted = std::function<void(int descriptor, const Address& peer)>;

    /// Binds and listens; throws std::runtime_error saying which address and why. A Unix socket that nobody
    /// listens on any more is removed first.
    Listener(Shard& shard, Endpoint endpoint, Accepted accepted);
    ~Listener() override;

    /// On the shard's thread: begins to accept.
    void start();
    /// On the shard's thread: accepts no more, closes the socket and removes its file.
    void stop();
    /// The port in use; what the kernel chose when 0 was asked for.
    std::uint16_t port() const { return endpoint_.port; }

    void on_ready(std::uint32_t events) override;

  private:
    void on_timer(TimePoint now) override;
    void bind_tcp();
    void bind_unix();
    void close();

    Shard& shard_;
    Accepted accepted_;
    Endpoint endpoint_;
    int descriptor_ = -1;
};

}  // namespace millrace
