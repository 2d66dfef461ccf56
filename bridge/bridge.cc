#include "bridge/bridge.h"

#include "bridge/session.h"
#include "core/net/websocket.h"
#include "mqtt/broker/entrance.h"

namespace millrace::bridge {
namespace {

/// What is wrong with how somebody comes in; empty: nothing.
struct Complaint {
    std::string message;
    std::string_view code;
    bool refused = false;
};

const Complaint kNobody{"Anonymous clients cannot connect: auth.anonymous is false.", "not_authorised", true};

/// Of a token that does not verify. Where the server knows no credentials at all none can, which is not its
/// owner's fault.
Complaint complain(const mqtt::Broker& broker, bool anonymous_allowed, error_code error) {
    Complaint complaint{std::string(access::why_refused(error)), "token_not_verified"};
    if (error == Errc::timed_out) complaint.code = "token_expired";
    const bool strict = broker.authoriser().takes_credentials() &&
                        broker.config().realtime.bad_token == config::BadToken::strict;
    complaint.refused = strict || !anonymous_allowed;
    if (!complaint.refused) complaint.message += " This connection is anonymous.";
    return complaint;
}

/// Finds out who comes with this token, unless `principal` is somebody already.
Complaint identify(mqtt::Broker& broker, bool anonymous_allowed, std::string_view token,
                   access::PrincipalPtr& principal) {
    if (principal && principal->authenticated()) return {};
    const access::Authoriser& authoriser = broker.authoriser();
    principal = access::anonymous();
    if (token.empty()) return anonymous_allowed ? Complaint{} : kNobody;
    if (access::PrincipalPtr backend = authoriser.backend_of(token)) {
        principal = std::move(backend);
        return {};
    }
    const auto user = authoriser.user_of(token, broker.shard().wall_clock_us());
    if (!user) return complain(broker, anonymous_allowed, user.error());
    principal = *user;
    return {};
}

constexpr std::size_t index_of(Generation generation) {
    return static_cast<std::size_t>(generation);
}

std::uint64_t seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

}  // namespace

Bridge::Bridge(mqtt::Broker& broker, const std::vector<Bridge*>& bridges)
    : broker_(broker), bridges_(bridges), rosters_(*this), people_(*this), random_(seed()) {
    broker_.add_clients(*this);
    broker_.set_presence(*this);
}

Bridge::~Bridge() = default;

std::unique_ptr<Protocol> Bridge::accept(Connection& connection, std::string_view key, std::string_view token,
                                         access::PrincipalPtr principal, Generation generation) {
    const bool anonymous_allowed = mqtt::anonymous_allowed(broker_, connection);
    Complaint complaint = identify(broker_, anonymous_allowed, token, principal);
    if (key != broker_.config().realtime.key)
        complaint = {std::string(dialect_of(generation).unknown_key()), "unknown_key", true};
    auto session =
        std::make_unique<Session>(*this, connection, std::move(principal), generation, complaint.refused);
    // The socket speaks HTTP until the upgrade's answer is out: the first frame has to come after it.
    shard().post([this, id = session->id(), complaint] {
        if (Session* started = find(id)) started->start(complaint.message, complaint.code);
    });
    return session;
}

ByteBuffer& Bridge::scratch() {
    text_.clear();
    return text_;
}

ByteView Bridge::encode(const Message& message, Generation generation) {
    ByteBuffer& text = scratch();
    dialect_of(generation).append_message(text, message, broker_.store().epoch());
    frame_.clear();
    websocket::append_frame(frame_, websocket::Opcode::text, text.view());
    return frame_.view();
}

SocketId Bridge::enrol(Session& session) {
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(sessions_.size()));
        sessions_.push_back(nullptr);
    }
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    sessions_[slot] = &session;
    shard().counters().browser_sockets.add();
    return {random_(), shard().index(), slot};
}

void Bridge::forget(const SocketId& id) {
    sessions_[id.slot] = nullptr;
    free_slots_.push_back(id.slot);
    shard().counters().browser_sockets.subtract();
}

Session* Bridge::find(const SocketId& id) {
    if (id.shard != shard().index() || id.slot >= sessions_.size()) return nullptr;
    Session* session = sessions_[id.slot];
    return session != nullptr && session->id() == id ? session : nullptr;
}

void Bridge::review() {
    for (Session* session : sessions_) {
        if (session != nullptr) session->review();
    }
}

Room& Bridge::room(std::string_view name, bool wildcard, Generation generation) {
    std::unique_ptr<Room>& room = rooms_[index_of(generation)][std::string(name)];
    if (!room) {
        room = std::make_unique<Room>(*this, std::string(name), wildcard, generation);
        shard().counters().browser_rooms.add();
    }
    return *room;
}

Room* Bridge::find_room(std::string_view name, Generation generation) {
    const Rooms& rooms = rooms_[index_of(generation)];
    const auto found = rooms.find(std::string(name));
    return found == rooms.end() ? nullptr : found->second.get();
}

void Bridge::release(Room& room) {
    if (!room.empty()) return;
    Rooms& rooms = rooms_[index_of(room.generation())];
    rooms.erase(rooms.find(room.name()));
    shard().counters().browser_rooms.subtract();
}

Bridge& Bridge::home_of(std::string_view channel) {
    return *bridges_[std::hash<std::string_view>{}(channel) % bridges_.size()];
}

void Bridge::enter_roster(std::string_view channel, const Member& member, Generation generation, Show show) {
    Bridge& home = home_of(channel);
    home.shard().post([&home, channel = std::string(channel), member, generation, show] {
        const bool second = generation == Generation::second;
        home.rosters_.enter(channel, member, show != Show::nothing);
        home.people_.entered(channel, member);
        if (second && show != Show::nothing) home.people_.watch(channel, member.socket, show);
    });
}

