// Clients that people use, among each other: Mosquitto's, Paho for C, C++ and Python, and mqtt.js over TCP,
// TLS, WebSocket and secure WebSocket.
#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>
#include <map>
#include <memory>
#include <set>

#include "tests/support/certificates.h"
#include "tests/system/support/mosquitto_client.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/paho_c_client.h"
#include "tests/system/support/paho_client.h"
#include "tests/system/support/server.h"
#include "tests/system/support/tcp_socket.h"

namespace millrace::system_test {
namespace {

constexpr const char* kResumed = "resumed";

struct Wish {
    std::uint16_t port = 0;
    int version = 5;     // 4 is 3.1.1
    std::string filter;  // "-": none
    int qos = 0;
    std::string session;  // the client id of a session that outlives the client; empty: none
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
    explicit MosquittoPeer(const Wish& wish) : wish_(wish), subscriber_(wish.port, arguments()) {
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
    std::vector<std::string> arguments() const {
        std::vector<std::string> all{"-V", version(), "-q", std::to_string(wish_.qos), "-t", wish_.filter};
        if (!wish_.session.empty()) all.insert(all.end(), {"-c", "-i", wish_.session});
        if (!wish_.session.empty() && wish_.version == 5) all.insert(all.end(), {"-x", "3600"});
        return all;
    }
    Wish wish_;
    MosquittoSub subscriber_;
};

class PahoPeer final : public Peer {
  public:
    explicit PahoPeer(const Wish& wish)
        : client_(wish.port, wish.version, wish.session.empty() ? "paho-cpp" : wish.session,
                  wish.session.empty()) {
        if (wish.filter != "-") client_.subscribe(wish.filter, wish.qos);
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

class PahoCPeer final : public Peer {
  public:
    explicit PahoCPeer(const Wish& wish)
        : client_(wish.port, wish.version, wish.session.empty() ? "paho-c" : wish.session,
                  wish.session.empty()) {
        if (wish.filter != "-") client_.subscribe(wish.filter, wish.qos);
    }
    bool publish(const std::string& topic, const std::string& payload, int qos, bool retain) override {
        return client_.publish(topic, payload, qos, retain);
    }
    std::optional<std::string> next(Clock::duration patience) override { return client_.next(patience); }

  private:
    PahoCClient client_;
};

class PythonPeer final : public Peer {
  public:
    explicit PythonPeer(const Wish& wish)
        : process_({.argv = {"/usr/bin/python3", source_directory() / "tests/system/python/client.py",
                             std::to_string(wish.port), std::to_string(wish.version), wish.filter,
                             std::to_string(wish.qos), wish.session}}) {
        EXPECT_TRUE(wait_for("subscribed")) << process_.error_text();
    }
    bool publish(const std::string& topic, const std::string& payload, int qos, bool retain) override {
        process_.write(topic + " " + std::to_string(qos) + (retain ? " 1 " : " 0 ") + payload + "\n");
        return wait_for("published");
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
    bool wait_for(std::string_view event) {
        for (;;) {
            const std::optional<std::string> line = process_.read_line();
            if (!line || *line == event) return line.has_value();
            messages_.push_back(line->substr(std::string("message ").size()));
        }
    }

    Process process_;
    std::vector<std::string> messages_;
};

class MqttJsPeer final : public Peer {
  public:
    MqttJsPeer(const Wish& wish, const std::string& url)
        : client_("mqttjs_client.mjs", arguments(wish, url)) {
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
    static std::vector<std::string> arguments(const Wish& wish, const std::string& url) {
        std::vector<std::string> all{"--url",   url,         "--version", std::to_string(wish.version),
                                     "--topic", wish.filter, "--qos",     std::to_string(wish.qos)};
        if (!wish.session.empty()) all.insert(all.end(), {"--session", wish.session});
        return all;
    }
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

using Peers = std::map<std::string, std::unique_ptr<Peer>>;

class InteropTest : public ::testing::Test {
  protected:
    InteropTest() {
        certificates_.issue("server", "localhost");
        ::setenv("NODE_EXTRA_CA_CERTS", certificates_.authority().c_str(), 1);
        server_ = std::make_unique<Server>(Server::Yaml{configuration()});
        server_->start();
    }
    void TearDown() override {
        EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
        if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
    }
    Server& server() { return *server_; }

    Peers peers(int version, const std::string& filter, int qos) {
        return peers_that({server().mqtt_port(), version, filter, qos, {}});
    }
    /// Each with a session that outlives it; without a filter they rely on what they had subscribed to
    /// before.
    Peers sessions(int version, const std::string& filter) {
        return peers_that({server().mqtt_port(), version, filter, 1, "session-" + std::to_string(version)});
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

  private:
    std::string configuration() const {
        return "  - mqtts://127.0.0.1:" + std::to_string(tls_) +
               "\n  - https://127.0.0.1:" + std::to_string(https_) +
               "\nthreads: 2\nstore: {url: \"sqlite:store.db\"}\nauth: {anonymous: true}\ntls: "
               "{certificate: " +
               certificates_.certificate("server") + ", private_key: " + certificates_.key("server") +
               "}\nchannels:\n  - {match: '#', store: true, history: 100}\n";
    }
    /// With a session, the id of each is its own.
    Peers peers_that(const Wish& wish) {
        const std::string tls = "localhost:" + std::to_string(tls_);
        const std::string https = "localhost:" + std::to_string(https_);
        const std::map<std::string, std::string> urls{
            {"mqtt.js", "mqtt://127.0.0.1:" + std::to_string(wish.port)},
            {"mqtt.js over TLS", "mqtts://" + tls},
            {"mqtt.js over WebSocket", server().websocket_url("/mqtt")},
            {"mqtt.js over secure WebSocket", "wss://" + https + "/mqtt"}};
        const auto named = [&wish](const std::string& name) {
            Wish theirs = wish;
            if (!theirs.session.empty()) theirs.session += name;
            return theirs;
        };
        Peers all;
        // mosquitto_sub does not go without a filter: it subscribes again.
        Wish mosquitto = named("mosquitto");
        if (mosquitto.filter == "-") mosquitto.filter = kResumed;
        all["mosquitto"] = std::make_unique<MosquittoPeer>(mosquitto);
        all["paho-cpp"] = std::make_unique<PahoPeer>(named("paho-cpp"));
        all["paho-c"] = std::make_unique<PahoCPeer>(named("paho-c"));
        all["paho-python"] = std::make_unique<PythonPeer>(named("paho-python"));
        for (const auto& [name, url] : urls) all[name] = std::make_unique<MqttJsPeer>(named(name), url);
        return all;
    }

    millrace::testing::Certificates certificates_;
    std::uint16_t tls_ = free_port();
    std::uint16_t https_ = free_port();
    std::unique_ptr<Server> server_;
};

TEST_F(InteropTest, EveryClientReachesEveryOtherAtEveryQos) {
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

TEST_F(InteropTest, WhatOneRetainsTheOthersFind) {
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

TEST_F(InteropTest, AWillReachesAllOfThem) {
    const auto all = peers(5, "wills", 1);
    MosquittoSub mortal(server().mqtt_port(), {"-t", "x", "--will-topic", "wills", "--will-payload", "gone"});
    ASSERT_TRUE(mortal.subscribed());
    mortal.process().signal(SIGKILL);
    for (const auto& [name, peer] : all) EXPECT_EQ(peer->next(kPatience), "gone") << name;
}

TEST_F(InteropTest, TheyShareASubscriptionAndEachHasItsTurn) {
    for (const int version : {4, 5}) {
        const std::string topic = "jobs/" + std::to_string(version);
        const auto all = peers(version, "$share/workers/" + topic, 1);
        PahoClient publisher(server().mqtt_port(), 5, "publisher");
        std::multiset<std::string> sent;
        const std::size_t each = 7;
        for (std::size_t i = 0; i < each * all.size(); ++i) {
            ASSERT_TRUE(publisher.publish(topic, std::to_string(i), 1));
            sent.insert(std::to_string(i));
        }
        std::multiset<std::string> got;
        for (const auto& [name, peer] : all) {
            const auto share = take(*peer, each);
            EXPECT_EQ(share.size(), each) << name;
            got.insert(share.begin(), share.end());
        }
        EXPECT_EQ(got, sent);
    }
}

TEST_F(InteropTest, EachFindsItsSessionAgain) {
    for (const int version : {4, 5}) {
        SCOPED_TRACE(version);
        sessions(version, kResumed);
        PahoClient publisher(server().mqtt_port(), 5, "publisher");
        std::multiset<std::string> sent;
        for (int i = 0; i < 5; ++i) {
            ASSERT_TRUE(publisher.publish(kResumed, std::to_string(i), 1));
            sent.insert(std::to_string(i));
        }
        for (const auto& [name, peer] : sessions(version, "-"))
            EXPECT_EQ(take(*peer, sent.size()), sent) << name;
    }
}

}  // namespace
}  // namespace millrace::system_test
