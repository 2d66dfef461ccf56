// Readiness of hot sockets, without an allocation or a lock per event.
#pragma once

#include <cstdint>

namespace millrace {

/// What a ready descriptor calls, on its shard. `events` are EPOLL* bits.
class PollHandler {
  public:
    virtual void on_ready(std::uint32_t events) = 0;

  protected:
    ~PollHandler() = default;
};

/// A level-triggered epoll set. Owned by a shard, whose io_context waits on fd() when there is nothing to do
/// (docs/decisions/0002). Handlers must outlive the turn in which they are removed.
class Poller {
  public:
    Poller();
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    int fd() const { return epoll_; }
    /// False: the kernel refused (out of memory or watches).
    bool add(int descriptor, PollHandler& handler, std::uint32_t events);
    void modify(int descriptor, PollHandler& handler, std::uint32_t events);
    void remove(int descriptor);
    /// Serves what is ready now; the number of descriptors served.
    int poll();

  private:
    int epoll_;
};

}  // namespace millrace
