// Whole ways through one shard, from socket to socket, without the kernel's share.
#include <memory>
#include <string>
#include <vector>

#include "bench/micro/case.h"
#include "bench/micro/samples.h"
#include "bench/micro/world.h"

namespace millrace::bench {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;
constexpr std::uint16_t kBatch = 16;
constexpr std::size_t kListeners = 200;
constexpr std::string_view kStored = "stored/site/4711/temperature";

/// A publisher and a subscriber, `kBatch` messages a turn.
class Pair {
  public:
    Pair(Version version, Qos qos, std::string_view topic)
        : version_(version),
          qos_(qos),
          subscriber_(world_.subscribe_mqtt("subscriber", version, topic, qos)),
          publisher_(world_.connect_mqtt("publisher", version)) {
        for (std::uint16_t id = 1; id <= kBatch; ++id)
            publishes_.append(sample_publish(version, qos, id, topic).view());
    }

    void step() {
        publisher_.send(publishes_.view());
        if (qos_ == Qos::at_most_once) {
            world_.turn();
            return subscriber_.expect(publishes_.size());
        }
        world_.turn_until(subscriber_, publishes_.size());
        publisher_.expect(kAckBytes);
        if (qos_ == Qos::exactly_once) {
            publisher_.send(acks(PacketType::pubrel, 1));
            subscriber_.send(acks(PacketType::pubrec, next_id_));
            world_.turn();
            publisher_.expect(kAckBytes);
            subscriber_.expect(kAckBytes);
        }
        const PacketType last = qos_ == Qos::exactly_once ? PacketType::pubcomp : PacketType::puback;
        subscriber_.send(acks(last, next_id_));
        world_.turn();
        next_id_ = static_cast<std::uint16_t>((next_id_ - 1U + kBatch) % 65'535U + 1U);
    }

  private:
    static constexpr std::size_t kAckBytes = 4 * kBatch;

    ByteView acks(PacketType type, std::uint16_t first_id) {
        acks_.clear();
        for (std::uint16_t i = 0; i < kBatch; ++i) {
            const auto id = static_cast<std::uint16_t>((first_id - 1U + i) % 65'535U + 1U);
            mqtt::encode_publish_ack(acks_, type, id, mqtt::ReasonCode::success, version_);
        }
        return acks_.view();
    }

    Version version_;
    Qos qos_;
    World world_;
    Socket subscriber_;
    Socket publisher_;
    ByteBuffer publishes_;
    ByteBuffer acks_;
    std::uint16_t next_id_ = 1;
};

void add_pair(Cases& cases, const char* name, Version version, Qos qos, std::string_view topic = kTopic) {
    cases.push_back({name, 100 * kBatch, [=] {
                         auto pair = std::make_unique<Pair>(version, qos, topic);
                         return repeat([pair = std::move(pair)] { pair->step(); }, kBatch);
                     }});
}

/// One publisher, many who listen.
class FanOut {
  public:
    FanOut(std::size_t listeners, bool browsers)
        : publisher_(world_.connect_mqtt("publisher", Version::v311)) {
        for (std::size_t i = 0; i < listeners; ++i) {
            listeners_.push_back(browsers ? world_.join_browser(kTopic)
                                          : world_.subscribe_mqtt("listener " + std::to_string(i),
                                                                  Version::v311, kTopic, Qos::at_most_once));
        }
        publisher_.send(packet_.view());
        frame_bytes_ = world_.settle(listeners_.front());
        for (std::size_t i = 1; i < listeners; ++i) listeners_[i].receive();
    }

    void step() {
        publisher_.send(packet_.view());
        world_.turn();
        for (const Socket& listener : listeners_) listener.expect(frame_bytes_);
    }

  private:
    World world_;
    Socket publisher_;
    std::vector<Socket> listeners_;
    ByteBuffer packet_ = sample_publish(Version::v311, Qos::at_most_once);
    std::size_t frame_bytes_ = 0;
};

void add_fan_out(Cases& cases, const char* name, bool browsers) {
    cases.push_back({name, 20 * kListeners, [browsers] {
                         auto fan = std::make_unique<FanOut>(kListeners, browsers);
                         return repeat([fan = std::move(fan)] { fan->step(); }, kListeners);
                     }});
}

/// Eight publishers and eight subscribers of one topic.
class Crossing {
  public:
    static constexpr std::size_t kEach = 8;
    static constexpr std::size_t kDeliveries = kEach * kEach * kBatch;

    Crossing() {
        for (std::size_t i = 0; i < kEach; ++i) {
            const std::string number = std::to_string(i);
            subscribers_.push_back(
                world_.subscribe_mqtt("subscriber " + number, Version::v311, kTopic, Qos::at_most_once));
            publishers_.push_back(world_.connect_mqtt("publisher " + number, Version::v311));
        }
        for (std::size_t i = 0; i < kBatch; ++i)
            packets_.append(sample_publish(Version::v311, Qos::at_most_once).view());
    }

    void step() {
        for (const Socket& publisher : publishers_) publisher.send(packets_.view());
        world_.turn();
        for (const Socket& subscriber : subscribers_) subscriber.expect(kEach * packets_.size());
    }

  private:
    World world_;
    std::vector<Socket> subscribers_;
    std::vector<Socket> publishers_;
    ByteBuffer packets_;
};

/// HTTP clients that each ask once a turn.
class Requests {
  public:
    static constexpr std::size_t kClients = 8;

    explicit Requests(std::string_view request) : request_(request) {
        for (std::size_t i = 0; i < kClients; ++i) clients_.push_back(world_.connect_http());
    }

    void step() {
        for (const Socket& client : clients_) client.send(as_bytes(request_));
        for (const Socket& client : clients_) world_.turn_until(client, 1);
    }

  private:
    World world_;
    std::string request_;
    std::vector<Socket> clients_;
};

std::string publish_request(std::string_view channel, std::string_view data = kPayload) {
    const std::string body =
        R"({"channel":")" + std::string(channel) + R"(","data":)" + std::string(data) + "}";
    return "POST /v1/publish HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
           "Content-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string batch_request(std::size_t messages) {
    std::string body = R"({"messages":[)";
    for (std::size_t i = 0; i < messages; ++i) {
        body.append(i == 0 ? "" : ",").append(R"({"channel":")").append(kStored);
        body.append(R"(","data":)").append(kPayload).append("}");
    }
    body += "]}";
    return "POST /v1/publish/batch HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
           "Content-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

void add_requests(Cases& cases, const char* name, const std::string& request, std::size_t each = 1) {
    const std::size_t batch = Requests::kClients * each;
    cases.push_back({name, 25 * batch, [=] {
                         auto requests = std::make_unique<Requests>(request);
                         return repeat([requests = std::move(requests)] { requests->step(); }, batch);
                     }});
}

}  // namespace

void add_door_cases(Cases& cases) {
    add_pair(cases, "door/mqtt_pair_qos0", Version::v311, Qos::at_most_once);
    add_pair(cases, "door/mqtt_pair_qos1", Version::v311, Qos::at_least_once);
    add_pair(cases, "door/mqtt_pair_qos2", Version::v311, Qos::exactly_once);
    add_pair(cases, "door/mqtt_pair_v5_qos1", Version::v5, Qos::at_least_once);
    add_pair(cases, "door/mqtt_pair_qos1_stored", Version::v311, Qos::at_least_once, kStored);
    add_fan_out(cases, "door/mqtt_fan_out_per_delivery", false);
    add_fan_out(cases, "door/browser_fan_out_per_delivery", true);
    cases.push_back({"door/mqtt_8x8_per_delivery", 10 * Crossing::kDeliveries, [] {
                         auto crossing = std::make_unique<Crossing>();
                         return repeat([crossing = std::move(crossing)] { crossing->step(); },
                                       Crossing::kDeliveries);
                     }});
    add_requests(cases, "door/http_healthz", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n");
    add_requests(cases, "door/http_publish_live", publish_request(kTopic));
    add_requests(cases, "door/http_publish_stored", publish_request(kStored));
    add_requests(cases, "door/http_batch_per_message", batch_request(100), 100);
}

}  // namespace millrace::bench
