// A backend that does not stop: what a reader has to keep up with.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/support/wait.h"

namespace millrace::system_test {

/// Publishes 2,000 messages a second on one channel, by HTTP and in batches, from its making until told to
/// stop. Its data are the numbers from 1 on, on a channel of its own the same as `seq`. Owns its thread.
class Publisher {
  public:
    Publisher(std::uint16_t port, std::string channel);
    ~Publisher() { stop(); }
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;

    /// How many the server has acknowledged.
    std::uint64_t stop();
    std::uint64_t acknowledged() const { return acknowledged_; }

  private:
    void run();

    const std::uint16_t port_;
    const std::string channel_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> acknowledged_{0};
    std::thread thread_;
};

/// How often a reader is cut off, at least, while a publisher goes on.
inline constexpr int kCuts = 200;

/// Cuts a reader at random moments until `publisher` has said a lot: `read` opens a connection, reads for the
/// time it is given, and drops it. Returns how many messages were published.
std::uint64_t cut_again_and_again(Publisher& publisher, const std::function<void(Clock::duration)>& read);

/// That from `from` on they are `first` and the numbers that follow it.
void expect_dense(const std::vector<std::uint64_t>& seqs, std::size_t from, std::uint64_t first);

}  // namespace millrace::system_test
