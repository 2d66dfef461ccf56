// What the server says of itself under `$SYS/broker/`, in Mosquitto's names.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.h"
#include "core/counters.h"
#include "core/timer_wheel.h"
#include "mqtt/broker/client_source.h"

namespace millrace::mqtt {

class Broker;

/// Publishes figures, retained, and again when they have changed. One for the server; belongs to its broker's
/// thread, which is any one shard's.
class SysTopics final : private Timer {
  public:
    /// `broker` outlives it; `interval` is not 0.
    SysTopics(Broker& broker, std::string version, Milliseconds interval);

    /// On the shard: now, and from now on.
    void start();

  private:
    /// Per minute, over the last 1, 5 and 15 minutes, each older one weighing less.
    struct Load {
        std::string_view topic;
        Counter Counters::*counter;
        std::uint64_t before = 0;
        std::array<double, 3> averages{};
    };

    void on_timer(TimePoint now) override;
    void publish_counts(TimePoint now);
    void publish_loads();
    void publish(std::string_view topic, std::uint64_t value);
    void publish(std::string_view topic, std::string value);

    Broker& broker_;
    const std::string version_;
    const Milliseconds interval_;
    TimePoint started_{};
    std::uint64_t most_connected_ = 0;
    std::array<Load, 6> loads_;
    std::unordered_map<std::string, std::string> published_;  ///< the latest value of each topic
};

/// `$SYS/broker/clients/connected/<id>`, to whoever has subscribed to it. On the client's shard.
void tell_connected(Broker& broker, std::string_view client_id, const ClientInfo& info);
/// `$SYS/broker/clients/disconnected/<id>`
void tell_disconnected(Broker& broker, std::string_view client_id);

}  // namespace millrace::mqtt
