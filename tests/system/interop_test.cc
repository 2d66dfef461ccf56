// Clients that people use, among each other: Mosquitto's, Paho for C++ (and so Paho C), Paho for Python, and
// mqtt.js over TCP and WebSocket.
#include <csignal>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <set>

#include "tests/system/support/mosquitto_client.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/paho_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

struct Wish {
    std::uint16_t port = 0;
    std::string websocket_url;
    int version = 5;  // 4 is 3.1.1
    std::string filter;
    int qos = 0;
};

/// A client that has subscribed.
class Peer {
  public:
    virtual ~Peer() = default;
    /// False: it was not acknowledged.
    virtual bool publish(const std::string& topic, const std::string& payload, int qos, bool retain) = 0;
    /// The next payload; nothing when none comes in time.
    virtual std::optional<std::string> next(Clock::duration patience) = 0;
};

class MosquittoPeer final : public Peer {
  public:
    explicit MosquittoPeer(const Wish& wish)
        : wish_(wish),
          subscriber_(wish.port, {"-V", version(), "-q", std::to_string(wish.qos), "-t", wish.filter}) {
        EXPECT_TRUE(subscriber_.subscribed());
    }
    bool publish(const std::string& topic, const std::string& payload, int qos, bool retain) override {
        std::vector<std::string> arguments{"-V", version(), "-q", std::to_string(qos),
                                           "-t", topic,     "-m", payload};
        if (retain) arguments.emplace_back("-r");
        return mosquitto_pub(wish_.port, arguments).status == 0;
    }
    std::optional<std::string> next(Clock::duration patience) override { return subscriber_.next(patience); }

  private:
    std::string version() const { return wish_.version == 5 ? "mqttv5" : "mqttv311"; }
    Wish wish_;
    MosquittoSub subscriber_;
};

class PahoPeer final : public Peer {
  public:
    explicit PahoPeer(const Wish& wish) : client_(wish.port, wish.version, "paho-cpp") {
        client_.subscribe(wish.filter, wish.qos);
    }
    bool publish(const std::string& topic, const std::string& payload, int qos, bool retain) override {
        return client_.publish(topic, payload, qos, retain);
    }
    std::optional<std::string> next(Clock::duration patience) override {
        const mqtt::const_message_ptr message = client_.next(patience);
        return message ? std::optional(message->to_string()) : std::nullopt;
    }

  private:
    PahoClient client_;
};

class PythonPeer final : public Peer {
  public:
    explicit PythonPeer(const Wish& wish)
        : process_({.argv = {"/usr/bin/python3", source_directory() / "tests/system/python/client.py",
                             std::to_string(wish.port), std::to_string(wish.version), wish.filter,
                             std::to_string(wish.qos)}}) {
        EXPECT_EQ(process_.read_line(), "subscribed") << process_.error_text();
    }
    bool publish(const std::string& topic, const std::string& payload, int qos, bool retain) override {
        process_.write(topic + " " + std::to_string(qos) + (retain ? " 1 " : " 0 ") + payload + "\n");
        for (;;) {
            const std::optional<std::string> line = process_.read_line();
            if (!line || *line == "published") return line.has_value();
            messages_.push_back(line->substr(std::string("message ").size()));
        }
    }
    std::optional<std::string> next(Clock::duration patience) override {
        if (!messages_.empty()) {
            const std::string first = messages_.front();
            messages_.erase(messages_.begin());
            return first;
        }
        const std::optional<std::string> line = process_.read_line(patience);
        return line ? std::optional(line->substr(std::string("message ").size())) : std::nullopt;
    }

  private:
    Process process_;
    std::vector<std::string> messages_;
};

class MqttJsPeer final : public Peer {
  public:
    MqttJsPeer(const Wish& wish, const std::string& url)
        : client_("mqttjs_client.mjs", {"--url", url, "--version", std::to_string(wish.version), "--topic",
                                        wish.filter, "--qos", std::to_string(wish.qos)}) {
        // What is retained may come before the promise of the SUBACK is kept.
        EXPECT_TRUE(wait_for("subscribed")) << client_.process().error_text();
    }
    bool publish(const std::string& topic, const std::string& payload, int qos, bool retain) override {
        client_.send({{"topic", topic}, {"payload", payload}, {"qos", qos}, {"retain", retain}});
        return wait_for("published");
    }
    std::optional<std::string> next(Clock::duration patience) override {
        while (messages_.empty()) {
            const auto line = client_.next(patience);
            if (!line) return std::nullopt;
            keep(*line);
        }
        const std::string first = messages_.front();
        messages_.erase(messages_.begin());
        return first;
    }

