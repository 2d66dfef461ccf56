// Deadlines, and waiting for something another process does.
#pragma once

#include <chrono>
#include <thread>

namespace millrace::system_test {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// A point in time that several waits share. A value.
class Deadline {
  public:
    explicit Deadline(Clock::duration from_now) : at_(Clock::now() + from_now) {}
    bool passed() const { return Clock::now() >= at_; }
    /// For poll(): at least 0.
    int left_ms() const {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(at_ - Clock::now()).count();
        return left < 0 ? 0 : static_cast<int>(left);
    }

  private:
    Clock::time_point at_;
};

inline constexpr Clock::duration kPatience = 10s;

/// Asks until the answer is yes or time is up; the last answer. For facts that have no event to wait for.
template <class Question>
bool eventually(Question question, Clock::duration patience = kPatience) {
    const Deadline deadline(patience);
    while (!question()) {
        if (deadline.passed()) return question();
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

}  // namespace millrace::system_test
