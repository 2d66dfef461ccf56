// When everything that was under way between threads has arrived.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/timer_wheel.h"

namespace millrace::mqtt {

class Broker;

/// Waits for every distribution of a message that has begun: live messages on their way from any shard, and
/// committed runs on their way from the lanes. Each shard is asked and answers when it has sent what its turn
/// gathered; then no lane may be in the midst of posting a run; then this shard's mailbox is read to where it
/// ended. One per shard; belongs to its Broker and thread.
class GracePeriods final : private Timer {
  public:
    explicit GracePeriods(Broker& broker);
    ~GracePeriods() override;

    /// Runs `done` on this shard, in a later turn: a message whose distribution began before this call has
    /// been delivered here by then, wherever it came from, and is in the mailbox of every other shard it is
    /// for. The caller makes sure that what `done` refers to still exists.
    void wait(std::function<void()> done);
    /// Behind the turn's messages to other shards.
    void on_turn_end();

  private:
    struct Wait {
        GracePeriods& asker;
        std::function<void()> done;
        unsigned missing;  ///< shards that have not answered
    };
    using WaitPtr = std::shared_ptr<Wait>;

    void on_timer(TimePoint now) override;
    void answered(const WaitPtr& wait);
    void finish();

    Broker& broker_;
    std::vector<WaitPtr> asked_;     ///< of any shard, to be answered when the turn ends
    std::vector<WaitPtr> answered_;  ///< of this shard, by all
};

}  // namespace millrace::mqtt
