// What one reader may have of a channel's history.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/access/principal.h"
#include "core/message.h"
#include "core/result.h"
#include "store/log.h"

namespace millrace::mqtt {

class Broker;

/// A page of the messages that a reader may receive. What is for others is passed over, and the store is read
/// on until there are as many as were asked for, or the history ends, or enough was looked at: then the
/// reader can go on at next(). Without I/O; belongs to whoever reads.
class ReadablePage {
  public:
    struct Limits {
        std::size_t scan_messages = 10'000;     ///< after so many looked at, nothing more is read
        std::size_t bytes = store::kPageBytes;  ///< of what is found, unless it is a single message
    };

    ReadablePage(store::Range range, access::PrincipalPtr principal, Limits limits);

    /// What is to be read next.
    const store::Range& range() const { return range_; }
    /// True: that was enough.
    bool add(store::Page page);

    /// Ascending by seq, once it was enough.
    const std::vector<MessagePtr>& messages() const { return messages_; }
    std::uint64_t first() const { return first_; }  ///< as in store::Page
    std::uint64_t last() const { return last_; }    ///< as in store::Page, when reading began
    /// There is more to look at in the direction of reading.
    bool more() const { return more_; }
    /// Where that begins: the `after` of a range that has one, else the `before`.
    std::uint64_t next() const { return next_; }
    /// There are fewer than were asked for, and there may be more.
    bool cut() const { return more_ && messages_.size() < wanted_; }

  private:
    bool take(MessagePtr message);
    bool finish(bool more);

    store::Range range_;
    access::PrincipalPtr principal_;
    Limits limits_;
    bool forward_;
    std::size_t wanted_;
    std::vector<MessagePtr> messages_;
    std::size_t bytes_ = 0;
    std::size_t scanned_ = 0;
    std::size_t scanned_bytes_ = 0;
    std::uint64_t first_ = 0;
    std::uint64_t last_ = 0;
    std::uint64_t next_ = 0;
    bool begun_ = false;
    bool more_ = false;
};

/// Reads from the store of `broker` until the page is whole; `done` runs on its shard.
void read(Broker& broker, ReadablePage page, std::function<void(Result<ReadablePage>)> done);

}  // namespace millrace::mqtt
