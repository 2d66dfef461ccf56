// Which subscribers a topic reaches.
#pragma once

#include <boost/container_hash/hash.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/broker/subscriber.h"

namespace millrace::mqtt {

/// Finds a std::string by any text, without making one.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return boost::hash<std::string_view>{}(text); }
};

/// The subscriptions of one shard: exact filters in a hash map, filters with wildcards in a trie. Belongs to
/// the shard's thread; does not own the subscribers.
class SubscriptionIndex {
  public:
    struct Found {
        Subscriber* subscriber;
        Match match;
    };

    SubscriptionIndex();
    ~SubscriptionIndex();

    /// True when the pair is new; an existing one gets the new options [MQTT-3.8.4-3]. The filter must be
    /// valid.
    bool add(std::string_view filter, Subscriber& subscriber, const SubscriptionOptions& options);
    /// True when it was there.
    bool remove(std::string_view filter, Subscriber& subscriber);

    /// Everybody the topic reaches, each once, overlapping subscriptions merged. Valid until the next call;
    /// `origin` is the publisher, left out where a subscription says No Local. Asked about the same topic
    /// again, as in a burst of messages, it does not look a second time.
    const std::vector<Found>& find(std::string_view topic, const void* origin);

    /// Calls `visit` for each filter without wildcards that somebody has.
    void for_each_exact(const std::function<void(const std::string&)>& visit) const;

    /// Calls `visit` for everybody who has exactly this filter, which has no wildcards.
    void for_each_subscriber(std::string_view filter,
                             const std::function<void(const Subscriber&)>& visit) const;

    std::size_t size() const { return size_; }

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    std::size_t size_ = 0;
};

}  // namespace millrace::mqtt
