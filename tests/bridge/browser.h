// Browsers on shards that the test turns by hand, over a store in memory.
#pragma once

#include <boost/json.hpp>
#include <deque>
#include <gmock/gmock.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/bridge.h"
#include "bridge/session.h"
#include "core/net/websocket.h"
#include "tests/bridge/scripted_store.h"
#include "tests/support/shard_fixture.h"

namespace millrace::bridge {

/// The browser's end of one socket.
class Browser {
  public:
    explicit Browser(testing::Peer peer) : peer_(std::move(peer)) {}

    void send(std::string_view text) const { send_frame(websocket::Opcode::text, text); }
    void send_frame(websocket::Opcode opcode, std::string_view payload) const {
        ByteBuffer frame;
        websocket::append_frame_header(frame, opcode, payload.size());
        frame.data()[1] |= std::byte{0x80};
        frame.append(std::string_view("\0\0\0\0", 4));  // a mask that changes nothing
        frame.append(payload);
        peer_.send(frame.text());
    }
    void join(std::string_view channel, bool history = false, bool presence = false) const {
        send(R"({"action":"join","options":{"channel":")" + std::string(channel) +
             R"("},"payload":{"history":)" + (history ? "true" : "false") + R"(,"presence":)" +
             (presence ? "true" : "false") + "}}");
    }
    void say(std::string_view channel, std::string_view payload) const {
        send(R"({"action":"message","options":{"channel":")" + std::string(channel) + R"("},"payload":)" +
             std::string(payload) + "}");
    }

    /// Text frames that have arrived and were not taken yet.
    std::deque<std::string>& frames() {
        digest();
        return frames_;
    }
    std::string next() {
        if (frames().empty()) return "nothing";
        std::string frame = std::move(frames_.front());
        frames_.pop_front();
        return frame;
    }
    boost::json::value next_json() { return boost::json::parse(next()); }
    std::uint16_t close_code() {
        digest();
        return close_code_;
    }
    int pings() {
        digest();
        return pings_;
    }
    bool closed_by_server() { return peer_.closed_by_server(); }
    void close() { peer_.close(); }
    testing::Peer& peer() { return peer_; }

    /// What the server calls this socket, from its join acknowledgement.
    std::string id;

  private:
    void digest() {
        std::string& bytes = peer_.received();
        std::size_t at = 0;
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
        while (bytes.size() - at >= 2) {
            std::size_t header = 2;
            std::size_t size = byte(1);
            if (size >= 126) {
                const std::size_t count = size == 126 ? 2 : 8;
                if (bytes.size() - at < header + count) break;
                size = 0;
                for (std::size_t i = 0; i < count; ++i) size = size << 8 | byte(header + i);
                header += count;
            }
            if (bytes.size() - at < header + size) break;
            take(static_cast<websocket::Opcode>(byte(0) & 15), bytes.substr(at + header, size));
            at += header + size;
        }
        bytes.erase(0, at);
    }
    void take(websocket::Opcode opcode, std::string payload) {
        if (opcode == websocket::Opcode::text) frames_.push_back(std::move(payload));
        if (opcode == websocket::Opcode::ping) ++pings_;
        if (opcode != websocket::Opcode::close || payload.size() < 2) return;
        close_code_ = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                                 static_cast<unsigned char>(payload[1]));
    }

    testing::Peer peer_;
    std::deque<std::string> frames_;
    std::uint16_t close_code_ = 0;
    int pings_ = 0;
};

/// Two shards with their brokers and bridges. A test changes config_ and then calls open().
class BridgeFixture : public ::testing::Test {
  protected:
    void open() {
        authoriser_ = std::make_unique<access::Authoriser>(config_);
        distributor_ = std::make_unique<mqtt::Distributor>(context_);
        context_.config = &config_;
        context_.brokers.resize(2);
        for (unsigned i = 0; i < 2; ++i) {
            brokers_.push_back(std::make_unique<mqtt::Broker>(*shards_[i], context_, *authoriser_));
            context_.brokers[i] = brokers_.back().get();
        }
        store_ = std::make_unique<store::Store>(std::make_unique<ScriptedBackend>(scripted_), store_limits_,
                                                *distributor_);
        context_.store = store_.get();
        for (unsigned i = 0; i < 2; ++i) {
            bridges_.push_back(std::make_unique<Bridge>(*brokers_[i], by_shard_));
            by_shard_.push_back(bridges_.back().get());
        }
    }
    void TearDown() override {
        store_.reset();
        bridges_.clear();
    }

    Browser browser(unsigned shard = 0, std::string_view key = "default", std::string_view token = {},
                    Generation generation = Generation::first) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
        Connection& connection = shards_[shard]->connections().adopt(ends[0]);
        connection.start(bridges_[shard]->accept(connection, key, token, nullptr, generation));
        return Browser(testing::Peer(ends[1]));
    }
    /// A browser that has joined, its acknowledgement taken.
    Browser member(std::string_view channel, unsigned shard = 0, std::string_view token = {}) {
        Browser browser = this->browser(shard, "default", token);
        browser.join(channel);
        EXPECT_TRUE(frames_of(browser, 1));
        browser.id = browser.next_json().at("options").at("socketId").as_string().c_str();
        return browser;
    }

    /// Turns the shards by turns.
    bool until(const std::function<bool()>& done) {
        const TimePoint end = steady_now() + Milliseconds{5000};
        while (!done()) {
            if (steady_now() > end) return false;
            for (auto& shard : shards_) shard->turn(Milliseconds{1});
        }
        return true;
    }
    bool frames_of(Browser& browser, std::size_t count) {
        return until([&] { return browser.frames().size() >= count; });
    }
    /// Enough turns for everything between the shards to be said.
    void settle() {
        for (int i = 0; i < 20; ++i) {
            for (auto& shard : shards_) shard->turn(Milliseconds{1});
        }
    }

    void publish(std::string_view channel, std::string_view data, Audience audience = {}) {
        MessageFields fields;
        fields.channel = channel;
        fields.payload = as_bytes(data);
        fields.kind = MessageKind::event;
        fields.audience = audience;
        access::Principal backend;
        backend.kind = access::Principal::Kind::backend;
        EXPECT_TRUE(brokers_[0]->publish({&backend, Message::create(fields), {}, 0}));
    }
    /// Publishes `count` events {"n":1}… and waits until they are committed.
    void fill(std::string_view channel, std::uint64_t count) {
        for (std::uint64_t n = 1; n <= count; ++n) publish(channel, R"({"n":)" + std::to_string(n) + "}");
        EXPECT_TRUE(committed(channel, count));
    }
    bool committed(std::string_view channel, std::uint64_t last) {
        return until([&] { return scripted_.last(channel) >= last; });
    }

    std::array<std::unique_ptr<Shard>, 2> shards_{std::make_unique<Shard>(0), std::make_unique<Shard>(1)};
    config::Config config_;
    store::Limits store_limits_;
    mqtt::BrokerContext context_;
    std::unique_ptr<access::Authoriser> authoriser_;
    std::unique_ptr<mqtt::Distributor> distributor_;
    std::vector<std::unique_ptr<mqtt::Broker>> brokers_;
    ScriptedStore scripted_;
    std::unique_ptr<store::Store> store_;
    std::vector<Bridge*> by_shard_;
    std::vector<std::unique_ptr<Bridge>> bridges_;
};

inline std::string action(const boost::json::value& frame) {
    return frame.at("action").as_string().c_str();
}

}  // namespace millrace::bridge
