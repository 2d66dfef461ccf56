// Persistent sessions over the end of the process: kill -9 at any moment, and an orderly stop.
#include <algorithm>
#include <atomic>
#include <gmock/gmock.h>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/system/load.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

using testing::ElementsAre;

/// One visit of a device whose session stays. Belongs to one thread; the connection breaks with its end.
class Visit {
  public:
    Visit(std::uint16_t port, int level, std::string_view client_id, unsigned expiry_s = 3600,
          std::string_view user = {}, std::string_view password = {})
        : connection_(port, level) {
        connection_.send(mqtt_connect_again(level, client_id, expiry_s, user, password));
        const std::optional<MqttPacket> answer = connection_.read_type(PacketType::connack);
        if (!answer || answer->body.size() < 2) throw std::runtime_error("no CONNACK");
        present_ = answer->body[0] == '\1';
        code_ = static_cast<unsigned char>(answer->body[1]);
    }

    bool present() const { return present_; }
    int code() const { return code_; }
    MqttConnection& connection() { return connection_; }
    void subscribe(const std::string& filter, int qos = 1) {
        EXPECT_EQ(connection_.subscribe(filter, qos), qos);
    }
    void unsubscribe(const std::string& filter) {
        const std::string properties(connection_.level() == kMqtt5 ? 1 : 0, '\0');
        connection_.send(mqtt_packet(0xa2, mqtt_u16(9) + properties + mqtt_string(filter)));
        EXPECT_TRUE(connection_.read_type(PacketType::unsuback));
    }
    /// The next message, acknowledged if told to; nothing: none came in time, or the connection broke.
    std::optional<MqttMessage> next(Clock::duration patience, bool acknowledge = true) {
        const Deadline deadline(patience);
        while (const std::optional<MqttPacket> packet = connection_.read(deadline)) {
            if (packet->type() == PacketType::pubrel)
                connection_.send(mqtt_ack(PacketType::pubcomp, packet->id()));
            if (packet->type() != PacketType::publish) continue;
            const MqttMessage message = parse_publish(*packet, connection_.level());
            const bool twice = (packet->first & 0x04) != 0;
            if (acknowledge && message.id != 0)
                connection_.send(mqtt_ack(twice ? PacketType::pubrec : PacketType::puback, message.id));
            return message;
        }
        return {};
    }
    /// Payloads up to `last`.
    std::vector<std::string> read_to(const std::string& last) {
        std::vector<std::string> payloads;
        while (payloads.empty() || payloads.back() != last) {
            const std::optional<MqttMessage> message = next(kPatience);
            if (!message) break;
            payloads.push_back(message->payload);
        }
        return payloads;
    }
    /// Everything sent so far has been dealt with.
    void settle() { EXPECT_TRUE(connection_.alive()); }

  private:
    MqttConnection connection_;
    bool present_ = false;
    int code_ = 0;
};

class SessionRestartTest : public SystemTest {
  protected:
    Visit visit(int level, const std::string& client_id, unsigned expiry_s = 3600) {
        return Visit(server().mqtt_port(), level, client_id, expiry_s);
    }
    void publish(const std::string& channel, const std::string& payload) {
        const HttpAnswer answer =
            HttpConnection(server().http_port()).request("POST", "/v1/channels/" + channel, payload, "");
        ASSERT_EQ(answer.status, 201) << answer.body;
    }
    std::vector<std::string> kept(const std::string& columns) {
        const std::string table = store().kind() == StoreKind::sqlite ? "session" : "millrace.session";
        return store().query("select " + columns + " from " + table);
    }
    void crash() {
        server().kill();
        server().start();
    }
    void stop_and_start() {
        ASSERT_EQ(server().stop(), 0);
        server().start();
    }
};

TEST_P(SessionRestartTest, WhatWasMissedBeforeTheCrashIsThereAfterIt) {
    for (const int level : {kMqtt311, kMqtt5}) {
        const std::string name = "missed" + std::to_string(level);
        {
            Visit device = visit(level, name);
            EXPECT_FALSE(device.present());
            device.subscribe(name);
            publish(name, "0");
            EXPECT_THAT(device.read_to("0"), ElementsAre("0"));
        }
        publish(name, "1");
        publish(name, "2");
        crash();
        publish(name, "3");
        Visit device = visit(level, name);
        EXPECT_TRUE(device.present());
        std::vector<std::string> payloads = device.read_to("3");
        if (!payloads.empty() && payloads.front() == "0") payloads.erase(payloads.begin());
        EXPECT_THAT(payloads, ElementsAre("1", "2", "3"));
    }
}

