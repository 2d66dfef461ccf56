// Changes of sessions, in few words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/session_log.h"

namespace millrace::store::test {

inline KeptSubscription kept_subscription(std::string_view filter, int qos = 1) {
    KeptSubscription subscription;
    subscription.filter = filter;
    subscription.qos = static_cast<std::uint8_t>(qos);
    return subscription;
}

inline SessionChange change_of(const KeptSession& session,
                               const std::vector<KeptSubscription>& subscribed = {},
                               const std::vector<std::string>& unsubscribed = {}) {
    SessionChange change;
    change.session = session;
    for (const std::string& filter : unsubscribed) change.subscriptions[filter] = std::nullopt;
    for (const KeptSubscription& kept : subscribed) change.subscriptions[kept.filter] = kept;
    return change;
}

inline SessionChange end_of(std::int64_t id) {
    SessionChange change;
    change.session.id = id;
    change.ended = true;
    return change;
}

}  // namespace millrace::store::test
