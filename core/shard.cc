#include "core/shard.h"

#include <algorithm>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "core/message.h"
#include "core/net/connection.h"
#include "core/net/outbox.h"
#include "core/net/poller.h"

namespace millrace {
namespace {

constexpr Milliseconds kLongestSleep{1000};
/// A visitor writes to so many sockets at most; beyond that the other thread is worth waking.
constexpr std::size_t kVisitorFlushesMax = 16;

}  // namespace

/// Wakes the shard from other threads: an eventfd in the poller. Edge-triggered, so that nobody has to read
/// it.
class Shard::Waker final : public PollHandler {
  public:
    explicit Waker(Shard& shard) : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (event_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
        shard.poller_->add(event_, *this, EPOLLIN | EPOLLET);
    }
    ~Waker() { ::close(event_); }

    void wake() const {
        const std::uint64_t one = 1;
        while (::write(event_, &one, sizeof one) < 0 && errno == EINTR) {
        }
    }
    void on_ready(std::uint32_t) override {}

  private:
    int event_;
};

Shard::Shard(unsigned index)
    : index_(index),
      timers_(steady_now()),
      poller_(std::make_unique<Poller>()),
      buffers_(std::make_unique<BufferPool>()),
      connections_(std::make_unique<ConnectionTable>(*this)),
      scratch_(new std::byte[kScratchBytes]),
      wall_clock_us_(millrace::wall_clock_us()),
      waker_(std::make_unique<Waker>(*this)) {}

Shard::~Shard() = default;

void Shard::post(std::unique_ptr<Letter> letter) {
    mailbox_.push(std::move(letter));
    // Pairs with the fence in fall_asleep(): either the shard sees the letter or we see it asleep.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    call();
}

void Shard::call() {
    Presence asleep = Presence::asleep;
    if (presence_.load(std::memory_order_relaxed) == asleep &&
        presence_.compare_exchange_strong(asleep, Presence::called)) {
        waker_->wake();
    }
}

void Shard::note_told(Shard& target) {
    if (std::find(told_.begin(), told_.end(), &target) == told_.end()) told_.push_back(&target);
}

void Shard::see_to_told() {
    if (told_.empty()) return;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (Shard* target : told_) target->visit();
    told_.clear();
}

/// On another shard's thread. Who is awake or visited looks into the mailbox anyway.
void Shard::visit() {
    for (;;) {
        Presence asleep = Presence::asleep;
        if (!presence_.compare_exchange_strong(asleep, Presence::visited)) return;
        const bool done = turn_for_visitor();
        const Presence now = presence_.exchange(Presence::asleep);
        if (now == Presence::awaited) return presence_.notify_one();
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (!done) return call();
        if (mailbox_.empty()) return;
    }
}

/// What a visitor does. False: the shard's own thread has to go on.
bool Shard::turn_for_visitor() {
    was_visited_ = true;
    look_at_clocks();
    mailbox_.drain();
    prepare_end();
    if (connections_->waiting_to_flush() <= kVisitorFlushesMax) connections_->flush();
    for (Shard* target : std::exchange(told_, {})) target->call();
    return !connections_->unfinished() && timers_.now() + timers_.until_next(kLongestSleep) >= sleeps_until_;
}

void Shard::stop() {
    stopping_.store(true, std::memory_order_release);
    waker_->wake();
}

void Shard::fall_asleep() {
    presence_.store(Presence::asleep, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

/// Waits for a visitor to leave, which does not take long.
void Shard::come_back() {
    Presence now = presence_.load(std::memory_order_relaxed);
    for (;;) {
        if (now == Presence::awaited) {
            presence_.wait(now);
            now = presence_.load(std::memory_order_relaxed);
            continue;
        }
        const Presence next = now == Presence::visited ? Presence::awaited : Presence::awake;
        if (!presence_.compare_exchange_weak(now, next, std::memory_order_acquire)) continue;
        if (next == Presence::awake) return;
        now = next;
    }
}

/// Serves the sockets that are ready, as soon as one is.
void Shard::wait(Milliseconds longest) {
    sleeps_until_ = timers_.now() + longest;
    fall_asleep();
    const bool must_not_wait = !mailbox_.empty() || stopping_.load(std::memory_order_acquire);
    auto ready = poller_->wait(must_not_wait ? Milliseconds{0} : longest);
    come_back();
    look_at_clocks();
    // What was ready may be gone; what is still there is ready again.
    if (std::exchange(was_visited_, false)) ready = poller_->wait(Milliseconds{0});
    Poller::serve(ready);
}

/// Before anything is done with them: deadlines count from now, not from when the shard fell asleep.
void Shard::look_at_clocks() {
    wall_clock_us_ = millrace::wall_clock_us();
    timers_.set_now(steady_now());
}

void Shard::prepare_end() {
    connections_->resume_waiting();
    connections_->destroy_closed();
    for (TurnEnd* listener : turn_end_) listener->on_turn_end();
}

void Shard::end_turn() {
    prepare_end();
    connections_->flush();
    see_to_told();
}

void Shard::turn(Milliseconds longest) {
    if (connections_->unfinished()) longest = Milliseconds{0};
    wait(timers_.until_next(longest));
    mailbox_.drain();
    timers_.advance();
    end_turn();
}

void Shard::run() {
    while (!stopping_.load(std::memory_order_acquire)) turn(kLongestSleep);
    turn(Milliseconds{0});
    connections_->close_all();
    end_turn();
}

}  // namespace millrace