TEST_P(SessionRestartTest, WhatWasNotAcknowledgedComesAgain) {
    {
        Visit device = visit(kMqtt5, "lazy");
        device.subscribe("lazy", 2);
        publish("lazy", "1");
        const std::optional<MqttMessage> message = device.next(kPatience, false);
        ASSERT_TRUE(message);
        EXPECT_EQ(message->payload, "1");
        crash();
    }
    Visit device = visit(kMqtt5, "lazy");
    const std::optional<MqttMessage> again = device.next(kPatience);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->payload, "1");
    EXPECT_EQ(again->user_properties.at("seq"), "1");
}

TEST_P(SessionRestartTest, ASubscriptionThatWasAcknowledgedIsThereAfterTheCrash) {
    for (int round = 0; round < 5; ++round) {
        const std::string name = "sub" + std::to_string(round);
        {
            Visit device = visit(round % 2 == 0 ? kMqtt311 : kMqtt5, name);
            device.subscribe(name + "/+");
            server().kill();
        }
        server().start();
        publish(name + "%2Fx", "after");
        {
            Visit device = visit(round % 2 == 0 ? kMqtt311 : kMqtt5, name);
            EXPECT_TRUE(device.present());
            EXPECT_THAT(device.read_to("after"), ElementsAre("after"));
            device.subscribe("other");
            device.unsubscribe(name + "/+");
            server().kill();
        }
        server().start();
        publish(name + "%2Fx", "unwanted");
        publish("other", "wanted" + name);
        Visit device = visit(round % 2 == 0 ? kMqtt311 : kMqtt5, name);
        EXPECT_THAT(device.read_to("wanted" + name), ElementsAre("wanted" + name));
    }
}

TEST_P(SessionRestartTest, AnOrderlyStopRepeatsNothing) {
    {
        Visit connected = visit(kMqtt5, "connected");
        connected.subscribe("calm/#");
        {
            Visit gone = visit(kMqtt311, "gone");
            gone.subscribe("calm/+");
            publish("calm%2Fa", "1");
            EXPECT_THAT(gone.read_to("1"), ElementsAre("1"));
            gone.settle();
        }
        publish("calm%2Fa", "2");
        publish("calm%2Fb", "3");
        EXPECT_THAT(connected.read_to("3"), ElementsAre("1", "2", "3"));
        connected.settle();
        stop_and_start();
    }
    publish("calm%2Fb", "4");
    EXPECT_THAT(visit(kMqtt5, "connected").read_to("4"), ElementsAre("4"));
    std::vector<std::string> rest = visit(kMqtt311, "gone").read_to("4");
    std::ranges::sort(rest);
    EXPECT_THAT(rest, ElementsAre("2", "3", "4"));
}

TEST_P(SessionRestartTest, ASessionEndsWhenItsTimeIsOverAlsoWhileTheServerIsDown) {
    { visit(kMqtt5, "short", 2).subscribe("short"); }
    { visit(kMqtt5, "long", 1000).subscribe("long"); }
    ASSERT_TRUE(eventually([&] { return kept("min(disconnected_us)") != std::vector<std::string>{"0"}; }));
    server().kill();
    std::this_thread::sleep_for(2s);
    server().start();
    EXPECT_FALSE(visit(kMqtt5, "short").present());
    EXPECT_TRUE(visit(kMqtt5, "long").present());
}

TEST_P(SessionRestartTest, ASessionThatEndsLeavesNothingBehind) {
    { visit(kMqtt5, "brief", 1000).subscribe("brief"); }
    EXPECT_THAT(kept("client_id"), ElementsAre("brief"));
    { MqttConnection clean(server().mqtt_port(), kMqtt5, "brief"); }
    EXPECT_TRUE(eventually([&] { return kept("client_id").empty(); }));
    crash();
    EXPECT_FALSE(visit(kMqtt5, "brief").present());
}

