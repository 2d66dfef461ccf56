// What readers have acknowledged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.h"

namespace millrace::bridge {

/// Positions that readers have acknowledged, by reader and channel; in memory, for the channels whose home is
/// one shard. Those used longest ago go when there are too many, or when nobody has used them for long.
/// Belongs to that shard; lives as long as its bridge.
class Cursors {
  public:
    struct Limits {
        std::size_t cursors = 0;
        Milliseconds unused{0};
    };

    struct Place {
        std::uint64_t seq = 0;
        /// The reader itself has said that it was there. Otherwise it may never have heard of this place.
        bool acknowledged = false;
        bool operator==(const Place&) const = default;
    };

    std::optional<Place> find(const std::string& reader, TimePoint now, const Limits& limits);
    /// A reader has everything up to `seq`. Its cursor only moves forward; returns where it is now.
    std::uint64_t acknowledge(const std::string& reader, std::uint64_t seq, TimePoint now,
                              const Limits& limits);
    /// A reader is given what follows `seq`, whatever its cursor was before.
    void begin(const std::string& reader, std::uint64_t seq, TimePoint now, const Limits& limits);

    std::size_t size() const { return used_.size(); }
    /// How many went because there were too many, since the last call.
    std::size_t take_dropped();

  private:
    struct Cursor {
        std::string reader;
        Place place;
        TimePoint used;
    };
    using Used = std::list<Cursor>;  ///< the latest first

    Cursor& use(const std::string& reader, TimePoint now, const Limits& limits);
    void forget_last();
    void expire(TimePoint now, const Limits& limits);

    Used used_;
    std::unordered_map<std::string_view, Used::iterator> by_reader_;
    std::size_t dropped_ = 0;
};

}  // namespace millrace::bridge