void Bridge::leave_roster(std::string_view channel, const SocketId& socket) {
    Bridge& home = home_of(channel);
    home.shard().post([&home, channel = std::string(channel), socket] {
        home.rosters_.leave(channel, socket);
        home.people_.left(channel, socket);
    });
}

void Bridge::list_clients(mqtt::ClientPage& page) {
    for (const Session* session : sessions_) {
        if (session == nullptr) continue;
        const SocketIdText id(session->id());
        if (page.wants(id.view())) page.add(id.view(), session->info());
    }
}

bool Bridge::disconnect_client(std::string_view id) {
    Session* session = find(parse_socket_id(id).value_or(SocketId{}));
    if (session != nullptr) session->send_away();
    return session != nullptr;
}

/// Every shard's MQTT members, and then the home's page of all.
void Bridge::list_members(std::string channel, std::string after, std::size_t limit,
                          std::function<void(mqtt::RosterPage)> done) {
    struct Gathering {
        Rosters::MqttMembers clients;
        std::size_t missing;
    };
    Bridge& home = home_of(channel);
    const auto gathering = std::make_shared<Gathering>(Gathering{{}, bridges_.size()});
    const auto finish = [this, &home, gathering, channel, after = std::move(after), limit,
                         done = std::move(done)] {
        mqtt::RosterPage page = home.rosters_.list(channel, after, limit, std::move(gathering->clients));
        shard().post([page = std::move(page), done] { done(page); });
    };
    for (Bridge* bridge : bridges_) {
        bridge->shard().post([bridge, &home, gathering, channel, finish] {
            home.shard().post([gathering, finish, part = bridge->broker_.attendance().list(channel)] {
                gathering->clients.insert(gathering->clients.end(), part.begin(), part.end());
                if (--gathering->missing == 0) finish();
            });
        });
    }
}

void Bridge::mqtt_entered(std::string_view channel, mqtt::MqttMember member) {
    Bridge& home = home_of(channel);
    home.shard().post([&home, channel = std::string(channel), from = shard().index(),
                       member = std::move(member)] { home.rosters_.mqtt_entered(channel, from, member); });
}

void Bridge::mqtt_left(std::string_view channel, std::string_view client_id, mqtt::Leaving leaving) {
    Bridge& home = home_of(channel);
    home.shard().post([&home, channel = std::string(channel), from = shard().index(),
                       client_id = std::string(client_id), leaving] {
        home.rosters_.mqtt_left(channel, from, client_id, leaving, home.shard().timers().now());
    });
}

unsigned Bridge::watch_mqtt(std::string_view channel, std::uint64_t round) {
    for (Bridge* bridge : bridges_) {
        bridge->shard().post([bridge, this, channel = std::string(channel), round] {
            shard().post([this, channel, round, from = bridge->shard().index(),
                          members = bridge->broker_.attendance().watch(channel)] {
                rosters_.mqtt_members(channel, from, round, members);
            });
        });
    }
    return static_cast<unsigned>(bridges_.size());
}

void Bridge::unwatch_mqtt(std::string_view channel) {
    for (Bridge* bridge : bridges_) {
        bridge->shard().post(
            [bridge, channel = std::string(channel)] { bridge->broker_.attendance().unwatch(channel); });
    }
}

void Bridge::answer_soon(std::string_view channel) {
    shard().post([this, channel = std::string(channel)] { rosters_.answer(channel); });
}

void Bridge::wake_at(TimePoint deadline) {
    shard().timers().arm(*this, deadline);
}

void Bridge::on_timer(TimePoint now) {
    rosters_.expire(now);
}

void Bridge::mqtt_came(std::string_view channel, const mqtt::MqttMember& client) {
    people_.mqtt_entered(channel, client, shard().wall_clock_us());
}

void Bridge::mqtt_went(std::string_view channel, const std::string& client_id) {
    people_.mqtt_left(channel, client_id);
}

void Bridge::presence_full(const SocketId& to, std::string_view channel, SharedFrame frame) {
    if (people_.answer(rosters_, channel, to, shard().wall_clock_us())) return;
    tell_socket(to, channel, Generation::first, std::move(frame));
}

void Bridge::people(const SocketId& to, std::string_view channel, SharedFrame frame) {
    tell_socket(to, channel, Generation::second, std::move(frame));
}

/// A socket that has left and joined again since it asked may get an answer that it does not speak.
void Bridge::tell_socket(const SocketId& to, std::string_view channel, Generation generation,
                         SharedFrame frame) {
    Bridge& bridge = *bridges_[to.shard];
    bridge.shard().post([&bridge, to, channel = std::string(channel), generation, frame = std::move(frame)] {
        Session* session = bridge.find(to);
        if (session != nullptr && session->generation() == generation)
            session->on_presence_full(channel, frame);
    });
}

void Bridge::presence_update(std::uint32_t shard, std::string_view channel, SharedFrame frame) {
    tell_room(shard, channel, Generation::first, std::move(frame));
}

void Bridge::people_update(std::uint32_t shard, std::string_view channel, SharedFrame frame) {
    tell_room(shard, channel, Generation::second, std::move(frame));
}

void Bridge::tell_room(std::uint32_t shard, std::string_view channel, Generation generation,
                       SharedFrame frame) {
    Bridge& bridge = *bridges_[shard];
    bridge.shard().post([&bridge, channel = std::string(channel), generation, frame = std::move(frame)] {
        if (Room* room = bridge.find_room(channel, generation)) room->presence_update(frame);
    });
}

}  // namespace millrace::bridge
