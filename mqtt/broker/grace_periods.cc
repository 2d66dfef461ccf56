#include "mqtt/broker/grace_periods.h"

#include <utility>

#include "mqtt/broker/broker.h"

namespace millrace::mqtt {
namespace {

/// A lane posts a run within microseconds, unless its thread is held up.
constexpr Milliseconds kUntilLanesAreAskedAgain{1};

}  // namespace

GracePeriods::GracePeriods(Broker& broker) : broker_(broker) {}
GracePeriods::~GracePeriods() = default;

void GracePeriods::wait(std::function<void()> done) {
    const auto wait = std::make_shared<Wait>(Wait{*this, std::move(done), broker_.shards()});
    for (unsigned i = 0; i < broker_.shards(); ++i) {
        GracePeriods& asked = broker_.broker_of(i).grace_periods();
        if (&asked == this) {
            asked_.push_back(wait);
        } else {
            asked.broker_.shard().post([&asked, wait] { asked.asked_.push_back(wait); });
        }
    }
}

void GracePeriods::on_turn_end() {
    if (asked_.empty()) return;
    for (const WaitPtr& wait : std::exchange(asked_, {})) {
        wait->asker.broker_.shard().post([wait] { wait->asker.answered(wait); });
    }
}

void GracePeriods::answered(const WaitPtr& wait) {
    if (--wait->missing != 0) return;
    answered_.push_back(wait);
    finish();
}

void GracePeriods::on_timer(TimePoint) {
    finish();
}

void GracePeriods::finish() {
    if (broker_.lanes_distribute()) return broker_.shard().timers().arm_in(*this, kUntilLanesAreAskedAgain);
    broker_.shard().post([waits = std::exchange(answered_, {})] {
        for (const WaitPtr& wait : waits) wait->done();
    });
}

}  // namespace millrace::mqtt