  private:
    bool wait_for(const char* event) {
        while (const auto line = client_.next()) {
            if (line->contains(event)) return true;
            keep(*line);
        }
        return false;
    }
    void keep(const boost::json::object& line) {
        if (const boost::json::value* message = line.if_contains("message"))
            messages_.emplace_back(message->at("payload").as_string().c_str());
    }

    NodeClient client_;
    std::vector<std::string> messages_;
};

class InteropTest : public SystemTest {
  protected:
    std::map<std::string, std::unique_ptr<Peer>> peers(int version, const std::string& filter, int qos) {
        const Wish wish{server().mqtt_port(), server().websocket_url("/mqtt"), version, filter, qos};
        std::map<std::string, std::unique_ptr<Peer>> all;
        all["mosquitto"] = std::make_unique<MosquittoPeer>(wish);
        all["paho-cpp"] = std::make_unique<PahoPeer>(wish);
        all["paho-python"] = std::make_unique<PythonPeer>(wish);
        all["mqtt.js"] = std::make_unique<MqttJsPeer>(wish, "mqtt://127.0.0.1:" + std::to_string(wish.port));
        all["mqtt.js over WebSocket"] = std::make_unique<MqttJsPeer>(wish, wish.websocket_url);
        return all;
    }
    /// As many as are expected, or fewer when no more come.
    static std::multiset<std::string> take(Peer& peer, std::size_t count) {
        std::multiset<std::string> got;
        while (got.size() < count) {
            const std::optional<std::string> payload = peer.next(kPatience);
            if (!payload) break;
            got.insert(*payload);
        }
        return got;
    }
};

TEST_P(InteropTest, EveryClientReachesEveryOtherAtEveryQos) {
    for (const int version : {4, 5}) {
        for (const int qos : {0, 1, 2}) {
            const std::string topic = "interop/" + std::to_string(version) + "/" + std::to_string(qos);
            SCOPED_TRACE(topic);
            const auto all = peers(version, topic, qos);
            std::multiset<std::string> sent;
            for (const auto& [name, peer] : all) {
                EXPECT_TRUE(peer->publish(topic, name, qos, false)) << name;
                sent.insert(name);
            }
            for (const auto& [name, peer] : all) EXPECT_EQ(take(*peer, sent.size()), sent) << name;
        }
    }
}

TEST_P(InteropTest, WhatOneRetainsTheOthersFind) {
    for (const int version : {4, 5}) {
        const std::string root = "retained/" + std::to_string(version);
        std::multiset<std::string> sent;
        {
            const auto writers = peers(version, "elsewhere", 1);
            for (const auto& [name, peer] : writers) {
                EXPECT_TRUE(peer->publish(root + "/" + std::to_string(sent.size()), name, 1, true)) << name;
                sent.insert(name);
            }
        }
        for (const auto& [name, peer] : peers(version, root + "/#", 1))
            EXPECT_EQ(take(*peer, sent.size()), sent) << name;
    }
}

TEST_P(InteropTest, AWillReachesAllOfThem) {
    const auto all = peers(5, "wills", 1);
    MosquittoSub mortal(server().mqtt_port(), {"-t", "x", "--will-topic", "wills", "--will-payload", "gone"});
    ASSERT_TRUE(mortal.subscribed());
    mortal.process().signal(SIGKILL);
    for (const auto& [name, peer] : all) EXPECT_EQ(peer->next(kPatience), "gone") << name;
}

TEST_P(InteropTest, TheyShareASubscriptionAndEachHasItsTurn) {
    for (const int version : {4, 5}) {
        const std::string topic = "jobs/" + std::to_string(version);
        const auto all = peers(version, "$share/workers/" + topic, 1);
        PahoClient publisher(server().mqtt_port(), 5, "publisher");
        std::multiset<std::string> sent;
        for (int i = 0; i < 50; ++i) {
            ASSERT_TRUE(publisher.publish(topic, std::to_string(i), 1));
            sent.insert(std::to_string(i));
        }
        std::multiset<std::string> got;
        for (const auto& [name, peer] : all) {
            const auto share = take(*peer, sent.size() / all.size());
            EXPECT_EQ(share.size(), sent.size() / all.size()) << name;
            got.insert(share.begin(), share.end());
        }
        EXPECT_EQ(got, sent);
    }
}

INSTANTIATE_TEST_SUITE_P(Store, InteropTest, testing::Values(StoreKind::sqlite), store_name);

}  // namespace
}  // namespace millrace::system_test
