// What waits to be sent to one peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/message.h"

namespace millrace {

/// Spare buffers of one shard, so that a connection holds memory only while it has something to say.
class BufferPool {
  public:
    ByteBuffer take();
    void give(ByteBuffer&& buffer);

  private:
    std::vector<ByteBuffer> spare_;
    std::size_t spare_bytes_ = 0;  ///< their capacity
};

/// Bytes in order, small ones copied into one buffer, large payloads referenced. Belongs to a connection, on
/// its shard. Has no limit of its own: whoever appends looks at bytes() first and applies a policy.
class Outbox {
  public:
    explicit Outbox(BufferPool& pool) : pool_(&pool) {}
    ~Outbox();
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    /// The buffer that encoders append to. Take it anew for each packet; never truncate below what was there.
    ByteBuffer& tail();
    void append(ByteView bytes) { tail().append(bytes); }
    /// Payloads of at least this many bytes are cheaper to reference than to copy.
    static constexpr std::size_t kShareAtLeast = 4096;
    /// `bytes` must lie inside `owner`.
    void append_shared(MessagePtr owner, ByteView bytes);
    /// Moves everything of `other` behind what is here.
    void splice(Outbox& other);

    std::size_t bytes() const { return (queue_ ? queue_->bytes : 0) + tail_.size() - tail_sent_; }
    bool empty() const { return bytes() == 0; }

    /// Moves the first bytes out, as many as there are and fit; how many.
    std::size_t take(std::span<std::byte> to);

    enum class Flush { done, blocked, failed };
    /// Writes as much as the socket takes, 64 segments a call.
    Flush flush(int descriptor);

  private:
    struct Segment {
        ByteBuffer bytes;  ///< own bytes, or, when empty, a view into `owner`
        MessagePtr owner;
        ByteView view;
        ByteView left() const { return owner ? view : bytes.view(); }
    };
    struct Queue {
        std::vector<Segment> segments;
        std::size_t first = 0;
        std::size_t first_sent = 0;
        std::size_t bytes = 0;  ///< of all segments, what was sent left out
    };

    void queue_tail();
    Queue& queue();
    void sent(std::size_t count);
    void sent_from_tail(std::size_t count);

    BufferPool* pool_;
    std::unique_ptr<Queue> queue_;
    ByteBuffer tail_;
    std::uint32_t tail_sent_ = 0;  // 32 bits: as ByteBuffer's sizes
};

}  // namespace millrace
