#include "bench/micro/world.h"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

#include "core/net/websocket.h"
#include "mqtt/codec/encode.h"

namespace millrace::bench {
namespace {

class NoHistory final : public store::Reader {
  public:
    Result<store::Page> read(const store::Range&) override { return store::Page{}; }
    Result<std::vector<MessagePtr>> retained() override { return std::vector<MessagePtr>{}; }
};

class NothingToMaintain final : public store::Maintenance {
  public:
    Result<std::uint32_t> trim(const store::Trim&) override { return 0U; }
    Result<store::ChannelInfo> find(std::string_view) override { return store::ChannelInfo{}; }
    Result<std::vector<store::ChannelInfo>> channels(std::int64_t, std::uint32_t) override {
        return std::vector<store::ChannelInfo>{};
    }
    Result<std::vector<store::ChannelInfo>> channels_by_name(std::string_view, std::uint32_t) override {
        return std::vector<store::ChannelInfo>{};
    }
};

class NullBackend final : public store::Backend {
  public:
    const std::string& epoch() const override { return epoch_; }
    std::unique_ptr<store::Log> open_log() override { return std::make_unique<NullLog>(); }
    std::unique_ptr<store::Reader> open_reader() override { return std::make_unique<NoHistory>(); }
    std::unique_ptr<store::Maintenance> open_maintenance() override {
        return std::make_unique<NothingToMaintain>();
    }

  private:
    std::string epoch_ = "7f3a9c21e5b8";
};

config::Config sample_config() {
    config::Config config;
    config.channels.clear();
    config.channels.emplace_back().match = "stored/#";
    config.channels.emplace_back().store = false;
    return config;
}

}  // namespace

Socket::Pair Socket::pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    for (const int end : ends) {
        const int bytes = 1 << 20;
        ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    return {ends[0], ends[1]};
}

Socket::Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Socket::~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void Socket::send(ByteView bytes) const {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(bytes.size())) throw std::runtime_error("the socket is full");
}

std::size_t Socket::receive() const {
    static std::array<std::byte, std::size_t{1} << 20> buffer;
    const ssize_t size = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (size == 0) throw std::runtime_error("closed by the server");
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

void Socket::expect(std::size_t bytes) const {
    const std::size_t received = receive();
    if (received != bytes) {
        throw std::runtime_error(std::to_string(received) + " bytes came instead of " +
                                 std::to_string(bytes));
    }
}

Result<std::vector<store::Receipt>> NullLog::append(std::span<const MessagePtr> batch) {
    constexpr std::int64_t kAt = 1'792'000'000'123'000;
    std::vector<store::Receipt> receipts;
    receipts.reserve(batch.size());
    for (const MessagePtr& message : batch) {
        message->stamp(++seq_, kAt);
        receipts.push_back({.seq = seq_, .at_us = kAt, .repeated = false});
    }
    return receipts;
}

World::World()
    : config_(sample_config()),
      authoriser_(config_),
      context_{.config = &config_, .store = &store_, .brokers = {nullptr}},
      store_(std::make_unique<NullBackend>(), store::Limits{}, distributor_),
      broker_(shard_, context_, authoriser_),
      sessions_(broker_, directory_),
      bridge_(broker_, bridges_),
      http_(broker_, nullptr) {
    context_.brokers = {&broker_};
    bridges_ = {&bridge_};
}

World::~World() {
    store_.drain();
    shard_.connections().close_all();
    turn();
}

template <class Make>
Socket World::connect(Make make) {
    const Socket::Pair ends = Socket::pair();
    Connection& connection = shard_.connections().adopt(ends.near);
    connection.start(make(connection));
    return Socket(ends.far);
}

Socket World::connect_http() {
    return connect([this](Connection& connection) { return http_.make_session(connection); });
}

Socket World::connect_mqtt(std::string_view client_id, mqtt::Version version) {
    Socket socket =
        connect([this](Connection& connection) { return mqtt::make_client(sessions_, connection, false); });
    mqtt::Connect hello;
    hello.version = version;
    hello.client_id = client_id;
    ByteBuffer packet;
    mqtt::encode_connect(packet, hello);
    socket.send(packet.view());
    settle(socket);
    return socket;
}

Socket World::subscribe_mqtt(std::string_view client_id, mqtt::Version version, std::string_view filter,
                             mqtt::Qos qos) {
    Socket socket = connect_mqtt(client_id, version);
    mqtt::SubscriptionRequest request;
    request.filter = filter;
    request.qos = qos;
    ByteBuffer packet;
    mqtt::encode_subscribe(packet, 1, {&request, 1}, version);
    socket.send(packet.view());
    settle(socket);
    return socket;
}

Socket World::join_browser(std::string_view channel) {
    Socket socket = connect([this](Connection& connection) {
        return bridge_.accept(connection, config_.realtime.key, {}, nullptr);
    });
    const std::string text = R"({"action":"join","options":{"channel":")" + std::string(channel) +
                             R"("},"payload":{"history":false,"presence":false}})";
    ByteBuffer frame;
    websocket::append_frame_header(frame, websocket::Opcode::text, text.size());
    frame.data()[1] |= std::byte{0x80};
    frame.append(std::string_view("\0\0\0\0", 4));  // a mask that changes nothing
    frame.append(text);
    turn();
    socket.send(frame.view());
    settle(socket);
    return socket;
}

void World::turn_until(const Socket& socket, std::size_t bytes) {
    std::size_t received = socket.receive();
    for (int turns = 0; received < bytes; ++turns) {
        if (turns == 1000) throw std::runtime_error("no answer");
        shard_.turn(Milliseconds{20});
        received += socket.receive();
    }
}

std::size_t World::settle(const Socket& socket) {
    std::size_t received = 0;
    for (int quiet = 0; quiet < 3 || received == 0;) {
        shard_.turn(Milliseconds{0});
        const std::size_t more = socket.receive();
        received += more;
        if (++quiet == 1000) throw std::runtime_error("no answer");
        if (more != 0) quiet = 0;
    }
    return received;
}

}  // namespace millrace::bench
