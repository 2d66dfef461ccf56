// Shards turned by hand, with brokers, and clients on the other end of socket pairs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/access/authoriser.h"
#include "core/net/connection.h"
#include "core/shard.h"
#include "mqtt/broker/broker.h"
#include "mqtt/broker/session_table.h"
#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"
#include "store/store.h"

namespace millrace::mqtt {

struct TestMemory;  // test_memory.h

/// One server of several shards, all on the test's thread. `stored/#` is stored in memory, everything else is
/// live.
class TestServer {
  public:
    using Memory = std::shared_ptr<TestMemory>;
    explicit TestServer(unsigned shards, const std::function<void(config::Config&)>& adjust = {});
    /// A process that begins with what others have left in a store that keeps sessions.
    TestServer(unsigned shards, Memory memory, const std::function<void(config::Config&)>& adjust = {});
    /// As a process that is killed.
    ~TestServer();
    /// An empty store that keeps sessions.
    static Memory keeping_memory();

    /// The client's end of a new connection.
    int connect(unsigned shard, bool websocket = false);
    /// Turns every shard, in order, `rounds` times.
    void turn(int rounds = 12);
    /// Lets the timers of all shards see a clock that is `seconds` further on, for good; then turns.
    void pass(int seconds);
    /// Turns until `done`, but not for longer.
    bool turn_until(const std::function<bool()>& done, Milliseconds longest = Milliseconds{10'000});
    Shard& shard(unsigned index) { return *shards_[index]; }
    SessionTable& sessions(unsigned index) { return *tables_[index]; }
    SessionDirectory& directory() { return directory_; }
    /// ClientSessions of all shards, stubs included.
    std::size_t seats() const;
    std::uint64_t sum(Counter Counters::*counter);

    /// Commits and reads wait until release_store().
    void hold_store();
    void release_store();
    /// Commits and reads fail.
    void set_store_away(bool away);
    /// What retention does: only the newest `keep` messages of the channel stay.
    void trim(const std::string& channel, std::size_t keep);

  private:
    void turn_once(Milliseconds longest);

    Memory memory_;
    config::Config config_;
    Milliseconds passed_{0};
    BrokerContext context_;
    Distributor distributor_{context_};
    std::unique_ptr<access::Authoriser> authoriser_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::unique_ptr<store::Store> store_;
    SessionDirectory directory_;
    std::vector<std::unique_ptr<Broker>> brokers_;
    std::vector<std::unique_ptr<SessionTable>> tables_;
};

/// A client that speaks raw MQTT.
class TestClient {
  public:
    struct Packet {
        std::string bytes;
        Version version;
        Frame frame() const { return scan_frame(as_bytes(bytes), 1 << 28, version).frame; }
        PacketType type() const { return frame().type; }
    };
    struct Message {
        std::string topic;
        std::string payload;
        int qos;
        bool retain;
        bool dup;
        std::uint16_t packet_id;
    };

    TestClient(TestServer& server, unsigned shard, Version version = Version::v5);
    ~TestClient();
    TestClient(const TestClient&) = delete;
    TestClient& operator=(const TestClient&) = delete;

    void connect(std::string_view client_id, bool clean_start = false, std::uint32_t expiry_s = 1000);
    void connect_with(Connect connect);
    void subscribe(std::string_view filter, int qos, bool no_local = false);
    void publish(std::string_view topic, std::string_view payload, int qos, std::uint16_t packet_id = 1,
                 bool retain = false);
    void ack(PacketType type, std::uint16_t packet_id);
    void disconnect();
    void write(std::string_view bytes);
    /// Leaves without a word.
    void drop();

    /// Reads what has come. Acknowledges messages, if told to.
    void read();
    bool acknowledges = true;
    bool closed = false;
    std::vector<Packet> packets;
    std::vector<Message> messages;
    const Packet* last(PacketType type) const;
    int count(PacketType type) const;
    std::vector<std::string> payloads() const;
    bool session_present() const;

  private:
    void handle(const Packet& packet);

    int descriptor_;
    Version version_;
    std::string received_;
};

}  // namespace millrace::mqtt