/// What is published, and which of it was acknowledged; two publishers that go on over every crash.
class Publishers {
  public:
    Publishers(std::uint16_t http_port, std::uint16_t mqtt_port, int channels)
        : channels_(channels),
          http_([this, http_port] { publish_http(http_port); }),
          mqtt_([this, mqtt_port] { publish_mqtt(mqtt_port); }) {}
    /// The keys that were acknowledged.
    std::set<std::string> finish() {
        stopping_ = true;
        http_.join();
        mqtt_.join();
        acknowledged_http_.merge(acknowledged_mqtt_);
        return acknowledged_http_;
    }

  private:
    std::string channel(int number) const { return "storm/" + std::to_string(number % channels_); }

    void publish_http(std::uint16_t port) {
        std::unique_ptr<HttpConnection> connection;
        for (int i = 0; !stopping_; ++i) {
            const std::string key = "h" + std::to_string(i);
            try {
                if (!connection) connection = std::make_unique<HttpConnection>(port);
                const HttpAnswer answer =
                    connection->post("/v1/publish", {{"channel", channel(i)}, {"data", {{"m", key}}}});
                if (answer.status == 201) acknowledged_http_.insert(key);
                if (answer.status == 0) connection.reset();
            } catch (const std::runtime_error&) {
                connection.reset();
            }
            std::this_thread::sleep_for(2ms);
        }
    }
    void publish_mqtt(std::uint16_t port) {
        std::unique_ptr<MqttConnection> connection;
        for (int i = 0; !stopping_; ++i) {
            const std::string key = "m" + std::to_string(i);
            try {
                if (!connection) connection = std::make_unique<MqttConnection>(port, kMqtt311, "publisher");
                connection->send(mqtt_publish(kMqtt311, channel(i), "{\"m\":\"" + key + "\"}", 1, 7));
                if (connection->read_type(PacketType::puback)) {
                    acknowledged_mqtt_.insert(key);
                } else {
                    connection.reset();
                }
            } catch (const std::runtime_error&) {
                connection.reset();
            }
            std::this_thread::sleep_for(2ms);
        }
    }

    const int channels_;
    std::atomic<bool> stopping_{false};
    std::set<std::string> acknowledged_http_;
    std::set<std::string> acknowledged_mqtt_;
    std::thread http_;
    std::thread mqtt_;
};

/// A device that comes and goes, and does not always acknowledge what it was given before it goes.
class Wanderer {
  public:
    struct Seen {
        std::string channel;
        std::string key;
        int visit = 0;
    };

    Wanderer(std::uint16_t port, int level, std::string filter, int qos, unsigned seed)
        : port_(port),
          level_(level),
          filter_(std::move(filter)),
          qos_(qos),
          name_("wanderer" + std::to_string(seed)),
          random_(seed) {
        visit().subscribe(filter_, qos_);
        thread_ = std::thread([this] { wander(); });
    }
    /// Stays until it has seen all of these, or nothing more comes.
    void finish() {
        finishing_ = true;
        thread_.join();
        Visit last = visit();
        EXPECT_TRUE(last.present()) << name_;
        ++visits_;
        while (watch(last, 3s, true)) {
        }
    }
    const std::vector<Seen>& seen() const { return seen_; }
    const std::string& name() const { return name_; }

  private:
    Visit visit() { return Visit(port_, level_, name_); }
    int any(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }

    bool watch(Visit& visit, Clock::duration patience, bool acknowledge) {
        const std::optional<MqttMessage> message = visit.next(patience, acknowledge);
        if (!message) return false;
        // {"m":"<key>"}
        seen_.push_back({message->topic, message->payload.substr(6, message->payload.size() - 8), visits_});
        return true;
    }
    void wander() {
        while (!finishing_) {
            try {
                Visit here = visit();
                EXPECT_TRUE(here.present()) << name_;
                ++visits_;
                const Deadline leaves(std::chrono::milliseconds(any(20, 600)));
                const int lazy = any(0, 2);
                while (!leaves.passed()) watch(here, 20ms, true);
                for (int i = 0; i < lazy * 10; ++i) watch(here, 5ms, false);
            } catch (const std::runtime_error&) {
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(any(0, 300)));
        }
    }

    const std::uint16_t port_;
    const int level_;
    const std::string filter_;
    const int qos_;
    const std::string name_;
    std::mt19937 random_;
    std::atomic<bool> finishing_{false};
    int visits_ = 0;
    std::vector<Seen> seen_;
    std::thread thread_;
};

