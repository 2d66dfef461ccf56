// Positions by time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/result.h"
#include "store/log.h"

namespace millrace::store {

/// The first seq from `first` to `last` that was committed at `us` or later, else last + 1: in a channel the
/// order of seq is that of time, so it is found by halving. `at(seq)` is a Result<std::int64_t>, when that
/// message was committed; one that has gone meanwhile counts as old:
/// std::numeric_limits<std::int64_t>::min().
template <class At>
Result<std::uint64_t> first_since(std::uint64_t first, std::uint64_t last, std::int64_t us, At&& at) {
    std::uint64_t count = first == 0 ? 0 : last - first + 1;
    std::uint64_t from = first == 0 ? last + 1 : first;
    while (count != 0) {
        const std::uint64_t half = count / 2;
        const Result<std::int64_t> committed = at(from + half);
        if (!committed) return committed.error();
        if (*committed < us) {
            from += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return from;
}

/// `range` with its times made positions, `page` being that of the channel.
template <class At>
Result<Range> by_position(Range range, const Page& page, At&& at) {
    if (range.since_us) {
        const Result<std::uint64_t> seq = first_since(page.first, page.last, *range.since_us, at);
        if (!seq) return seq.error();
        range.after = std::max(range.after.value_or(0), *seq - 1);
    }
    if (range.until_us) {
        const Result<std::uint64_t> seq = first_since(page.first, page.last, *range.until_us, at);
        if (!seq) return seq.error();
        range.before = std::min(range.before.value_or(*seq), *seq);
    }
    return range;
}

}  // namespace millrace::store
