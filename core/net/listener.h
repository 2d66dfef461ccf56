// Accepting connections.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/net/poller.h"
#include "core/timer_wheel.h"

namespace millrace {

class Shard;

/// One listening TCP socket, served by one shard. Hands on each accepted descriptor, non-blocking and with
/// TCP_NODELAY. Lives on its shard's thread from start() on; is destroyed after that thread has ended.
class Listener final : public PollHandler, private Timer {
  public:
    using Accepted = std::function<void(int descriptor)>;

    /// Binds and listens; throws std::runtime_error saying which address and why.
    Listener(Shard& shard, const std::string& host, std::uint16_t port, Accepted accepted);
    ~Listener() override;

    /// On the shard's thread: begins to accept.
    void start();
    /// On the shard's thread: accepts no more and closes the socket.
    void stop();
    /// The port in use; what the kernel chose when 0 was asked for.
    std::uint16_t port() const { return port_; }

    void on_ready(std::uint32_t events) override;

  private:
    void on_timer(TimePoint now) override;

    Shard& shard_;
    Accepted accepted_;
    int descriptor_ = -1;
    std::uint16_t port_;
};

}  // namespace millrace
