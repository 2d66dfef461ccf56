// The protocol machine, without broker and connection: what one message costs on its way in or out.
#include <benchmark/benchmark.h>
#include <memory>
#include <stdexcept>

#include "bench/micro/case.h"
#include "bench/micro/samples.h"
#include "bench/micro/world.h"
#include "mqtt/session/machine.h"

namespace millrace::bench {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;
/// As many as leave without waiting for an acknowledgement.
constexpr std::uint16_t kBatch = 16;
constexpr std::size_t kTimes = 1600;

/// A host that agrees with everything, and a client that has connected.
class Exchange final : private mqtt::Host {
  public:
    explicit Exchange(Version version) : version_(version) {
        mqtt::Connect connect;
        connect.version = version;
        connect.client_id = "client";
        ByteBuffer packet;
        mqtt::encode_connect(packet, connect);
        feed(packet);
        if (!machine_.connected()) throw std::runtime_error("not connected");
        flush();
    }

    void feed(const ByteBuffer& packets) {
        if (machine_.feed(packets.view()) != packets.size()) throw std::runtime_error("not all was taken");
    }
    void deliver(const MessagePtr& message, std::uint8_t qos) {
        mqtt::Terms terms;
        terms.qos = qos;
        machine_.deliver(message, terms);
    }
    /// What was written leaves.
    void flush() {
        if (out_.empty()) throw std::runtime_error("nothing was written");
        out_.flush(ends_.near);
        far_.receive();
    }
    /// The client's acknowledgements of the packets sent last.
    const ByteBuffer& acks(PacketType type, std::uint16_t first_id) {
        acks_.clear();
        for (std::uint16_t i = 0; i < kBatch; ++i) {
            // 65,535 is followed by 1.
            const auto id = static_cast<std::uint16_t>((first_id - 1U + i) % 65'535U + 1U);
            mqtt::encode_publish_ack(acks_, type, id, mqtt::ReasonCode::success, version_);
        }
        return acks_;
    }

    std::uint16_t next_id = 1;

  private:
    void on_connect(const mqtt::Connect&) override { machine_.accept(session_, false, {}); }
    void on_auth(ByteView, bool) override {}
    mqtt::PublishAnswer on_publish(const mqtt::ReceivedMessage& message, std::uint64_t) override {
        benchmark::DoNotOptimize(message.topic.data());
        return mqtt::PublishAnswer::done;
    }
    bool may_subscribe(std::string_view) override { return true; }
    mqtt::ReplayAnswer on_replay(std::string_view, const mqtt::ReplayRequest&) override {
        return mqtt::ReplayAnswer::live_channel;
    }
    void on_subscribe(const mqtt::Subscription&) override {}
    void on_unsubscribe(std::string_view) override {}
    void send_retained(const mqtt::Subscription&) override {}
    void on_end() override {}
    void hold(Milliseconds) override {}
    TimePoint now() const override { return {}; }
    std::int64_t wall_clock_us() const override { return 1'792'000'000'123'000; }

    Version version_;
    Socket::Pair ends_ = Socket::pair();
    Socket near_{ends_.near};
    Socket far_{ends_.far};
    BufferPool pool_;
    Counters counters_;
    mqtt::SessionContext context_{{}, "7f3a9c21e5b8", counters_};
    mqtt::Session session_{"client", 1};
    Outbox out_{pool_};
    mqtt::Machine machine_{context_, *this, out_, out_};
    ByteBuffer acks_;
};

ByteBuffer publishes(Version version, Qos qos) {
    ByteBuffer packets;
    for (std::uint16_t id = 1; id <= kBatch; ++id) packets.append(sample_publish(version, qos, id).view());
    return packets;
}

void add_receive(Cases& cases, const char* name, Version version, Qos qos) {
    cases.push_back({name, kTimes, [=] {
                         auto exchange = std::make_unique<Exchange>(version);
                         return repeat(
                             [exchange = std::move(exchange), packets = publishes(version, qos), qos] {
                                 exchange->feed(packets);
                                 if (qos != Qos::at_most_once) exchange->flush();
                                 if (qos != Qos::exactly_once) return;
                                 exchange->feed(exchange->acks(PacketType::pubrel, 1));
                                 exchange->flush();
                             },
                             kBatch);
                     }});
}

void send_batch(Exchange& exchange, const MessagePtr& message, Qos qos) {
    for (std::size_t i = 0; i < kBatch; ++i) exchange.deliver(message, static_cast<std::uint8_t>(qos));
    exchange.flush();
    if (qos == Qos::at_most_once) return;
    if (qos == Qos::at_least_once) {
        exchange.feed(exchange.acks(PacketType::puback, exchange.next_id));
    } else {
        exchange.feed(exchange.acks(PacketType::pubrec, exchange.next_id));
        exchange.flush();
        exchange.feed(exchange.acks(PacketType::pubcomp, exchange.next_id));
    }
    exchange.next_id = static_cast<std::uint16_t>((exchange.next_id - 1U + kBatch) % 65'535U + 1U);
}

void add_send(Cases& cases, const char* name, Version version, Qos qos) {
    cases.push_back({name, kTimes, [=] {
                         auto exchange = std::make_unique<Exchange>(version);
                         return repeat(
                             [exchange = std::move(exchange), qos,
                              message = sample_message(kTopic, kPayload, static_cast<std::uint8_t>(qos))] {
                                 send_batch(*exchange, message, qos);
                             },
                             kBatch);
                     }});
}

}  // namespace

void add_machine_cases(Cases& cases) {
    add_receive(cases, "machine/receive_v311_qos0", Version::v311, Qos::at_most_once);
    add_receive(cases, "machine/receive_v311_qos1", Version::v311, Qos::at_least_once);
    add_receive(cases, "machine/receive_v311_qos2", Version::v311, Qos::exactly_once);
    add_receive(cases, "machine/receive_v5_qos1", Version::v5, Qos::at_least_once);
    add_send(cases, "machine/send_v311_qos0", Version::v311, Qos::at_most_once);
    add_send(cases, "machine/send_v311_qos1", Version::v311, Qos::at_least_once);
    add_send(cases, "machine/send_v311_qos2", Version::v311, Qos::exactly_once);
    add_send(cases, "machine/send_v5_qos1", Version::v5, Qos::at_least_once);
    cases.push_back({"machine/ping", kTimes, [] {
                         ByteBuffer ping;
                         mqtt::encode_pingreq(ping);
                         auto exchange = std::make_unique<Exchange>(Version::v311);
                         return repeat([exchange = std::move(exchange), ping = std::move(ping)] {
                             exchange->feed(ping);
                             exchange->flush();
                         });
                     }});
}

}  // namespace millrace::bench
