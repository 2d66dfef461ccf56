#include "tests/mqtt/broker/client_support.h"

#include <cerrno>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "tests/mqtt/broker/test_memory.h"

namespace millrace::mqtt {
namespace {

config::ChannelRule rule(std::string match, bool store) {
    config::ChannelRule result;
    result.match = std::move(match);
    result.store = store;
    return result;
}

}  // namespace

TestServer::Memory TestServer::keeping_memory() {
    Memory memory = std::make_shared<TestMemory>();
    memory->at_us = 0;
    memory->keeps_sessions = true;
    return memory;
}

TestServer::TestServer(unsigned shards, const std::function<void(config::Config&)>& adjust)
    : TestServer(shards, std::make_shared<TestMemory>(), adjust) {
    memory_->at_us = wall_clock_us();
}

TestServer::TestServer(unsigned shards, Memory memory, const std::function<void(config::Config&)>& adjust)
    : memory_(std::move(memory)) {
    config_.channels = {rule("stored/#", true), rule("#", false)};
    if (adjust) adjust(config_);
    authoriser_ = std::make_unique<access::Authoriser>(config_);
    store_ = std::make_unique<store::Store>(std::make_unique<millrace::testing::MemoryBackend>(*memory_),
                                            store::Limits{}, distributor_);
    context_.config = &config_;
    context_.store = store_.get();
    context_.brokers.resize(shards);
    for (unsigned i = 0; i < shards; ++i) {
        shards_.push_back(std::make_unique<Shard>(i));
        brokers_.push_back(std::make_unique<Broker>(*shards_[i], context_, *authoriser_));
        context_.brokers[i] = brokers_[i].get();
        tables_.push_back(std::make_unique<SessionTable>(*brokers_[i], directory_));
    }
    if (store_->sessions() != nullptr) restore_sessions(*store_, tables_);
}

TestServer::~TestServer() {
    store_->drain();
    if (store_->sessions() != nullptr) store_->sessions()->stop();
    tables_.clear();
    brokers_.clear();
    shards_.clear();
}

int TestServer::connect(unsigned shard, bool websocket) {
    int sockets[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
    Connection& connection = shards_[shard]->connections().adopt(sockets[0]);
    connection.start(make_client(*tables_[shard], connection, websocket));
    return sockets[1];
}

void TestServer::turn_once(Milliseconds longest) {
    for (const auto& shard : shards_) {
        shard->timers().advance(steady_now() + passed_);
        shard->turn(longest);
    }
}

void TestServer::turn(int rounds) {
    for (int round = 0; round < rounds; ++round) turn_once(Milliseconds{0});
}

void TestServer::pass(int seconds) {
    passed_ += Milliseconds{seconds * 1000};
    turn();
}

bool TestServer::turn_until(const std::function<bool()>& done, Milliseconds longest) {
    const TimePoint end = steady_now() + longest;
    while (!done()) {
        if (steady_now() > end) return false;
        turn_once(Milliseconds{1});
    }
    return true;
}

std::size_t TestServer::seats() const {
    std::size_t total = 0;
    for (const auto& table : tables_) total += table->size();
    return total;
}

std::uint64_t TestServer::sum(Counter Counters::*counter) {
    std::uint64_t total = 0;
    for (const auto& shard : shards_) total += (shard->counters().*counter).value();
    return total;
}

void TestServer::hold_store() {
    memory_->stuck = true;
}

void TestServer::release_store() {
    memory_->release();
}

void TestServer::set_store_away(bool away) {
    memory_->away = away;
}

void TestServer::trim(const std::string& channel, std::size_t keep) {
    auto channels = memory_->channels.lock();
    auto& messages = (*channels)[channel];
    messages.erase(messages.begin(), messages.end() - static_cast<std::ptrdiff_t>(keep));
}

TestClient::TestClient(TestServer& server, unsigned shard, Version version)
    : descriptor_(server.connect(shard)), version_(version) {}

TestClient::~TestClient() {
    drop();
}

void TestClient::drop() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
}

void TestClient::connect(std::string_view client_id, bool clean_start, std::uint32_t expiry_s) {
    ByteBuffer raw;
    PropertyWriter writer(raw);
    if (version_ == Version::v5) writer.integer(PropertyId::session_expiry_interval, expiry_s);
    Connect connect;
    connect.client_id = client_id;
    connect.clean_start = clean_start;
    connect.properties = writer.properties();
    connect_with(connect);
}

void TestClient::connect_with(Connect connect) {
    connect.version = version_;
    ByteBuffer bytes;
    encode_connect(bytes, connect);
    write(bytes.text());
}

void TestClient::subscribe(std::string_view filter, int qos, bool no_local) {
    SubscriptionRequest request;
    request.filter = filter;
    request.qos = static_cast<Qos>(qos);
    request.no_local = no_local;
    ByteBuffer bytes;
    encode_subscribe(bytes, 1, {&request, 1}, version_);
    write(bytes.text());
}

void TestClient::publish(std::string_view topic, std::string_view payload, int qos, std::uint16_t packet_id,
                         bool retain) {
    OutgoingPublish publish;
    publish.topic = topic;
    publish.payload = as_bytes(payload);
    publish.qos = static_cast<Qos>(qos);
    publish.packet_id = packet_id;
    publish.retain = retain;
    ByteBuffer bytes;
    encode_publish(bytes, publish, version_);
    write(bytes.text());
}

void TestClient::ack(PacketType type, std::uint16_t packet_id) {
    ByteBuffer bytes;
    encode_publish_ack(bytes, type, packet_id, ReasonCode::success, version_);
    write(bytes.text());
}

void TestClient::disconnect() {
    write(std::string_view("\xE0\x00", 2));
    read();
}

void TestClient::write(std::string_view bytes) {
    if (descriptor_ < 0) return;
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    EXPECT_TRUE(sent == static_cast<ssize_t>(bytes.size()) || (sent < 0 && errno == EPIPE)) << sent;
}

void TestClient::read() {
    char chunk[65'536];
    while (descriptor_ >= 0) {
        const ssize_t got = ::recv(descriptor_, chunk, sizeof chunk, 0);
        if (got == 0) closed = true;
        if (got <= 0) break;
        received_.append(chunk, static_cast<std::size_t>(got));
    }
    while (true) {
        const Scan scan = scan_frame(as_bytes(received_), 1 << 28, version_);
        if (scan.status != ScanStatus::frame) return;
        packets.push_back({received_.substr(0, scan.frame.size), version_});
        received_.erase(0, scan.frame.size);
        handle(packets.back());
    }
}

void TestClient::handle(const Packet& packet) {
    if (packet.type() == PacketType::publish) {
        const auto publish = decode_publish(packet.frame(), version_, Sender::server);
        ASSERT_TRUE(publish.has_value());
        messages.push_back({std::string(publish->topic), std::string(as_text(publish->payload)),
                            static_cast<int>(publish->qos), publish->retain, publish->dup,
                            publish->packet_id});
        if (!acknowledges || publish->qos == Qos::at_most_once) return;
        ack(publish->qos == Qos::at_least_once ? PacketType::puback : PacketType::pubrec, publish->packet_id);
    } else if (packet.type() == PacketType::pubrel || packet.type() == PacketType::pubrec) {
        const auto step = decode_publish_ack(packet.frame(), version_, Sender::server);
        ASSERT_TRUE(step.has_value());
        ack(packet.type() == PacketType::pubrel ? PacketType::pubcomp : PacketType::pubrel, step->packet_id);
    }
}

const TestClient::Packet* TestClient::last(PacketType type) const {
    for (auto at = packets.rbegin(); at != packets.rend(); ++at) {
        if (at->type() == type) return &*at;
    }
    return nullptr;
}

int TestClient::count(PacketType type) const {
    int found = 0;
    for (const Packet& packet : packets) found += packet.type() == type ? 1 : 0;
    return found;
}

std::vector<std::string> TestClient::payloads() const {
    std::vector<std::string> found;
    for (const Message& message : messages) found.push_back(message.payload);
    return found;
}

bool TestClient::session_present() const {
    const Packet* packet = last(PacketType::connack);
    return packet != nullptr && decode_connack(packet->frame(), version_)->session_present;
}

}  // namespace millrace::mqtt
