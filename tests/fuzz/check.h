// What a fuzz target says of its input; libFuzzer keeps the input when it does not hold.
#pragma once

#include <cstdlib>

namespace millrace::fuzz {

inline void check(bool holds) {
    if (!holds) std::abort();
}

}  // namespace millrace::fuzz
