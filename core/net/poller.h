// Readiness of sockets, without an allocation or a lock per event.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <sys/epoll.h>

#include "core/clock.h"

namespace millrace {

/// What a ready descriptor calls, on its shard. `events` are EPOLL* bits.
class PollHandler {
  public:
    virtual void on_ready(std::uint32_t events) = 0;

  protected:
    ~PollHandler() = default;
};

/// A level-triggered epoll set. Owned by a shard. Handlers must outlive the turn in which they are removed.
class Poller {
  public:
    Poller();
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    /// False: the kernel refused (out of memory or watches).
    bool add(int descriptor, PollHandler& handler, std::uint32_t events);
    void modify(int descriptor, PollHandler& handler, std::uint32_t events);
    void remove(int descriptor);

    /// Waits until something is ready, `longest` at most: what is, until the next call. Touches nothing else.
    std::span<const epoll_event> wait(Milliseconds longest);
    /// Calls the handlers of what wait() returned.
    static void serve(std::span<const epoll_event> ready);

  private:
    int epoll_;
    std::array<epoll_event, 256> events_;
};

}  // namespace millrace
