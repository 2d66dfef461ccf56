#include "core/net/connection.h"

#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/tls_stream.h"
#include "core/shard.h"

namespace millrace {
namespace {

/// For the last word to be sent, and then for the peer to close.
constexpr Milliseconds kDrain{5000};
constexpr Milliseconds kLinger{1000};
/// A connection that always has more to read must not starve the others of its shard.
constexpr int kReadsPerTurn = 4;
constexpr std::size_t kKeptCapacityMax = 4096;

error_code last_error() {
    return {errno, boost::system::system_category()};
}

}  // namespace

Connection::Connection(Shard& shard, int descriptor, ConnectionId id)
    : shard_(shard),
      generation_(id.generation),
      out_(shard.buffers()),
      slot_(id.slot),
      descriptor_(descriptor) {
    // An idle connection is what most of the memory goes to.
    static_assert(sizeof(Connection) <= 136);
}

Connection::~Connection() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

ConnectionId Connection::id() const {
    return {shard_.index(), slot_, generation_};
}

Address Connection::address() const {
    const auto& noted = shard_.connections().addresses_;
    if (!noted.empty()) {
        const auto found = noted.find(slot_);
        if (found != noted.end()) return found->second;
    }
    return Address::of_peer(descriptor_);
}

void Connection::start(std::unique_ptr<Protocol> protocol) {
    protocol_ = std::move(protocol);
    watched_events_ = EPOLLIN;
    if (!shard_.poller().add(descriptor_, *this, EPOLLIN | EPOLLRDHUP)) close(last_error());
}

void Connection::upgrade(std::unique_ptr<Protocol> next) {
    shard_.connections().upgrades_[slot_] = std::move(next);
}

void Connection::wake() {
    if (dirty_ || state_ == State::closed) return;
    dirty_ = true;
    shard_.connections().dirty_.push_back(id());
}

void Connection::watch() {
    if (state_ == State::closed) return;
    std::uint32_t events = 0;
    if (state_ == State::lingering || (state_ == State::open && !paused_)) events |= EPOLLIN | EPOLLRDHUP;
    if (blocked_) events |= EPOLLOUT;
    const auto watched = static_cast<std::uint8_t>(events & (EPOLLIN | EPOLLOUT));
    if (watched == watched_events_) return;
    watched_events_ = watched;
    shard_.poller().modify(descriptor_, *this, events);
}

void Connection::pause() {
    paused_ = true;
    watch();
}

void Connection::resume() {
    if (resuming_ || state_ != State::open) return;
    resuming_ = true;
    shard_.connections().resuming_.push_back(id());
}

void Connection::close_after_flush() {
    if (state_ != State::open) return;
    state_ = State::draining;
    shard_.timers().arm_in(*this, kDrain);
    watch();
    wake();
}

void Connection::close(error_code reason) {
    if (state_ == State::closed) return;
    if (tls_ && state_ == State::open) say_goodbye(reason.failed());
    state_ = State::closed;
    shard_.timers().cancel(*this);
    // The poller forgets the descriptor when it is closed, at the end of this turn.
    shard_.connections().closed_.push_back({id(), reason});
}

void Connection::set_deadline(Milliseconds delay) {
    if (state_ == State::open) shard_.timers().arm_in(*this, delay);
}

void Connection::clear_deadline() {
    if (state_ == State::open) shard_.timers().cancel(*this);
}

void Connection::on_timer(TimePoint now) {
    if (state_ == State::open) {
        protocol_->on_deadline(now);
    } else {
        close(Errc::timed_out);
    }
}

void Connection::on_ready(std::uint32_t events) {
    if (state_ == State::closed) return;
    if ((events & EPOLLOUT) != 0) wake();
    if (state_ == State::lingering) {
        discard();
    } else if (state_ == State::draining) {
        if ((events & (EPOLLERR | EPOLLHUP)) != 0) close(Errc::closed);
    } else if ((events & EPOLLIN) != 0 && !paused_) {
        read();
    } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        close(Errc::closed);
    }
}

void Connection::read() {
    const std::span<std::byte> scratch = tls_ ? input_space() : shard_.scratch();
    for (int i = 0; i < kReadsPerTurn && state_ == State::open && !paused_; ++i) {
        const ssize_t received = ::recv(descriptor_, scratch.data(), scratch.size(), 0);
        if (received > 0) {
            const auto size = static_cast<std::size_t>(received);
            shard_.counters().bytes_in.add(size);
            if (tls_) {
                feed_sealed(scratch.first(size));
            } else {
                feed(scratch.first(size));
            }
            if (size < scratch.size()) return;
        } else if (received == 0) {
            return end_of_input();
        } else if (errno != EINTR) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) close(last_error());
            return;
        }
    }
}

/// The peer sends no more, but may still read.
void Connection::end_of_input() {
    const bool silent = tls_ ? !tls_->established() : out_.empty();
    if (silent) return close(Errc::closed);
    close_after_flush();
}

/// After our last word: closing with unread bytes would reset the connection and could destroy that word.
void Connection::discard() {
    const std::span<std::byte> scratch = shard_.scratch();
    const ssize_t received = ::recv(descriptor_, scratch.data(), scratch.size(), 0);
    if (received > 0 || (received < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))) return;
    close();
}

