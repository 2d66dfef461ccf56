// What is spoken on a connection: the port between sockets and the protocol machines of the doors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/result.h"

namespace millrace {

/// Names a connection from any thread without keeping it alive; resolves only on its own shard.
struct ConnectionId {
    std::uint32_t shard = 0;
    std::uint32_t slot = 0;
    std::uint64_t generation = 0;  ///< 0: no connection
    bool operator==(const ConnectionId&) const = default;
};

/// How a publish ended. `error` empty: live and routed (seq 0), or committed at `seq`.
struct PublishResult {
    error_code error;
    std::uint64_t seq = 0;
    std::int64_t at_us = 0;
    bool repeated = false;  ///< the idempotency key was seen before; seq and at_us are the first answer's
};

/// One protocol on one connection. Owned by the connection; every call comes on its shard, none after
/// on_closed.
class Protocol {
  public:
    Protocol() = default;
    Protocol(const Protocol&) = delete;
    Protocol& operator=(const Protocol&) = delete;
    virtual ~Protocol() = default;

    /// New bytes, together with those it left last time. Returns how many it has dealt with; the rest comes
    /// again with more, or after Connection::resume().
    virtual std::size_t on_bytes(ByteView bytes) = 0;
    /// The socket is gone, or about to be: `reason` is empty when we closed it. Last call.
    virtual void on_closed(error_code reason) = 0;
    /// The deadline set by Connection::set_deadline has passed.
    virtual void on_deadline(TimePoint now) = 0;
    /// Before what was appended in this turn is sent: the moment to frame it.
    virtual void before_flush() {}
    /// The socket took everything that was waiting.
    virtual void on_drained() {}
    /// A publish this connection waited for has ended; `token` is the one given to Publisher::publish.
    virtual void on_published(std::uint64_t token, const PublishResult& result) {
        static_cast<void>(token);
        static_cast<void>(result);
    }
    /// A publish this connection waited for was refused; `reason` is for the client.
    virtual void on_denied(std::uint64_t token, std::string_view reason) {
        static_cast<void>(token);
        static_cast<void>(reason);
    }
    /// The configuration is another one: what the old one allowed may not be any more.
    virtual void on_review() {}
    /// The server is going away: say goodbye in the protocol's words and close.
    virtual void on_shutdown() = 0;
};

}  // namespace millrace
