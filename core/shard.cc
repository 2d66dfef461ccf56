#include "core/shard.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

#include "core/message.h"
#include "core/net/connection.h"
#include "core/net/outbox.h"
#include "core/net/poller.h"

namespace millrace {
namespace {

/// While sockets keep a shard busy, Asio's own handlers are looked after once in so many turns.
constexpr unsigned kTurnsBetweenAsio = 16;
constexpr Milliseconds kLongestSleep{1000};

}  // namespace

/// Wakes the shard from other threads (an eventfd in the poller), and wakes Asio when the poller is ready.
class Shard::Waker final : public PollHandler {
  public:
    explicit Waker(Shard& shard)
        : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), epoll_(*shard.context_, shard.poller_->fd()) {
        if (event_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
        shard.poller_->add(event_, *this, EPOLLIN);
    }
    ~Waker() {
        epoll_.release();
        ::close(event_);
    }

    void wake() const {
        const std::uint64_t one = 1;
        while (::write(event_, &one, sizeof one) < 0 && errno == EINTR) {
        }
    }
    void on_ready(std::uint32_t) override {
        std::uint64_t count = 0;
        while (::read(event_, &count, sizeof count) < 0 && errno == EINTR) {
        }
    }
    /// Makes the io_context return from its wait when the poller has something.
    void watch_poller() {
        if (waiting_) return;
        waiting_ = true;
        epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [this](const error_code&) { waiting_ = false; });
    }

  private:
    int event_;
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> epoll_;
    bool waiting_ = false;
};

Shard::Shard(unsigned index)
    : index_(index),
      context_(std::make_unique<boost::asio::io_context>(1)),
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
    // Pairs with the fence in wait(): either the shard sees the letter or we see it asleep.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_relaxed) && asleep_.exchange(false)) waker_->wake();
}

void Shard::stop() {
    stopping_.store(true, std::memory_order_release);
    waker_->wake();
}

void Shard::wait(Milliseconds longest) {
    asleep_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (mailbox_.empty() && !stopping_.load(std::memory_order_acquire)) {
        waker_->watch_poller();
        context_->restart();
        context_->run_one_for(timers_.until_next(longest));
    }
    asleep_.store(false, std::memory_order_relaxed);
}

bool Shard::serve_ready() {
    wall_clock_us_ = millrace::wall_clock_us();
    bool busy = poller_->poll() > 0;
    if (mailbox_.drain()) busy = true;
    timers_.advance(steady_now());
    return busy;
}

void Shard::finish_turn() {
    connections_->resume_waiting();
    connections_->destroy_closed();
    for (TurnEnd* listener : turn_end_) listener->on_turn_end();
    connections_->flush();
}

void Shard::turn(Milliseconds longest) {
    const bool busy = serve_ready();
    finish_turn();
    if (!busy && !connections_->unfinished()) {
        wait(longest);
    } else if (++busy_turns_ % kTurnsBetweenAsio == 0) {
        context_->restart();
        context_->poll();
    }
}

void Shard::run() {
    while (!stopping_.load(std::memory_order_acquire)) turn(kLongestSleep);
    serve_ready();
    finish_turn();
    connections_->close_all();
    finish_turn();
}

}  // namespace millrace
