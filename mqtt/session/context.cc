#include "mqtt/session/context.h"

namespace millrace::mqtt {
namespace {

constexpr unsigned kMessagesPerLook = 32;

std::uint64_t left(std::uint64_t limit, std::uint64_t used) {
    // While a session moves between shards, their sum may for a moment be less than nothing.
    if (static_cast<std::int64_t>(used) < 0) used = 0;
    return limit > used ? limit - used : 0;
}

}  // namespace

bool QueueRoom::take(std::size_t bytes, const SessionLimits& limits) {
    if (census_ == nullptr) return true;
    if (fresh_ == 0 || !fits(bytes)) {
        const QueueTotals used = census_->queued();
        messages_ = left(limits.queued_messages, used.messages);
        bytes_ = left(limits.queued_bytes, used.bytes);
        fresh_ = kMessagesPerLook;
    }
    if (!fits(bytes)) return false;
    --fresh_;
    --messages_;
    bytes_ -= bytes;
    return true;
}

}  // namespace millrace::mqtt
