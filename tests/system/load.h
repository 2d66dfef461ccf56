// Many publishers and many subscribers at once, through three doors, and what each of them has to tell.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <latch>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/system/support/server.h"

namespace millrace::system_test {

/// A message of the load as somebody saw it. Its data is {"m":"<key>"}, and the key is used once.
struct Seen {
    std::string channel;
    std::string key;
    std::uint64_t seq = 0;  // 0: that door does not say

    bool operator==(const Seen&) const = default;
};

using SeenByChannel = std::map<std::string, std::vector<Seen>>;

/// The channels of the load, and how much of it there is.
struct LoadPlan {
    std::string name;  // makes the keys of one round differ from those of others
    int channels = 50;
    int http_publishers = 8, http_messages = 500;
    int mqtt_publishers = 4, mqtt_messages = 2000;
    int bridge_publishers = 5, bridge_messages = 1600;
    int subscribers_per_kind = 3;

    std::size_t total() const {
        return static_cast<std::size_t>(http_publishers * http_messages + mqtt_publishers * mqtt_messages +
                                        bridge_publishers * bridge_messages);
    }
    std::string channel(int index) const;
};

/// What came of a load: what the server acknowledged to publishers, and what each subscriber saw, in its
/// order.
struct LoadResult {
    std::vector<Seen> acknowledged;
    std::vector<SeenByChannel> mqtt5;
    std::vector<SeenByChannel> mqtt311;
    std::vector<SeenByChannel> bridge;
};

/// Runs a plan on threads of its own. Publishers stop when all is acknowledged or their connection ends;
/// subscribers when they have seen as much as the plan has, their connection ends, or time is up.
class Load {
  public:
    Load(const Server& server, LoadPlan plan);

    /// Connects everybody; publishing starts once every subscriber is subscribed and every publisher
    /// connected.
    void start();
    /// So far, over all publishers.
    std::size_t acknowledged() const { return acknowledged_; }
    LoadResult finish();

  private:
    using Publisher = std::vector<Seen> (Load::*)(int index);

    std::vector<Seen> publish_http(int index);
    std::vector<Seen> publish_mqtt(int index);
    std::vector<Seen> publish_bridge(int index);
    SeenByChannel watch_mqtt(int level, int index);
    SeenByChannel watch_bridge(int index);
    void start_publishers(Publisher publisher, int count);
    /// The k-th message of a publisher that writes to `width` channels from `first` on.
    Seen message(std::string_view door, int index, int k, int first, int width) const;

    LoadPlan plan_;
    std::uint16_t mqtt_port_;
    std::uint16_t http_port_;
    std::latch subscribed_;
    std::latch connected_;  // the publishers
    std::atomic<std::size_t> acknowledged_{0};
    std::vector<std::future<std::vector<Seen>>> publishers_;
    std::vector<std::future<SeenByChannel>> mqtt5_;
    std::vector<std::future<SeenByChannel>> mqtt311_;
    std::vector<std::future<SeenByChannel>> bridge_;
};

/// A channel as GET …/messages gives it, all pages.
struct StoredChannel {
    std::vector<Seen> messages;
    std::string epoch;
};
StoredChannel read_channel(std::uint16_t http_port, const std::string& channel);

}  // namespace millrace::system_test
