// Two machines' worth of random cuts: nothing at QoS 1 and 2 is lost, and QoS 2 arrives once.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

#include "tests/mqtt/session/support.h"

namespace millrace::mqtt {
namespace {

/// A client that keeps its own session and loses its connection at any byte.
class RandomClient {
  public:
    RandomClient(Version version, std::uint32_t seed) : exchange_(version, limits()), random_(seed) {}

    void run(int steps) {
        connect();
        for (int step = 0; step < steps; ++step) {
            switch (pick(8)) {
                case 0:
                case 1:
                    send_new();
                    break;
                case 2:
                case 3:
                    deliver_new();
                    break;
                case 4:
                    if (pick(4) == 0) cut();
                    break;
                default:
                    exchange_bytes(pick(60));
                    settle(pick(3));
            }
        }
        finish();
    }

    void check() const {
        std::map<std::string, int> stored;
        std::set<std::uint32_t> sequences;
        for (const auto& published : exchange_.host.published) {
            // A store knows a QoS 2 message by its sequence.
            if (published.qos == 2 && !sequences.insert(published.sequence).second) continue;
            ++stored[published.payload];
        }
        for (int i = 0; i < sent_; ++i) {
            const std::string name = "c" + std::to_string(i);
            ASSERT_GE(stored[name], 1) << name;
            if (i % 2 == 0) {
                ASSERT_EQ(stored[name], 1) << name;
            }
        }
        for (int i = 0; i < delivered_; ++i) {
            const std::string name = "s" + std::to_string(i);
            const auto at = received_.find(name);
            ASSERT_NE(at, received_.end()) << name;
            if (i % 2 == 0) {
                ASSERT_EQ(at->second, 1) << name;
            }
        }
    }

  private:
    struct Outgoing {
        std::uint16_t id;
        std::string payload;
        int qos;
        bool released = false;
    };

    static SessionLimits limits() {
        SessionLimits limits;
        limits.inflight_messages = 5;
        limits.receive_maximum = 20;
        return limits;
    }
    unsigned pick(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

    void connect() {
        exchange_.reconnect();
        to_server_.clear();
        from_server_.clear();
        pending_.clear();
        next_pending_ = exchange_.host.published.size();
        exchange_.host.answer = PublishAnswer::pending;
        exchange_.connect();
        for (const Outgoing& message : outgoing_) {
            if (message.released) {
                append_ack(PacketType::pubrel, message.id);
            } else {
                append_publish(message, true);
            }
        }
    }

    void cut() {
        exchange_.lose();
        connect();
    }

    void append_publish(const Outgoing& message, bool dup) {
        OutgoingPublish publish;
        publish.topic = "to/server";
        publish.payload = as_bytes(message.payload);
        publish.qos = static_cast<Qos>(message.qos);
        publish.packet_id = message.id;
        publish.dup = dup;
        ByteBuffer bytes;
        encode_publish(bytes, publish, version());
        to_server_ += bytes.text();
    }
    void append_ack(PacketType type, std::uint16_t id) {
        ByteBuffer bytes;
        encode_publish_ack(bytes, type, id, ReasonCode::success, version());
        to_server_ += bytes.text();
    }
    Version version() const { return exchange_.v5() ? Version::v5 : Version::v311; }

    void send_new() {
        if (outgoing_.size() >= 10) return;
        do {
            next_id_ = static_cast<std::uint16_t>(next_id_ % 50 + 1);
        } while (
            std::any_of(outgoing_.begin(), outgoing_.end(), [&](const auto& o) { return o.id == next_id_; }));
        outgoing_.push_back({next_id_, "c" + std::to_string(sent_), sent_ % 2 == 0 ? 2 : 1});
        ++sent_;
        append_publish(outgoing_.back(), false);
    }

    void deliver_new() {
        exchange_.deliver("to/client", "s" + std::to_string(delivered_), delivered_ % 2 == 0 ? 2 : 1);
        ++delivered_;
    }

    void exchange_bytes(std::size_t count) {
        const std::size_t some = std::min(count, to_server_.size());
        exchange_.give(std::string_view(to_server_).substr(0, some));
        to_server_.erase(0, some);
        ASSERT_FALSE(exchange_.host.ended);
        from_server_ += exchange_.sent_bytes();
        read();
    }

    void settle(std::size_t count) {
        auto& published = exchange_.host.published;
        for (; next_pending_ < published.size(); ++next_pending_) {
            if (published[next_pending_].qos != 0) pending_.push_back(published[next_pending_].token);
        }
        for (; count != 0 && !pending_.empty(); --count) {
            const std::size_t index = pick(static_cast<unsigned>(pending_.size()));
            exchange_.machine().published(pending_[index], {});
            pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
        }
        exchange_.give("");
    }

    void read() {
        while (true) {
            const Scan scan = scan_frame(as_bytes(from_server_), 1 << 20, version());
            if (scan.status != ScanStatus::frame) return;
            const SentPacket packet{from_server_.substr(0, scan.frame.size), version()};
            from_server_.erase(0, scan.frame.size);
            handle(packet);
        }
    }

    void handle(const SentPacket& packet) {
        switch (packet.type()) {
            case PacketType::publish:
                receive(packet.publish());
                break;
            case PacketType::puback:
            case PacketType::pubcomp:
                std::erase_if(outgoing_, [&](const Outgoing& o) { return o.id == packet.ack().packet_id; });
                break;
            case PacketType::pubrec:
                for (Outgoing& message : outgoing_) {
                    if (message.id == packet.ack().packet_id) message.released = true;
                }
                append_ack(PacketType::pubrel, packet.ack().packet_id);
                break;
            case PacketType::pubrel:
                unreleased_.erase(packet.ack().packet_id);
                append_ack(PacketType::pubcomp, packet.ack().packet_id);
                break;
            default:
                break;
        }
    }

    void receive(const Publish& publish) {
        const bool fresh = publish.qos != Qos::exactly_once || unreleased_.insert(publish.packet_id).second;
        if (fresh) ++received_[std::string(as_text(publish.payload))];
        append_ack(publish.qos == Qos::exactly_once ? PacketType::pubrec : PacketType::puback,
                   publish.packet_id);
    }

    void finish() {
        for (int i = 0; i < 100'000; ++i) {
            exchange_bytes(1000);
            settle(1000);
            const Outbound* outbound = exchange_.host.session->find_outbound();
            const bool quiet =
                outbound == nullptr || (outbound->window.size() == 0 && outbound->queue.empty());
            if (quiet && outgoing_.empty() && to_server_.empty()) return;
        }
        FAIL() << "does not come to rest";
    }

    Exchange exchange_;
    std::mt19937 random_;
    std::vector<Outgoing> outgoing_;
    std::vector<std::uint64_t> pending_;
    std::size_t next_pending_ = 0;
    std::set<std::uint16_t> unreleased_;
    std::map<std::string, int> received_;
    std::string to_server_;
    std::string from_server_;
    std::uint16_t next_id_ = 0;
    int sent_ = 0;
    int delivered_ = 0;
};

class ExactlyOnceTest : public testing::TestWithParam<Version> {};
INSTANTIATE_TEST_SUITE_P(Versions, ExactlyOnceTest, testing::Values(Version::v311, Version::v5),
                         name_of_version);

// Bug class 12.
TEST_P(ExactlyOnceTest, NothingIsLostAndQos2ArrivesOnceWhereverTheConnectionBreaks) {
    for (std::uint32_t seed = 1; seed <= 100; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        RandomClient client(GetParam(), seed);
        client.run(600);
        client.check();
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace millrace::mqtt
