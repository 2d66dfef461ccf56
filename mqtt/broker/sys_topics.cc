#include "mqtt/broker/sys_topics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "core/message_json.h"
#include "mqtt/broker/broker.h"

namespace millrace::mqtt {
namespace {

constexpr std::string_view kRoot = "$SYS/broker/";
constexpr std::array kMinutes{1, 5, 15};
constexpr std::size_t kTopicBytesMax = 65'535;  // [MQTT-4.7.3-3]; a client id alone may be as long

/// A client id as one level of a topic: what cannot stand in one is percent-encoded (RFC 3986 2.1).
std::string level_of(std::string_view client_id) {
    std::string level;
    for (const char c : client_id) {
        if (c != '/' && c != '+' && c != '#' && c != '%') {
            level += c;
            continue;
        }
        char escaped[4];
        std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned>(c));
        level += escaped;
    }
    return level;
}

void append_member(ByteBuffer& json, std::string_view name, std::string_view value) {
    append_json_string(json, name);
    json.append(":");
    append_json_string(json, value);
    json.append(",");
}

void tell(Broker& broker, std::string_view event, std::string_view client_id, ByteBuffer& json) {
    json.append("\"at\":");
    append_json_time(json, broker.shard().wall_clock_us());
    json.append("}");
    std::string topic(kRoot);
    topic.append("clients/").append(event).append("/").append(level_of(client_id));
    if (topic.size() > kTopicBytesMax) return;
    broker.publish_own(topic, json.view(), false);
}

}  // namespace

SysTopics::SysTopics(Broker& broker, std::string version, Milliseconds interval)
    : broker_(broker),
      version_(std::move(version)),
      interval_(interval),
      loads_{Load{"connections", &Counters::connections_total},
             Load{"publish/received", &Counters::messages_in},
             Load{"publish/sent", &Counters::messages_out},
             Load{"publish/dropped", &Counters::dropped_queue_full},
             Load{"bytes/received", &Counters::bytes_in},
             Load{"bytes/sent", &Counters::bytes_out}} {}

void SysTopics::start() {
    started_ = broker_.shard().timers().now();
    publish("version", version_);
    for (Load& load : loads_) load.before = broker_.sum(load.counter);
    publish_counts(started_);
    broker_.shard().timers().arm_in(*this, interval_);
}

void SysTopics::on_timer(TimePoint now) {
    publish_counts(now);
    publish_loads();
    broker_.shard().timers().arm_in(*this, interval_);
}

void SysTopics::publish_counts(TimePoint now) {
    const auto uptime_s = std::chrono::duration_cast<std::chrono::seconds>(now - started_).count();
    publish("uptime", std::to_string(uptime_s) + " seconds");
    const std::uint64_t sessions = broker_.sum(&Counters::sessions);
    const std::uint64_t connected = std::min(broker_.sum(&Counters::mqtt_clients), sessions);
    most_connected_ = std::max(most_connected_, connected);
    publish("clients/total", sessions);
    publish("clients/connected", connected);
    publish("clients/disconnected", sessions - connected);
    publish("clients/maximum", most_connected_);
    std::uint64_t subscriptions = 0;
    for (unsigned i = 0; i < broker_.shards(); ++i)
        subscriptions += broker_.broker_of(i).subscription_count();
    publish("subscriptions/count", subscriptions);
    publish("retained messages/count", broker_.retained().size());
    publish("store/messages/count", broker_.retained().size() + broker_.sum(&Counters::queued_messages));
    publish("store/messages/bytes", broker_.retained().bytes() + broker_.sum(&Counters::queued_bytes));
    publish("publish/messages/received", broker_.sum(&Counters::messages_in));
    publish("publish/messages/sent", broker_.sum(&Counters::messages_out));
    publish("publish/messages/dropped",
            broker_.sum(&Counters::dropped_queue_full) + broker_.sum(&Counters::dropped_queues_full) +
                broker_.sum(&Counters::dropped_outbox_full) + broker_.sum(&Counters::dropped_overloaded) +
                broker_.sum(&Counters::dropped_no_member));
    publish("bytes/received", broker_.sum(&Counters::bytes_in));
    publish("bytes/sent", broker_.sum(&Counters::bytes_out));
}

void SysTopics::publish_loads() {
    const double seconds = std::chrono::duration<double>(interval_).count();
    for (Load& load : loads_) {
        const std::uint64_t total = broker_.sum(load.counter);
        const double rate = static_cast<double>(total - std::exchange(load.before, total)) * 60 / seconds;
        for (std::size_t i = 0; i < kMinutes.size(); ++i) {
            double& average = load.averages[i];
            average = rate + std::exp(-seconds / (60 * kMinutes[i])) * (average - rate);
            char text[32];
            std::snprintf(text, sizeof text, "%.2f", average);
            std::string topic("load/");
            topic.append(load.topic).append("/").append(std::to_string(kMinutes[i])).append("min");
            publish(topic, std::string(text));
        }
    }
}

void SysTopics::publish(std::string_view topic, std::uint64_t value) {
    publish(topic, std::to_string(value));
}

void SysTopics::publish(std::string_view topic, std::string value) {
    std::string name(kRoot);
    name.append(topic);
    std::string& known = published_[name];
    if (known == value) return;
    known = std::move(value);
    broker_.publish_own(name, as_bytes(known), true);
}

void tell_connected(Broker& broker, std::string_view client_id, const ClientInfo& info) {
    ByteBuffer json;
    json.append("{");
    append_member(json, "client", client_id);
    append_member(json, "user", info.user);
    append_member(json, "protocol", info.protocol);
    append_member(json, "transport", info.transport);
    tell(broker, "connected", client_id, json);
}

void tell_disconnected(Broker& broker, std::string_view client_id) {
    ByteBuffer json;
    json.append("{");
    append_member(json, "client", client_id);
    tell(broker, "disconnected", client_id, json);
}

}  // namespace millrace::mqtt