/// Gives bytes to the protocol, and to the next one where they upgrade on the way. Returns what was consumed.
std::size_t Connection::offer(ByteView bytes) {
    std::size_t consumed = 0;
    while (state_ == State::open) {
        consumed += protocol_->on_bytes(bytes.subspan(consumed));
        auto& upgrades = shard_.connections().upgrades_;
        if (upgrades.empty()) break;
        auto next = upgrades.extract(slot_);
        if (!next) break;
        protocol_ = std::move(next.mapped());
        if (consumed == bytes.size()) break;
    }
    return consumed;
}

void Connection::feed(ByteView fresh) {
    if (kept_.empty()) {
        const std::size_t consumed = offer(fresh);
        if (consumed < fresh.size() && state_ == State::open) kept_.append(fresh.subspan(consumed));
        return;
    }
    kept_.append(fresh);
    kept_.consume(offer(kept_.view()));
    if (kept_.empty() && kept_.capacity() > kKeptCapacityMax) kept_.release();
}

Outbox::Flush Connection::send() {
    const std::size_t before = out_.bytes();
    const Outbox::Flush result = out_.flush(descriptor_);
    shard_.counters().bytes_out.add(before - out_.bytes());
    return result;
}

void Connection::flush() {
    dirty_ = false;
    if (state_ == State::closed) return;
    protocol_->before_flush();
    if (state_ == State::closed) return;
    const std::size_t before = unsent();
    const Outbox::Flush result = tls_ ? send_sealed() : send();
    if (state_ == State::closed) return;
    if (result == Outbox::Flush::failed) {
        close(last_error());
        return;
    }
    blocked_ = result == Outbox::Flush::blocked;
    if (result == Outbox::Flush::done) {
        if (state_ == State::draining) {
            ::shutdown(descriptor_, SHUT_WR);
            state_ = State::lingering;
            shard_.timers().arm_in(*this, kLinger);
        } else if (before != 0) {
            protocol_->on_drained();
        }
    }
    watch();
}

ConnectionTable::ConnectionTable(Shard& shard) : shard_(shard) {}

ConnectionTable::~ConnectionTable() = default;

Connection& ConnectionTable::adopt(int descriptor) {
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Slot& slot = slots_[index];
    slot.generation = next_generation_++;
    const ConnectionId id{shard_.index(), index, slot.generation};
    slot.connection = std::make_unique<Connection>(shard_, descriptor, id);
    ++open_;
    shard_.counters().connections.add();
    shard_.counters().connections_total.add();
    return *slot.connection;
}

Connection* ConnectionTable::find(ConnectionId id) {
    if (id.slot >= slots_.size() || slots_[id.slot].generation != id.generation) return nullptr;
    Connection* connection = slots_[id.slot].connection.get();
    return connection != nullptr && connection->state_ != Connection::State::closed ? connection : nullptr;
}

void ConnectionTable::tell_all(void (Protocol::*what)()) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        Connection* connection = slots_[i].connection.get();
        if (connection != nullptr && connection->state_ == Connection::State::open && connection->protocol_) {
            (connection->protocol_.get()->*what)();
        }
    }
}

void ConnectionTable::shut_down() {
    tell_all(&Protocol::on_shutdown);
}

void ConnectionTable::review() {
    tell_all(&Protocol::on_review);
}

void ConnectionTable::close_all() {
    for (Slot& slot : slots_) {
        if (slot.connection) slot.connection->close(Errc::closed);
    }
}

// Each of the three takes its list whole: what its work adds is for the next turn.

void ConnectionTable::resume_waiting() {
    const auto resuming = std::exchange(resuming_, {});
    for (const ConnectionId id : resuming) {
        Connection* connection = find(id);
        if (connection == nullptr) continue;
        connection->resuming_ = false;
        connection->paused_ = false;
        connection->watch();
        if (!connection->kept_.empty() || upgrades_.contains(connection->slot_))
            connection->kept_.consume(connection->offer(connection->kept_.view()));
    }
}

void ConnectionTable::destroy_closed() {
    const auto closed = std::exchange(closed_, {});
    for (const auto& [id, reason] : closed) {
        Slot& slot = slots_[id.slot];
        Connection& connection = *slot.connection;
        if (connection.protocol_) connection.protocol_->on_closed(reason);
        upgrades_.erase(id.slot);
        slot.connection.reset();
        slot.generation = 0;
        if (!addresses_.empty()) forget_address(id.slot);
        free_.push_back(id.slot);
        --open_;
        shard_.counters().connections.subtract();
    }
}

void ConnectionTable::flush() {
    const auto dirty = std::exchange(dirty_, {});
    for (const ConnectionId id : dirty) {
        if (Connection* connection = find(id)) connection->flush();
    }
}

void ConnectionTable::forget_address(std::uint32_t slot) {
    const auto found = addresses_.find(slot);
    if (found == addresses_.end()) return;
    if (departed_) departed_(found->second);
    addresses_.erase(found);
}

}  // namespace millrace
