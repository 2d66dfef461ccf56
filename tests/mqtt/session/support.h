// A machine with a scripted surrounding: packets in, packets out, time held in the hand.
#pragma once

#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/outbox.h"
#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"
#include "mqtt/codec/packet_text.h"
#include "mqtt/session/machine.h"

namespace millrace::mqtt {

/// What was decoded; a test that decodes something else fails.
template <class T>
T valid(const Decoded<T>& decoded) {
    if (decoded) return *decoded;
    ADD_FAILURE() << decoded.error().why;
    return T{};
}

/// A packet that a machine sent; decoders view its bytes.
struct SentPacket {
    std::string bytes;
    Version version = Version::v5;

    Frame frame() const;
    PacketType type() const { return frame().type; }
    Connack connack() const { return valid(decode_connack(frame(), version)); }
    Publish publish() const { return valid(decode_publish(frame(), version, Sender::server)); }
    PublishAck ack() const { return valid(decode_publish_ack(frame(), version, Sender::server)); }
    Suback suback() const { return valid(decode_suback(frame(), version)); }
    Auth auth() const { return valid(decode_auth(frame(), version, Sender::server)); }
    Disconnect disconnect() const { return valid(decode_disconnect(frame(), version, Sender::server)); }
};

/// The broker's side of the machine: keeps sessions, records what is published, answers as it is told.
class FakeHost : public Host {
  public:
    struct Published {
        std::string topic;
        std::string payload;
        std::uint8_t qos;
        bool retain;
        std::uint32_t sequence;
        std::uint64_t token;
    };

    struct Replayed {
        std::string filter;
        std::optional<std::uint64_t> after;
        std::string epoch;
        std::uint32_t newest;
    };

    void on_connect(const Connect& connect) override;
    void on_auth(ByteView data, bool begins) override {
        auth.push_back((begins ? "again:" : "") + std::string(as_text(data)));
        if (answer_auth) answer_auth();
    }
    bool wants_trace(const Connect&) override { return traced; }
    void on_packet(const Frame& frame, Sender sender) override {
        trace.push_back((sender == Sender::client ? "in " : "out ") +
                        describe(frame, machine->version(), sender));
    }
    PublishAnswer on_publish(const ReceivedMessage& message, std::uint64_t token) override;
    bool may_subscribe(std::string_view filter) override { return !filter.starts_with("secret"); }
    ReplayAnswer on_replay(std::string_view filter, const ReplayRequest& request) override {
        replays.push_back({std::string(filter), request.after, std::string(request.epoch), request.newest});
        return replay_answer;
    }
    void on_subscribe(const Subscription& subscription) override {
        subscribed.push_back(subscription.filter);
    }
    void on_unsubscribe(std::string_view filter) override { unsubscribed.emplace_back(filter); }
    bool keep_subscriptions() override { return keeps; }
    void send_retained(const Subscription& subscription) override {
        retained_wanted.push_back(subscription.filter);
    }
    void on_end() override { ended = true; }
    void hold(Milliseconds time) override { held = time; }
    TimePoint now() const override { return TimePoint{} + Milliseconds{now_us / 1000}; }
    std::int64_t wall_clock_us() const override { return now_us; }

    void accept();

    Machine* machine = nullptr;
    std::map<std::string, std::unique_ptr<Session>> sessions;
    Session* session = nullptr;
    std::string client_id;
    bool clean_start = false;
    bool answers_connect = true;
    bool ended = false;
    Milliseconds held{0};
    bool traced = false;
    std::vector<std::string> trace;
    std::vector<std::string> auth;
    std::function<void()> answer_auth;
    std::string proof;
    bool keeps = false;
    PublishAnswer answer = PublishAnswer::done;
    std::int64_t now_us = 1'000'000'000;
    std::vector<Published> published;
    std::vector<std::string> subscribed;
    std::vector<std::string> unsubscribed;
    std::vector<Replayed> replays;
    ReplayAnswer replay_answer = ReplayAnswer::coming;
    std::vector<std::string> retained_wanted;
};

/// One connection after another of one client to one host.
class Exchange {
  public:
    explicit Exchange(Version version, const SessionLimits& limits = {});
    ~Exchange();

    /// A new connection; the old one is lost if it is still there.
    void reconnect();
    void lose();
    /// CONNECT with a persistent session unless told otherwise.
    void connect(bool clean_start = false, std::uint32_t expiry_s = 1000);
    void connect_with(Connect connect);
    /// Bytes to the machine, with what it left before.
    void give(std::string_view bytes);
    void publish(std::string_view topic, std::string_view payload, int qos, std::uint16_t packet_id = 0,
                 bool dup = false);
    void ack(PacketType type, std::uint16_t packet_id, ReasonCode code = ReasonCode::success);
    void subscribe(std::string_view filter, int qos = 1, std::uint16_t packet_id = 7);
    void deliver(std::string_view topic, std::string_view payload, int qos, std::uint64_t seq = 0);
    void deliver(const MessagePtr& message, int qos);
    /// What was sent since the last call, and leaves the outbox.
    std::vector<SentPacket> sent();
    /// The one packet that was sent since the last call.
    SentPacket only();
    std::string sent_bytes();
    bool v5() const { return version_ == Version::v5; }
    std::size_t unread() const { return kept_.size(); }

    Machine& machine() { return *machine_; }
    FakeHost host;
    Counters counters;
    SessionContext context;

  private:
    Version version_;
    BufferPool pool_;
    int sockets_[2];
    std::unique_ptr<Outbox> out_;
    std::unique_ptr<Machine> machine_;
    std::string kept_;
};

inline std::string name_of_version(const testing::TestParamInfo<Version>& version) {
    return version.param == Version::v5 ? "v5" : "v311";
}

MessagePtr make_message(std::string_view topic, std::string_view payload, int qos, std::uint64_t seq = 0,
                        std::optional<std::uint32_t> expiry_s = {}, std::int64_t at_us = 1'000'000'000);
std::vector<PacketType> types_of(const std::vector<SentPacket>& packets);

}  // namespace millrace::mqtt
