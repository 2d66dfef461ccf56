// A backend that does not stop: what a reader has to keep up with.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace millrace::system_test {

/// Publishes 2,000 messages a second on one channel, by HTTP and in batches, from its making until told to
/// stop. Its data are numbers. Owns its thread.
class Publisher {
  public:
    Publisher(std::uint16_t port, std::string channel);
    ~Publisher() { stop(); }
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;

    /// How many the server has acknowledged.
    std::uint64_t stop();

  private:
    void run();

    const std::uint16_t port_;
    const std::string channel_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> acknowledged_{0};
    std::thread thread_;
};

}  // namespace millrace::system_test
