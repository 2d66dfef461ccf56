// The first bytes of a connection that comes through a proxy.
#pragma once

#include <functional>

#include "core/bytes.h"
#include "core/net/poller.h"
#include "core/net/proxy_header.h"
#include "core/timer_wheel.h"

namespace millrace {

class Shard;

namespace proxy {

/// Reads the header of one accepted socket, and not a byte more. Owns the descriptor until release(). Belongs
/// to the accepting shard's thread; must outlive the turn in which it is done.
class Reader final : public PollHandler, private Timer {
  public:
    /// Called once: with a header that is complete, or refused: broken, not there in time, cut off.
    using Done = std::function<void(Reader& reader, const Header& header)>;

    Reader(Shard& shard, int descriptor, const Address& proxy, Done done);
    ~Reader();

    void start(Milliseconds patience);
    const Address& proxy() const { return proxy_; }
    /// The descriptor is the caller's from now on.
    int release();

    void on_ready(std::uint32_t events) override;

  private:
    void on_timer(TimePoint now) override;
    void finish(const Header& header);

    Shard& shard_;
    int descriptor_;
    Address proxy_;
    Done done_;
    ByteBuffer read_;
};

}  // namespace proxy
}  // namespace millrace
