#include "tests/mqtt/session/support.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::mqtt {

Frame SentPacket::frame() const {
    return scan_frame(as_bytes(bytes), 1 << 28, version).frame;
}

void FakeHost::on_connect(const Connect& connect) {
    client_id = connect.client_id;
    clean_start = connect.clean_start;
    if (answers_connect) accept();
}

void FakeHost::accept() {
    const bool assigned = client_id.empty();
    const std::string id = assigned ? "chosen" : client_id;
    if (clean_start) sessions.erase(id);
    std::unique_ptr<Session>& slot = sessions[id];
    const bool present = slot != nullptr;
    if (!present) slot = std::make_unique<Session>(id, now_us);
    session = slot.get();
    machine->accept(*slot, present, assigned ? std::string_view(id) : std::string_view{}, proof);
}

PublishAnswer FakeHost::on_publish(const ReceivedMessage& message, std::uint64_t token) {
    if (answer == PublishAnswer::done || answer == PublishAnswer::pending) {
        published.push_back({std::string(message.topic), std::string(as_text(message.packet.payload)),
                             static_cast<std::uint8_t>(message.packet.qos), message.packet.retain,
                             message.sequence, token});
    }
    return answer;
}

Exchange::Exchange(Version version, const SessionLimits& limits)
    : context(limits, "epoch", counters), version_(version) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_), 0);
    reconnect();
}

Exchange::~Exchange() {
    ::close(sockets_[0]);
    ::close(sockets_[1]);
}

void Exchange::lose() {
    machine_->abandon();
    out_ = std::make_unique<Outbox>(pool_);
}

void Exchange::reconnect() {
    if (machine_) machine_->abandon();
    kept_.clear();
    out_ = std::make_unique<Outbox>(pool_);
    machine_ = std::make_unique<Machine>(context, host, *out_, *out_);
    host.machine = machine_.get();
    host.ended = false;
}

void Exchange::connect(bool clean_start, std::uint32_t expiry_s) {
    ByteBuffer properties;
    PropertyWriter writer(properties);
    if (v5()) writer.integer(PropertyId::session_expiry_interval, expiry_s);
    Connect connect;
    connect.clean_start = clean_start;
    connect.client_id = "client";
    connect.properties = writer.properties();
    connect_with(connect);
}

void Exchange::connect_with(Connect connect) {
    connect.version = version_;
    ByteBuffer bytes;
    encode_connect(bytes, connect);
    give(bytes.text());
}

void Exchange::give(std::string_view bytes) {
    kept_ += bytes;
    kept_.erase(0, machine_->feed(as_bytes(kept_)));
}

void Exchange::publish(std::string_view topic, std::string_view payload, int qos, std::uint16_t packet_id,
                       bool dup) {
    OutgoingPublish publish;
    publish.topic = topic;
    publish.payload = as_bytes(payload);
    publish.qos = static_cast<Qos>(qos);
    publish.packet_id = packet_id;
    publish.dup = dup;
    ByteBuffer bytes;
    encode_publish(bytes, publish, version_);
    give(bytes.text());
}

void Exchange::ack(PacketType type, std::uint16_t packet_id, ReasonCode code) {
    ByteBuffer bytes;
    encode_publish_ack(bytes, type, packet_id, code, version_);
    give(bytes.text());
}

void Exchange::subscribe(std::string_view filter, int qos, std::uint16_t packet_id) {
    SubscriptionRequest request;
    request.filter = filter;
    request.qos = static_cast<Qos>(qos);
    ByteBuffer bytes;
    encode_subscribe(bytes, packet_id, {&request, 1}, version_);
    give(bytes.text());
}

void Exchange::deliver(std::string_view topic, std::string_view payload, int qos, std::uint64_t seq) {
    deliver(make_message(topic, payload, qos, seq), qos);
}

void Exchange::deliver(const MessagePtr& message, int qos) {
    Terms terms;
    terms.qos = static_cast<std::uint8_t>(qos);
    if (machine_->connected()) return machine_->deliver(message, terms);
    EXPECT_EQ(host.session->queue(to_queued(message, terms), context), nullptr);
}

std::string Exchange::sent_bytes() {
    std::string bytes;
    char chunk[4096];
    for (bool more = true; more;) {
        more = out_->flush(sockets_[0]) == Outbox::Flush::blocked;
        for (ssize_t got; (got = ::recv(sockets_[1], chunk, sizeof chunk, 0)) > 0;) {
            bytes.append(chunk, static_cast<std::size_t>(got));
        }
    }
    return bytes;
}

std::vector<SentPacket> Exchange::sent() {
    const std::string bytes = sent_bytes();
    std::vector<SentPacket> packets;
    for (std::string_view rest = bytes; !rest.empty();) {
        const Scan scan = scan_frame(as_bytes(rest), 1 << 28, version_);
        EXPECT_EQ(scan.status, ScanStatus::frame);
        if (scan.status != ScanStatus::frame) break;
        packets.push_back({std::string(rest.substr(0, scan.frame.size)), version_});
        rest.remove_prefix(scan.frame.size);
    }
    return packets;
}

SentPacket Exchange::only() {
    std::vector<SentPacket> packets = sent();
    EXPECT_EQ(packets.size(), 1U);
    return packets.empty() ? SentPacket{std::string("\xD0\x00", 2), version_} : packets.front();
}

MessagePtr make_message(std::string_view topic, std::string_view payload, int qos, std::uint64_t seq,
                        std::optional<std::uint32_t> expiry_s, std::int64_t at_us) {
    MessageFields fields;
    fields.channel = topic;
    fields.payload = as_bytes(payload);
    fields.qos = static_cast<std::uint8_t>(qos);
    fields.expiry_s = expiry_s;
    MessagePtr message = Message::create(fields);
    message->stamp(seq, at_us);
    return message;
}

std::vector<PacketType> types_of(const std::vector<SentPacket>& packets) {
    std::vector<PacketType> types;
    for (const SentPacket& packet : packets) types.push_back(packet.type());
    return types;
}

}  // namespace millrace::mqtt
