// Time that tests can hold in their hand.
#pragma once

#include <chrono>
#include <cstdint>

namespace millrace {

/// Milliseconds on a clock that never goes back; where it starts is not specified.
using Milliseconds = std::chrono::duration<std::int64_t, std::milli>;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Milliseconds>;

inline TimePoint steady_now() {
    return std::chrono::time_point_cast<Milliseconds>(std::chrono::steady_clock::now());
}

}  // namespace millrace
