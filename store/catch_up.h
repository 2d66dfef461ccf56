// The way from the past of a channel into its present.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/message.h"
#include "core/result.h"
#include "store/log.h"

namespace millrace::store {

/// One reader of a stored channel, from a position to what is live, without a gap and without a repeat: pages
/// are read until the store has no more, while live messages are held back. Where too many would have to be
/// held, they are dropped, since the store has them, and read. Belongs to its follower, on that one's shard.
class CatchUp {
  public:
    /// Who is catching up. read(), caught_up() and failed() are the last calls of whatever led to them, so
    /// they may destroy the CatchUp.
    class Follower {
      public:
        /// The page has to come to on_page(), later.
        virtual void read(Range range) = 0;
        /// False: what was sent has to leave first; then on_drained() goes on.
        virtual bool has_room() = 0;
        virtual void send(const MessagePtr& message) = 0;
        /// Every message behind the position that resume() was given is still there.
        virtual void position_found() = 0;
        /// Messages behind the position are gone, or it is none of this store's: what follows begins at
        /// `first`. May come again where retention overtakes a slow reader.
        virtual void position_lost(std::uint64_t first) = 0;
        /// Everything up to cursor() was sent, and what was held behind it: the rest is live.
        virtual void caught_up() = 0;
        virtual void failed(error_code error) = 0;

      protected:
        ~Follower() = default;
    };

    /// `hold_bytes`: what is held back at most.
    CatchUp(Follower& follower, std::string channel, std::size_t hold_bytes);

    /// Everything behind `after` is wanted. `same_epoch`: the position is of this store's life.
    void resume(std::uint64_t after, bool same_epoch);
    /// Everything up to `through` is there already.
    void join(std::uint64_t through);

    void on_page(Result<Page> page);
    void on_drained();
    /// A live message that comes meanwhile.
    void hold(const MessagePtr& message);

    /// The last seq that the follower has.
    std::uint64_t cursor() const { return cursor_; }
    /// Whether held messages were dropped: without the store there is a hole.
    bool has_gap() const { return gap_; }

  private:
    void read_after(std::uint64_t after);
    void send_page();
    void finish();

    Follower& follower_;
    const std::string channel_;
    const std::size_t hold_bytes_;
    std::uint64_t cursor_ = 0;
    bool same_epoch_ = true;
    bool judged_ = true;  ///< the position that resume() was given
    bool sending_ = false;
    bool gap_ = false;
    Page page_;
    std::size_t next_ = 0;
    std::vector<MessagePtr> held_;
    std::size_t held_bytes_ = 0;
};

/// What is sent ahead of a reader that catches up, and what is held back for it, at most.
constexpr std::size_t kAheadBytes = std::size_t{256} * 1024;

}  // namespace millrace::store
