#include "bridge/cursors.h"

#include <algorithm>
#include <utility>

namespace millrace::bridge {

void Cursors::forget_last() {
    by_reader_.erase(used_.back().reader);
    used_.pop_back();
}

void Cursors::expire(TimePoint now, const Limits& limits) {
    while (!used_.empty() && now - used_.back().used > limits.unused) forget_last();
}

std::optional<Cursors::Place> Cursors::find(const std::string& reader, TimePoint now, const Limits& limits) {
    expire(now, limits);
    if (!by_reader_.contains(reader)) return std::nullopt;
    return use(reader, now, limits).place;
}

std::uint64_t Cursors::acknowledge(const std::string& reader, std::uint64_t seq, TimePoint now,
                                   const Limits& limits) {
    expire(now, limits);
    Place& place = use(reader, now, limits).place;
    place = {.seq = std::max(place.seq, seq), .acknowledged = true};
    return place.seq;
}

void Cursors::begin(const std::string& reader, std::uint64_t seq, TimePoint now, const Limits& limits) {
    expire(now, limits);
    use(reader, now, limits).place = {.seq = seq, .acknowledged = false};
}

Cursors::Cursor& Cursors::use(const std::string& reader, TimePoint now, const Limits& limits) {
    const auto found = by_reader_.find(reader);
    if (found == by_reader_.end()) {
        used_.push_front({reader, {}, now});
        by_reader_.emplace(used_.front().reader, used_.begin());
        while (used_.size() > std::max<std::size_t>(limits.cursors, 1)) {
            forget_last();
            ++dropped_;
        }
    } else {
        used_.splice(used_.begin(), used_, found->second);
        used_.front().used = now;
    }
    return used_.front();
}

std::size_t Cursors::take_dropped() {
    return std::exchange(dropped_, 0);
}

}  // namespace millrace::bridge
