#include "mqtt/broker/client.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <unordered_set>
#include <utility>

#include "core/access/authoriser.h"
#include "core/printable.h"
#include "mqtt/broker/client_message.h"
#include "mqtt/broker/entrance.h"
#include "mqtt/broker/hooks.h"
#include "mqtt/broker/replay.h"
#include "mqtt/broker/session_table.h"
#include "mqtt/broker/sys_topics.h"
#include "mqtt/broker/trace.h"
#include "mqtt/codec/packet_text.h"
#include "mqtt/codec/topic.h"

namespace millrace::mqtt {

Client::Client(SessionTable& sessions, Connection& connection)
    : Client(sessions, connection, connection.out()) {}

Client::Client(SessionTable& sessions, Connection& connection, Outbox& out)
    : sessions_(sessions),
      connection_(connection),
      connected_at_us_(sessions.shard().wall_clock_us()),
      machine_(sessions.context(), *this, out, connection.out()) {
    // 3.1.4: who says nothing is not kept.
    connection_.set_deadline(sessions.broker().config().limits.connect_timeout);
}

std::size_t Client::outbox_limit() const {
    return sessions_.context().limits.outbox_bytes;
}

std::size_t Client::on_bytes(ByteView bytes) {
    const std::size_t used = machine_.feed(bytes);
    if (used != 0) last_packet_ = sessions_.shard().timers().now();
    if (machine_.waiting()) connection_.pause();
    read_log_on();
    wake_if_needed();
    return used;
}

void Client::on_closed(error_code) {
    if (Hooks* hooks = sessions_.broker().hooks()) hooks->forget(connection_.id());
    lose();
}

void Client::lose() {
    machine_.abandon();
    leave_seat();
}

void Client::leave_seat() {
    if (const Session* session = std::exchange(session_, nullptr)) {
        sessions_.shard().counters().mqtt_clients.subtract();
        if (sessions_.broker().own_topics_watched())
            tell_disconnected(sessions_.broker(), session->client_id());
    }
    if (ClientSession* seat = std::exchange(seat_, nullptr)) seat->detach();
}

void Client::on_end() {
    leave_seat();
    connection_.close_after_flush();
}

void Client::on_goodbye() {
    leave_seat();
    hang_up();
}

void Client::hang_up() {
    if (connection_.out().empty()) {
        connection_.close();  // 3.14.4: the server closes what the client has not
    } else {
        connection_.close_after_flush();
    }
}

void Client::taken_over() {
    seat_ = nullptr;
    machine_.end(ReasonCode::session_taken_over);
}

void Client::on_shutdown() {
    machine_.end(ReasonCode::server_shutting_down);
}

void Client::on_deadline(TimePoint now) {
    if (!machine_.connected()) {
        sessions_.shard().counters().closed_timed_out.add();
        return machine_.end(ReasonCode::maximum_connect_time);
    }
    if (seat_->principal().expired(wall_clock_us()))
        return send_away(ReasonCode::not_authorized, "the token has expired");
    // What we do not read, its sender cannot be blamed for.
    if (machine_.waiting()) last_packet_ = now;
    const Milliseconds allowed{machine_.keep_alive_s() * 1500};
    if (machine_.keep_alive_s() == 0 || now - last_packet_ < allowed) {
        watch_time();
        return read_on_if_possible();
    }
    sessions_.shard().counters().closed_timed_out.add();
    machine_.end(ReasonCode::keep_alive_timeout);  // [MQTT-3.1.2-22]
}

/// Sets the deadline to whatever comes first: the end of the client's patience or that of its token.
void Client::watch_time() {
    constexpr Milliseconds kLongest = std::chrono::hours(24);
    const access::Principal& principal = seat_->principal();
    Milliseconds left = kLongest;
    if (machine_.keep_alive_s() != 0) {
        left =
            Milliseconds{machine_.keep_alive_s() * 1500} - (sessions_.shard().timers().now() - last_packet_);
    } else if (principal.expires_at_s == 0) {
        return connection_.clear_deadline();
    }
    connection_.set_deadline(access::time_left(principal, wall_clock_us(), left));
}

void Client::on_drained() {
    machine_.drained();
    read_log_on();
    wake_if_needed();
    read_on_if_possible();
}

void Client::on_published(std::uint64_t token, const PublishResult& result) {
    machine_.published(token, result.error);
    wake_if_needed();
    read_on_if_possible();
}

/// There may be room for what the session reads of the log.
void Client::read_log_on() {
    if (session_ != nullptr && seat_->replay() != nullptr) seat_->replay()->go_on();
}

template <class Answer>
auto Client::give_to_replay(std::uint32_t ticket) {
    Shard& shard = sessions_.shard();
    // Once MQTT is spoken on a connection, nothing else ever is.
    return [&shard, id = connection_.id(), ticket](Answer answer) {
        Connection* connection = shard.connections().find(id);
        if (connection == nullptr) return;
        const Client& client = static_cast<Client&>(connection->protocol());
        if (client.session_ == nullptr || client.seat_->replay() == nullptr) return;
        client.seat_->replay()->on_answer(ticket, std::move(answer));
    };
}

void Client::read(store::Range range, std::uint32_t ticket) {
    auto done = give_to_replay<Result<store::Page>>(ticket);
    sessions_.broker().store().read(std::move(range), sessions_.shard(), std::move(done));
}

void Client::list_channels(std::string after, std::uint32_t limit, std::uint32_t ticket) {
    auto done = give_to_replay<Result<std::vector<store::ChannelInfo>>>(ticket);
    sessions_.broker().store().list_channels(std::move(after), limit, sessions_.shard(), std::move(done));
}

void Client::on_denied(std::uint64_t token, std::string_view reason) {
    machine_.published(token, Errc::not_authorised, reason);
    wake_if_needed();
    read_on_if_possible();
}

void Client::wake_if_needed() {
    if (machine_.backlog() != 0) connection_.wake();
}

void Client::read_on_if_possible() {
    if (machine_.waiting() && machine_.connected()) read_on();
}

void Client::begin(ClientSession& seat, Session& session, bool present, bool assigned) {
    seat_ = &seat;
    session_ = &session;
    last_packet_ = sessions_.shard().timers().now();
    review_trace();
    machine_.accept(session, present, assigned ? std::string_view(session.client_id()) : std::string_view{},
                    rare_ ? std::exchange(rare_->proof, {}) : std::string{});
    sessions_.shard().counters().mqtt_clients.add();
    if (sessions_.broker().own_topics_watched()) tell_connected(sessions_.broker(), id(), info());
    watch_time();
    connection_.wake();
    read_on();
}

ClientInfo Client::info() const {
    ClientInfo info;
    info.address = connection_.peer();
    info.protocol = machine_.version() == Version::v5     ? "mqtt-5.0"
                    : machine_.version() == Version::v311 ? "mqtt-3.1.1"
                                                          : "mqtt-3.1";
    info.transport = in_websocket() ? "websocket" : "tcp";
    info.user = seat_->principal().name;
    info.connected_at_us = connected_at_us_;
    return info;
}

void Client::on_connect(const Connect& connect) {
    const Broker& broker = sessions_.broker();
    if (!version_allowed(broker, connection_, connect.version))
        return machine_.refuse(ReasonCode::unsupported_protocol_version);  // [MQTT-3.1.2-2]
    ConnectRequest request;
    request.assigned = connect.client_id.empty();
    request.client_id = request.assigned ? sessions_.new_client_id() : std::string(connect.client_id);
    if (!machine_.connack_fits(request.assigned ? request.client_id : "")) {
        return machine_.refuse(ReasonCode::packet_too_large);
    }
    request.clean_start = connect.clean_start;
    const Arriving arriving{.client_id = request.client_id,
                            .certified = certified_user(connection_),
                            .anonymous_allowed = anonymous_allowed(broker, connection_),
                            .now_us = wall_clock_us()};
    const bool enhanced = connect.properties.has(PropertyId::authentication_method);
    const Identification who =
        enhanced ? begin_exchange(connect, arriving) : identify(broker.authoriser(), connect, arriving);
    if (who.code != ReasonCode::success) return refuse(who.code);
    if (connect.will) {
        const Will& will = *connect.will;
        if (!payload_allowed(will.topic, will.payload, will.properties))
            return machine_.refuse(ReasonCode::payload_format_invalid);
        request.will = will_of(connect, *who.principal, request.client_id);
        request.will_delay_s = will.properties.integer(PropertyId::will_delay_interval).value_or(0);
    }
    request.principal = who.principal;
    if (enhanced) {
        rare_->exchange->request = std::move(request);
        return challenge();
    }
    if (who.check_password) return check_password(connect, std::move(request));
    sessions_.connect(*this, std::move(request));
}

bool Client::is_welcome() const {
    const access::Principal& principal = seat_->principal();
    if (principal.authenticated()) return sessions_.broker().authoriser().knows(principal);
    return anonymous_allowed(sessions_.broker(), connection_);
}

void Client::refuse(ReasonCode code) {
    sessions_.shard().counters().closed_not_authorised.add();
    machine_.refuse(code);
}

/// The answer comes back by mailbox; until then the machine takes no other packet, and the deadline for the
/// CONNECT goes on.
void Client::check_password(const Connect& connect, ConnectRequest request) {
    Broker& broker = sessions_.broker();
    const auto kept = std::make_shared<ConnectRequest>(std::move(request));
    const auto done = [&sessions = sessions_, id = connection_.id(), kept](bool right) {
        Connection* connection = sessions.shard().connections().find(id);
        if (connection == nullptr) return;
        // Once MQTT is spoken on a connection, nothing else ever is.
        static_cast<Client&>(connection->protocol()).password_checked(right, std::move(*kept));
    };
    access::PasswordCheck check{
        .file = broker.authoriser().passwords(),
        .user = std::string(*connect.user_name),
        .password = std::string(as_text(*connect.password)),
        .until = sessions_.shard().timers().now() + broker.config().limits.connect_timeout,
        .shard = &sessions_.shard(),
        .done = done,
    };
    if (broker.passwords() == nullptr || !broker.passwords()->check(std::move(check)))
        refuse(ReasonCode::server_busy);
}

void Client::password_checked(bool right, ConnectRequest request) {
    if (!machine_.connecting()) return;
    // The file that it was checked by may have been replaced.
    if (!right || !sessions_.broker().authoriser().knows(*request.principal))
        return refuse(ReasonCode::bad_user_name_or_password);
    sessions_.connect(*this, std::move(request));
}

MessagePtr Client::will_of(const Connect& connect, const access::Principal& principal,
                           std::string_view client_id) {
    const Will& will = *connect.will;
    const std::string client = describe_client(client_id, principal);
    MessageFields fields;
    fields.channel = will.topic;
    fields.payload = will.payload;
    fields.qos = static_cast<std::uint8_t>(will.qos);
    fields.retain = will.retain;
    fields.client = client;
    set_properties(fields, will.properties, sessions_.context().scratch);
    return Message::create(fields);
}

const std::string& Client::client_json() {
    std::string& json = rare().client_json;
    if (json.empty()) json = describe_client(session_->client_id(), seat_->principal());
    return json;
}

MessagePtr Client::message_of(const ReceivedMessage& received) {
    const Publish& packet = received.packet;
    MessageFields fields;
    fields.channel = received.topic;
    fields.payload = packet.payload;
    fields.qos = static_cast<std::uint8_t>(packet.qos);
    fields.retain = packet.retain;
    fields.client = client_json();
    fields.origin = session_;
    set_properties(fields, packet.properties, sessions_.context().scratch);
    std::string key;
    if (packet.qos == Qos::exactly_once && fields.id.empty() &&
        sessions_.broker().authoriser().rule_for(received.topic).store) {
        // If the connection breaks before the commit is known, the client sends the message again, and the
        // store recognises it [MQTT-4.3.3-10].
        key = exactly_once_key(*session_, received.sequence);
        fields.id = key;
    }
    return Message::create(fields);
}

/// Whether the channel's rule takes the payload as what it says it is.
bool Client::payload_allowed(std::string_view topic, ByteView payload, const Properties& properties) const {
    return !properties.has(PropertyId::payload_format_indicator) ||
           !sessions_.broker().authoriser().rule_for(topic).check_payload_format ||
           fits_its_format(payload, properties);
}

PublishAnswer Client::on_publish(const ReceivedMessage& received, std::uint64_t token) {
    if (!payload_allowed(received.topic, received.packet.payload, received.packet.properties))
        return PublishAnswer::invalid_payload;
    const bool acknowledged = received.packet.qos != Qos::at_most_once;
    const PublishRequest request{&seat_->principal(), message_of(received),
                                 acknowledged ? connection_.id() : ConnectionId{}, token};
    const Result<PublishState> result = sessions_.broker().publish(request);
    if (result) return *result == PublishState::done ? PublishAnswer::done : PublishAnswer::pending;
    if (result.error() == Errc::not_authorised) return PublishAnswer::not_authorised;
    if (result.error() == Errc::invalid_channel) return PublishAnswer::invalid_topic;
    if (result.error() == Errc::overloaded) return PublishAnswer::overloaded;
    return PublishAnswer::unavailable;
}

bool Client::may_subscribe(std::string_view filter) {
    return sessions_.broker().authoriser().may_subscribe(seat_->principal(), filter).allowed;
}

ReplayAnswer Client::on_replay(std::string_view filter, const ReplayRequest& request) {
    return seat_->ask_for_history(filter, request);
}

std::optional<Denials> Client::ask_hooks(const Subscribe& packet) {
    Hooks* const hooks = sessions_.broker().hooks();
    if (hooks == nullptr) return Denials{};
    const SessionLimits& limits = sessions_.context().limits;
    std::vector<std::string_view> filters;
    std::unordered_set<std::string_view> known;
    std::size_t left = limits.subscriptions;
    for (const SubscriptionRequest& request : packet.subscriptions) {
        if (left-- == 0) break;
        const TopicFault fault =
            check_topic_filter(request.filter, {limits.topic_bytes, limits.topic_levels});
        if (fault != TopicFault::none) continue;
        const auto with_history = parse_replay(request.filter);
        const std::string_view filter = with_history ? with_history->filter : request.filter;
        if (known.insert(filter).second && may_subscribe(filter)) filters.push_back(filter);
    }
    const std::string client = describe_client(session_->client_id(), seat_->principal());
    const auto done = [&sessions = sessions_, id = connection_.id()](const hooks::Verdict&) {
        Connection* connection = sessions.shard().connections().find(id);
        // Once MQTT is spoken on a connection, nothing else ever is.
        if (connection != nullptr) static_cast<Client&>(connection->protocol()).read_on_if_possible();
    };
    return hooks->ask_subscribe(connection_.id(), {{}, hooks::Door::mqtt, seat_->principal(), client},
                                filters, done);
}

void Client::on_subscribe(const Subscription& subscription) {
    const bool fresh = seat_->announce(subscription);
    sessions_.saver().subscribed(*seat_, subscription, fresh);
}

void Client::on_unsubscribe(std::string_view filter) {
    seat_->withdraw(filter);
}

bool Client::keep_subscriptions() {
    Shard& shard = sessions_.shard();
    // Once MQTT is spoken on a connection, nothing else ever is.
    return sessions_.saver().keep(*seat_, [&shard, id = connection_.id()](error_code error) {
        Connection* connection = shard.connections().find(id);
        if (connection != nullptr) static_cast<Client&>(connection->protocol()).kept(error);
    });
}

void Client::kept(error_code error) {
    machine_.kept(error);
    wake_if_needed();
    read_on_if_possible();
}

void Client::send_retained(const Subscription& subscription) {
    const std::uint32_t identifier = subscription.identifier;
    const std::span<const std::uint32_t> identifiers(&identifier, identifier == 0 ? 0 : 1);
    const bool authenticated = seat_->principal().authenticated();
    const std::string own = subscription.no_local ? writer_prefix(session_->client_id()) : std::string();
    sessions_.broker().retained().match(subscription.filter, authenticated, [&](const MessagePtr& message) {
        if (!sessions_.broker().authoriser().may_receive(seat_->principal(), *message)) return;
        if (subscription.no_local && message->client().starts_with(own)) return;  // [MQTT-3.8.3-3]
        if (seat_->replay() != nullptr && seat_->replay()->takes_retained(message)) return;
        Terms terms;
        terms.qos = std::min(subscription.qos, message->qos());
        terms.retain = true;  // [MQTT-3.3.1-8]
        terms.kept = true;
        terms.identifiers = identifiers;
        machine_.deliver(message, terms);
    });
}

bool Client::trace(std::string_view client_id, std::string_view user) {
    const std::vector<std::string>& patterns = sessions_.broker().config().log.trace_clients;
    if (patterns.empty() || !is_traced(patterns, client_id, user)) return false;
    rare().trace_name = client_id;
    return true;
}

bool Client::wants_trace(const Connect& connect) {
    return trace(connect.client_id, connect.user_name.value_or(std::string_view{}));
}

void Client::review_trace() {
    machine_.set_traced(trace(session_->client_id(), seat_->principal().name));
}

void Client::on_packet(const Frame& frame, Sender sender) {
    spdlog::info("trace {} {} {}", printable(rare_->trace_name), sender == Sender::client ? "in" : "out",
                 describe(frame, machine_.version(), sender));
}

/// Takes the place of the deadline that watch_time() has set, and on_deadline() sets that again: none is
/// later than a second, the time for one message at the lowest rate.
void Client::hold(Milliseconds time) {
    connection_.set_deadline(time);
}

TimePoint Client::now() const {
    return sessions_.shard().timers().now();
}

std::int64_t Client::wall_clock_us() const {
    return sessions_.shard().wall_clock_us();
}

}  // namespace millrace::mqtt
