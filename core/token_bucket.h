// So many a second, and as many at once as fit.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/clock.h"

namespace millrace {

/// Begins full, holds `size` tokens and gains `per_second` a second, both as whoever asks has it. Belongs to
/// what it limits, on one thread.
class TokenBucket {
  public:
    /// Brings it up to date; whether there is a token.
    bool fill(double per_second, double size, TimePoint now) {
        const double seconds = std::chrono::duration<double>(now - filled_).count();
        tokens_ = tokens_ < 0 ? size : std::min(size, tokens_ + seconds * per_second);
        filled_ = now;
        return tokens_ >= kOne;
    }
    /// After fill() has said yes.
    void take() { tokens_ -= 1; }
    /// After fill() has said no: until it will say yes.
    Milliseconds until_next(double per_second) const {
        return Milliseconds{static_cast<std::int64_t>(std::ceil((kOne - tokens_) * 1000 / per_second))};
    }
    TimePoint filled() const { return filled_; }

  private:
    static constexpr double kOne = 1 - 1e-6;  ///< parts that add up to one may fall short of it by a little

    double tokens_ = -1;  ///< never filled
    TimePoint filled_{};
};

}  // namespace millrace
