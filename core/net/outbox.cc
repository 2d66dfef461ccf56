#include "core/net/outbox.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/uio.h>

namespace millrace {
namespace {

constexpr std::size_t kSpareBytesMax = 128 * 1024;
/// Of all spare buffers: a fan-out to some thousand connections shall find its buffers again.
constexpr std::size_t kSpareBytesTotal = 8 * 1024 * 1024;
constexpr std::size_t kFirstBytes = 2048;
constexpr std::size_t kSegmentsPerCall = 64;
/// A tail this long is queued as it is: growing it further would copy it.
constexpr std::size_t kTailBytesMax = 256 * 1024;

}  // namespace

ByteBuffer BufferPool::take() {
    if (spare_.empty()) {
        ByteBuffer fresh;
        fresh.extend(kFirstBytes);
        fresh.clear();
        return fresh;
    }
    ByteBuffer buffer = std::move(spare_.back());
    spare_.pop_back();
    spare_bytes_ -= buffer.capacity();
    return buffer;
}

void BufferPool::give(ByteBuffer&& buffer) {
    if (buffer.capacity() == 0) return;
    if (buffer.capacity() <= kSpareBytesMax && spare_bytes_ + buffer.capacity() <= kSpareBytesTotal) {
        spare_bytes_ += buffer.capacity();
        buffer.clear();
        spare_.push_back(std::move(buffer));
    } else {
        buffer.release();
    }
}

Outbox::~Outbox() {
    pool_->give(std::move(tail_));
}

Outbox::Queue& Outbox::queue() {
    if (!queue_) queue_ = std::make_unique<Queue>();
    return *queue_;
}

ByteBuffer& Outbox::tail() {
    if (tail_.capacity() == 0) {
        tail_ = pool_->take();
    } else if (tail_.size() >= kTailBytesMax) {
        queue_tail();
        tail_ = pool_->take();
    }
    return tail_;
}

void Outbox::queue_tail() {
    if (tail_.size() == tail_sent_) return;
    Queue& waiting = queue();
    if (waiting.segments.empty()) {
        waiting.first_sent = tail_sent_;
    } else if (tail_sent_ != 0) {
        // Only a tail that is alone is ever sent from, so nothing stands before it here.
        tail_.consume(tail_sent_);
        tail_sent_ = 0;
    }
    waiting.bytes += tail_.size() - tail_sent_;
    tail_sent_ = 0;
    waiting.segments.push_back({std::move(tail_), nullptr, {}});
}

void Outbox::append_shared(MessagePtr owner, ByteView bytes) {
    if (bytes.empty()) return;
    queue_tail();
    Queue& waiting = queue();
    waiting.bytes += bytes.size();
    waiting.segments.push_back({ByteBuffer{}, std::move(owner), bytes});
}

void Outbox::splice(Outbox& other) {
    other.queue_tail();
    if (!other.queue_) return;
    queue_tail();
    Queue& waiting = queue();
    for (std::size_t i = other.queue_->first; i < other.queue_->segments.size(); ++i) {
        waiting.segments.push_back(std::move(other.queue_->segments[i]));
    }
    waiting.bytes += other.queue_->bytes;
    other.queue_.reset();
}

void Outbox::sent(std::size_t count) {
    if (queue_) {
        Queue& waiting = *queue_;
        while (count != 0 && waiting.first < waiting.segments.size()) {
            Segment& segment = waiting.segments[waiting.first];
            const std::size_t left = segment.left().size() - waiting.first_sent;
            const std::size_t taken = std::min(left, count);
            count -= taken;
            waiting.bytes -= taken;
            waiting.first_sent += taken;
            if (taken < left) return;
            pool_->give(std::move(segment.bytes));
            segment.owner.reset();
            waiting.first_sent = 0;
            ++waiting.first;
        }
        if (waiting.first == waiting.segments.size()) queue_.reset();
    }
    sent_from_tail(count);
}

void Outbox::sent_from_tail(std::size_t count) {
    tail_sent_ += static_cast<std::uint32_t>(count);
    if (tail_sent_ == tail_.size()) {
        tail_sent_ = 0;
        pool_->give(std::move(tail_));
    } else if (tail_sent_ > tail_.size() / 2) {
        tail_.consume(tail_sent_);
        tail_sent_ = 0;
    }
}

std::size_t Outbox::take(std::span<std::byte> to) {
    std::size_t size = 0;
    const auto add = [&](ByteView bytes) {
        const std::size_t part = std::min(bytes.size(), to.size() - size);
        if (part != 0) std::memcpy(to.data() + size, bytes.data(), part);
        size += part;
    };
    if (queue_) {
        for (std::size_t i = queue_->first; i < queue_->segments.size() && size < to.size(); ++i) {
            add(queue_->segments[i].left().subspan(i == queue_->first ? queue_->first_sent : 0));
        }
    }
    add(tail_.view().subspan(tail_sent_));
    sent(size);
    return size;
}

Outbox::Flush Outbox::flush(int descriptor) {
    while (!empty()) {
        std::array<iovec, kSegmentsPerCall> parts;
        std::size_t count = 0;
        std::size_t wanted = 0;
        const auto add = [&](ByteView bytes) {
            parts[count++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
            wanted += bytes.size();
        };
        if (queue_) {
            for (std::size_t i = queue_->first; i < queue_->segments.size() && count < kSegmentsPerCall;
                 ++i) {
                add(queue_->segments[i].left().subspan(i == queue_->first ? queue_->first_sent : 0));
            }
        }
        if (count < kSegmentsPerCall && tail_.size() > tail_sent_) add(tail_.view().subspan(tail_sent_));
        msghdr header{};
        header.msg_iov = parts.data();
        header.msg_iovlen = count;
        const ssize_t written = count == 1
                                    ? ::send(descriptor, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL)
                                    : ::sendmsg(descriptor, &header, MSG_NOSIGNAL);
        if (written < 0) {
            if (errno == EINTR) continue;
            return errno == EAGAIN || errno == EWOULDBLOCK ? Flush::blocked : Flush::failed;
        }
        sent(static_cast<std::size_t>(written));
        if (static_cast<std::size_t>(written) < wanted) return Flush::blocked;
    }
    return Flush::done;
}

}  // namespace millrace
