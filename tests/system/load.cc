#include "tests/system/load.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <deque>
#include <stdexcept>
#include <utility>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/mqtt_wire.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
constexpr Clock::duration kLoadTime = 60s;
constexpr std::size_t kMqttWindow = 64;  // unacknowledged messages of a publisher
constexpr std::size_t kBridgeWindow = 64;

std::string data_of(const std::string& key) {
    return "{\"m\":\"" + key + "\"}";
}

/// What stands between the quotes after `before`, without parsing all of it: the load is large.
std::string_view quoted_after(std::string_view text, std::string_view before) {
    const std::size_t at = text.find(before);
    if (at == std::string_view::npos) return {};
    const std::size_t begin = at + before.size();
    return text.substr(begin, text.find('"', begin) - begin);
}

std::uint64_t number_after(std::string_view text, std::string_view before) {
    const std::size_t at = text.find(before);
    return at == std::string_view::npos ? 0 : std::strtoull(text.data() + at + before.size(), nullptr, 10);
}

/// A `message` or `event` frame of the load; an empty key for any other frame.
Seen seen_in_frame(const std::string& frame) {
    return {std::string(quoted_after(frame, R"("channel":")")), std::string(quoted_after(frame, R"({"m":")")),
            number_after(frame, R"("seq":)")};
}

Seen seen_in_publish(const MqttPacket& packet, int level) {
    const MqttMessage message = parse_publish(packet, level);
    const auto seq = message.user_properties.find("seq");
    return {message.topic, std::string(quoted_after(message.payload, R"({"m":")")),
            seq == message.user_properties.end() ? 0 : std::stoull(seq->second)};
}

/// One thread's part in a latch, done at the latest when the thread gives up.
class Arrival {
  public:
    explicit Arrival(std::latch& latch) : latch_(&latch) {}
    ~Arrival() { arrive(); }
    Arrival(const Arrival&) = delete;
    Arrival& operator=(const Arrival&) = delete;

    void arrive() {
        if (latch_ != nullptr) std::exchange(latch_, nullptr)->count_down();
    }
    void arrive_and_wait() { std::exchange(latch_, nullptr)->arrive_and_wait(); }

  private:
    std::latch* latch_;
};

void join_and_wait(BridgeClient& client, const std::vector<std::string>& channels) {
    for (const std::string& channel : channels) {
        client.send("join", channel, {{"history", false}, {"presence", false}});
    }
    for (std::size_t joined = 0; joined < channels.size(); ++joined) {
        if (!client.next("join")) throw std::runtime_error("no acknowledgement of a join");
    }
}

}  // namespace

std::string LoadPlan::channel(int index) const {
    return "load/room-" + std::to_string(index % channels);
}

Load::Load(const Server& server, LoadPlan plan)
    : plan_(std::move(plan)),
      mqtt_port_(server.mqtt_port()),
      http_port_(server.http_port()),
      subscribed_(3 * plan_.subscribers_per_kind + 1),
      connected_(plan_.http_publishers + plan_.mqtt_publishers + plan_.bridge_publishers) {}

Seen Load::message(std::string_view door, int index, int k, int first, int width) const {
    return {plan_.channel(first + (k * 7 + index) % width),
            plan_.name + "-" + std::string(door) + std::to_string(index) + "-" + std::to_string(k), 0};
}

void Load::start() {
    for (int i = 0; i < plan_.subscribers_per_kind; ++i) {
        mqtt5_.push_back(std::async(std::launch::async, [this, i] { return watch_mqtt(kMqtt5, i); }));
        mqtt311_.push_back(std::async(std::launch::async, [this, i] { return watch_mqtt(kMqtt311, i); }));
        bridge_.push_back(std::async(std::launch::async, [this, i] { return watch_bridge(i); }));
    }
    subscribed_.arrive_and_wait();
    start_publishers(&Load::publish_http, plan_.http_publishers);
    start_publishers(&Load::publish_mqtt, plan_.mqtt_publishers);
    start_publishers(&Load::publish_bridge, plan_.bridge_publishers);
}

void Load::start_publishers(Publisher publisher, int count) {
    for (int i = 0; i < count; ++i) {
        publishers_.push_back(std::async(std::launch::async, publisher, this, i));
    }
}

LoadResult Load::finish() {
    LoadResult result;
    for (auto& publisher : publishers_) {
        for (Seen& seen : publisher.get()) result.acknowledged.push_back(std::move(seen));
    }
    for (auto& subscriber : mqtt5_) result.mqtt5.push_back(subscriber.get());
    for (auto& subscriber : mqtt311_) result.mqtt311.push_back(subscriber.get());
    for (auto& subscriber : bridge_) result.bridge.push_back(subscriber.get());
    return result;
}

std::vector<Seen> Load::publish_http(int index) {
    std::vector<Seen> acknowledged;
    Arrival arrival(connected_);
    HttpConnection connection(http_port_);
    arrival.arrive_and_wait();
    for (int k = 0; k < plan_.http_messages; ++k) {
        Seen seen = message("http", index, k, 0, plan_.channels);
        const HttpAnswer answer =
            connection.request("POST", "/v1/publish",
                               "{\"channel\":\"" + seen.channel + "\",\"data\":" + data_of(seen.key) + "}");
        if (answer.status != 201) break;
        seen.seq = number_after(answer.body, R"("seq":)");
        acknowledged.push_back(std::move(seen));
        ++acknowledged_;
    }
    return acknowledged;
}

std::vector<Seen> Load::publish_mqtt(int index) {
    std::vector<Seen> acknowledged;
    Arrival arrival(connected_);
    const int level = index % 2 == 0 ? kMqtt5 : kMqtt311;
    MqttConnection connection(mqtt_port_, level, plan_.name + "-publisher-" + std::to_string(index));
    arrival.arrive_and_wait();
    const Deadline deadline(kLoadTime);
    std::deque<std::pair<std::uint16_t, Seen>> in_flight;
    for (int k = 0; k < plan_.mqtt_messages || !in_flight.empty();) {
        if (k < plan_.mqtt_messages && in_flight.size() < kMqttWindow) {
            const auto id = static_cast<std::uint16_t>(k + 1);
            const Seen& seen =
                in_flight.emplace_back(id, message("mqtt", index, k++, 0, plan_.channels)).second;
            connection.send(mqtt_publish(level, seen.channel, data_of(seen.key), 1, id));
            continue;
        }
        const std::optional<MqttPacket> packet = connection.read(deadline);
        // PUBACKs come in the order of the PUBLISHes [MQTT-4.6.0-2].
        if (!packet || packet->type() != PacketType::puback || packet->id() != in_flight.front().first) break;
        acknowledged.push_back(std::move(in_flight.front().second));
        in_flight.pop_front();
        ++acknowledged_;
    }
    return acknowledged;
}

/// The bridge acknowledges nothing, but a sender receives its own message, after the commit.
std::vector<Seen> Load::publish_bridge(int index) {
    std::vector<Seen> acknowledged;
    Arrival arrival(connected_);
    BridgeClient client(http_port_);
    const int width = plan_.channels / plan_.bridge_publishers;
    std::vector<std::string> channels;
    for (int i = 0; i < width; ++i) channels.push_back(plan_.channel(index * width + i));
    join_and_wait(client, channels);
    arrival.arrive_and_wait();
    const std::string own = plan_.name + "-bridge" + std::to_string(index) + "-";
    const Deadline deadline(kLoadTime);
    const auto messages = static_cast<std::size_t>(plan_.bridge_messages);
    for (std::size_t sent = 0; acknowledged.size() < messages;) {
        if (sent < messages && sent - acknowledged.size() < kBridgeWindow) {
            const Seen seen = message("bridge", index, static_cast<int>(sent++), index * width, width);
            client.message(seen.channel, {{"m", seen.key}});
            continue;
        }
        const std::optional<std::string> frame = client.socket().read(deadline);
        if (!frame) break;
        Seen seen = seen_in_frame(*frame);
        if (!seen.key.starts_with(own)) continue;
        acknowledged.push_back(std::move(seen));
        ++acknowledged_;
    }
    return acknowledged;
}

SeenByChannel Load::watch_mqtt(int level, int index) {
    SeenByChannel result;
    Arrival arrival(subscribed_);
    MqttConnection connection(mqtt_port_, level,
                              plan_.name + "-watcher-" + std::to_string(level) + "-" + std::to_string(index));
    connection.subscribe("load/#", 1);
    arrival.arrive();
    const Deadline deadline(kLoadTime);
    for (std::size_t left = plan_.total(); left > 0; --left) {
        const std::optional<MqttPacket> packet = connection.read(deadline);
        if (!packet || packet->type() != PacketType::publish) break;
        connection.send(mqtt_ack(PacketType::puback, parse_publish(*packet, level).id));
        Seen seen = seen_in_publish(*packet, level);
        result[seen.channel].push_back(std::move(seen));
    }
    return result;
}

SeenByChannel Load::watch_bridge(int index) {
    SeenByChannel result;
    Arrival arrival(subscribed_);
    BridgeClient client(http_port_);
    std::vector<std::string> channels;
    for (int i = 0; i < plan_.channels; ++i) channels.push_back(plan_.channel(i));
    // One of them joins by filter, the others by name.
    join_and_wait(client, index == 0 ? std::vector<std::string>{"load/+"} : channels);
    arrival.arrive();
    const Deadline deadline(kLoadTime);
    for (std::size_t left = plan_.total(); left > 0;) {
        const std::optional<std::string> frame = client.socket().read(deadline);
        if (!frame) break;
        Seen seen = seen_in_frame(*frame);
        if (seen.key.empty()) continue;
        result[seen.channel].push_back(std::move(seen));
        --left;
    }
    return result;
}

StoredChannel read_channel(std::uint16_t http_port, const std::string& channel) {
    StoredChannel stored;
    HttpConnection connection(http_port);
    std::string encoded = channel;
    for (std::size_t at = 0; (at = encoded.find('/', at)) != std::string::npos;)
        encoded.replace(at, 1, "%2F");
    for (bool more = true; more;) {
        const std::uint64_t after = stored.messages.empty() ? 0 : stored.messages.back().seq;
        const HttpAnswer answer = connection.request(
            "GET", "/v1/channels/" + encoded + "/messages?limit=500&after=" + std::to_string(after));
        if (answer.status != 200) throw std::runtime_error(channel + ": " + answer.body);
        const json::value page = answer.json();
        stored.epoch = page.at("epoch").as_string().c_str();
        for (const json::value& message : page.at("messages").as_array()) {
            stored.messages.push_back({channel, message.at("data").at("m").as_string().c_str(),
                                       message.at("seq").to_number<std::uint64_t>()});
        }
        more = page.at("more").as_bool();
    }
    return stored;
}

}  // namespace millrace::system_test