/// Where each key is in its channel.
std::map<std::string, std::uint64_t> positions(std::uint16_t http_port, int channels) {
    std::map<std::string, std::uint64_t> found;
    for (int i = 0; i < channels; ++i) {
        for (const Seen& stored : read_channel(http_port, "storm/" + std::to_string(i)).messages)
            found[stored.key] = stored.seq;
    }
    return found;
}

/// First occurrences ascend in each channel, and within a visit everything does.
void expect_in_order(const Wanderer& wanderer, const std::map<std::string, std::uint64_t>& stored) {
    std::map<std::string, std::uint64_t> newest;
    std::map<std::pair<std::string, int>, std::uint64_t> in_visit;
    for (const Wanderer::Seen& seen : wanderer.seen()) {
        const auto position = stored.find(seen.key);
        ASSERT_NE(position, stored.end()) << seen.key;
        std::uint64_t& last = newest[seen.channel];
        EXPECT_LE(position->second, last + 1) << wanderer.name() << ' ' << seen.key;
        last = std::max(last, position->second);
        EXPECT_GT(position->second, std::exchange(in_visit[{seen.channel, seen.visit}], position->second))
            << wanderer.name() << ' ' << seen.key;
    }
}

TEST_P(SessionRestartTest, NothingIsLostOverTwentyCrashes) {
    constexpr int kChannels = 4;
    constexpr int kCrashes = 20;
    std::vector<std::unique_ptr<Wanderer>> wanderers;
    const auto add = [&](int level, const std::string& filter, int qos) {
        const auto seed = static_cast<unsigned>(wanderers.size() + 1);
        wanderers.push_back(std::make_unique<Wanderer>(server().mqtt_port(), level, filter, qos, seed));
    };
    add(kMqtt311, "storm/0", 1);
    add(kMqtt5, "storm/1", 1);
    add(kMqtt311, "storm/+", 1);
    add(kMqtt5, "storm/#", 2);
    Publishers publishers(server().http_port(), server().mqtt_port(), kChannels);
    std::mt19937 random(4711);
    for (int i = 0; i < kCrashes; ++i) {
        std::this_thread::sleep_for(
            std::chrono::milliseconds(std::uniform_int_distribution<int>(50, 700)(random)));
        crash();
    }
    const std::set<std::string> acknowledged = publishers.finish();
    for (const auto& wanderer : wanderers) wanderer->finish();
    const auto stored = positions(server().http_port(), kChannels);
    EXPECT_GT(acknowledged.size(), 200U);
    for (const auto& wanderer : wanderers) {
        expect_in_order(*wanderer, stored);
        std::set<std::string> seen;
        std::set<std::string> channels;
        for (const Wanderer::Seen& message : wanderer->seen()) {
            seen.insert(message.key);
            channels.insert(message.channel);
        }
        std::size_t missing = 0;
        for (int i = 0; i < kChannels; ++i) {
            const std::string channel = "storm/" + std::to_string(i);
            if (!channels.contains(channel)) continue;
            for (const Seen& message : read_channel(server().http_port(), channel).messages) {
                if (acknowledged.contains(message.key) && !seen.contains(message.key)) ++missing;
            }
        }
        EXPECT_EQ(missing, 0U) << wanderer->name() << " has seen " << seen.size();
    }
    EXPECT_EQ(wanderers[3]->seen().empty(), false);
}

MILLRACE_ON_BOTH_STORES(SessionRestartTest);

/// A client id still belongs to who opened the session.
TEST(SessionRestartAccess, AnotherUserIsRefusedAfterTheCrash) {
    Server server(
        Server::Yaml{"store: {url: \"sqlite:store.db\"}\nthreads: 2\n"
                     "auth: {anonymous: true, password_file: users.txt}\n"});
    ASSERT_EQ(
        run({.argv = {millrace_binary(), "passwd", server.directory() / "users.txt", "ada"}}, "lovelace\n")
            .status,
        0);
    server.start();
    {
        Visit ada(server.mqtt_port(), kMqtt5, "hers", 3600, "ada", "lovelace");
        ASSERT_EQ(ada.code(), 0);
        ada.subscribe("hers");
    }
    server.kill();
    server.start();
    EXPECT_EQ(Visit(server.mqtt_port(), kMqtt5, "hers").code(), 0x87);
    Visit ada(server.mqtt_port(), kMqtt5, "hers", 3600, "ada", "lovelace");
    EXPECT_EQ(ada.code(), 0);
    EXPECT_TRUE(ada.present());
}

}  // namespace
}  // namespace millrace::system_test
