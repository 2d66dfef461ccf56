// Who is in a channel: the port to the rosters, for doors that do not keep them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace millrace::mqtt {

/// A part of a roster, in the order of entering.
struct RosterPage {
    std::string members;     ///< a JSON array of member objects
    std::size_t total = 0;   ///< of the whole roster
    std::uint64_t next = 0;  ///< `after` of the next page; 0: this is the last
};

/// The rosters of all shards, as one shard reaches them. Belongs to that shard's thread.
class Presence {
  public:
    /// `done` runs on this shard. `after`: 0, or the `next` of the page before.
    virtual void list_members(std::string channel, std::uint64_t after, std::size_t limit,
                              std::function<void(RosterPage)> done) = 0;

  protected:
    ~Presence() = default;
};

}  // namespace millrace::mqtt
