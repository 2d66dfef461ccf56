// Frame scanner, decoders, encoders.
#include <benchmark/benchmark.h>

#include "bench/micro/case.h"
#include "bench/micro/samples.h"
#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"

namespace millrace::bench {
namespace {

using mqtt::Qos;
using mqtt::Version;
constexpr std::size_t kPacketMax = 1 << 20;
constexpr std::size_t kTimes = 1000;

mqtt::Frame frame_in(const ByteBuffer& packet, Version version) {
    return mqtt::scan_frame(packet.view(), kPacketMax, version).frame;
}

void add_scanner_cases(Cases& cases) {
    cases.push_back({"scan/publish", kTimes, [] {
                         return repeat([packet = sample_publish(Version::v311, Qos::at_most_once)] {
                             benchmark::DoNotOptimize(
                                 mqtt::scan_frame(packet.view(), kPacketMax, Version::v311));
                         });
                     }});
    cases.push_back({"scan/half_a_publish", kTimes, [] {
                         return repeat([packet = sample_publish(Version::v311, Qos::at_most_once)] {
                             benchmark::DoNotOptimize(
                                 mqtt::scan_frame(packet.view().first(40), kPacketMax, Version::v311));
                         });
                     }});
}

void add_decode_publish(Cases& cases, const char* name, Version version, Qos qos, bool with_properties) {
    cases.push_back({name, kTimes, [=] {
                         const ByteBuffer properties = sample_properties();
                         mqtt::OutgoingPublish publish;
                         publish.topic = kTopic;
                         publish.payload = as_bytes(kPayload);
                         publish.qos = qos;
                         publish.packet_id = 1;
                         if (with_properties) publish.forwarded_properties = properties.view();
                         ByteBuffer packet;
                         mqtt::encode_publish(packet, publish, version);
                         return repeat([packet = std::move(packet), version] {
                             benchmark::DoNotOptimize(mqtt::decode_publish(frame_in(packet, version), version,
                                                                           mqtt::Sender::client));
                         });
                     }});
}

void add_decode_others(Cases& cases) {
    cases.push_back({"codec/decode_puback", kTimes, [] {
                         ByteBuffer packet;
                         mqtt::encode_publish_ack(packet, mqtt::PacketType::puback, 7,
                                                  mqtt::ReasonCode::success, Version::v5);
                         return repeat([packet = std::move(packet)] {
                             benchmark::DoNotOptimize(mqtt::decode_publish_ack(
                                 frame_in(packet, Version::v5), Version::v5, mqtt::Sender::client));
                         });
                     }});
    cases.push_back({"codec/decode_connect_v5", kTimes, [] {
                         mqtt::Connect connect;
                         connect.client_id = "thermometer-0815";
                         connect.user_name = "user";
                         connect.password = as_bytes("password");
                         ByteBuffer packet;
                         mqtt::encode_connect(packet, connect);
                         return repeat([packet = std::move(packet)] {
                             benchmark::DoNotOptimize(mqtt::decode_connect(frame_in(packet, Version::v311)));
                         });
                     }});
    cases.push_back({"codec/decode_subscribe", kTimes, [] {
                         mqtt::SubscriptionRequest request;
                         request.filter = "site/+/room/#";
                         ByteBuffer packet;
                         mqtt::encode_subscribe(packet, 1, {&request, 1}, Version::v311);
                         return repeat([packet = std::move(packet)] {
                             benchmark::DoNotOptimize(
                                 mqtt::decode_subscribe(frame_in(packet, Version::v311), Version::v311));
                         });
                     }});
}

void add_encode_publish(Cases& cases, const char* name, Version version, bool with_properties) {
    cases.push_back({name, kTimes, [=] {
                         return repeat([version, with_properties, properties = sample_properties(),
                                        out = ByteBuffer()]() mutable {
                             mqtt::OutgoingPublish publish;
                             publish.topic = kTopic;
                             publish.payload = as_bytes(kPayload);
                             publish.qos = Qos::at_least_once;
                             publish.packet_id = 1;
                             if (with_properties) publish.forwarded_properties = properties.view();
                             out.clear();
                             benchmark::DoNotOptimize(mqtt::encode_publish(out, publish, version));
                         });
                     }});
}

}  // namespace

void add_codec_cases(Cases& cases) {
    add_scanner_cases(cases);
    add_decode_publish(cases, "codec/decode_publish_v311_qos0", Version::v311, Qos::at_most_once, false);
    add_decode_publish(cases, "codec/decode_publish_v311_qos1", Version::v311, Qos::at_least_once, false);
    add_decode_publish(cases, "codec/decode_publish_v5_qos1", Version::v5, Qos::at_least_once, false);
    add_decode_publish(cases, "codec/decode_publish_v5_properties", Version::v5, Qos::at_least_once, true);
    add_decode_others(cases);
    add_encode_publish(cases, "codec/encode_publish_v311", Version::v311, false);
    add_encode_publish(cases, "codec/encode_publish_v5", Version::v5, false);
    add_encode_publish(cases, "codec/encode_publish_v5_properties", Version::v5, true);
    cases.push_back({"codec/encode_puback", kTimes, [] {
                         return repeat([out = ByteBuffer()]() mutable {
                             out.clear();
                             mqtt::encode_publish_ack(out, mqtt::PacketType::puback, 7,
                                                      mqtt::ReasonCode::success, Version::v311);
                             benchmark::DoNotOptimize(out.data());
                         });
                     }});
}

}  // namespace millrace::bench
