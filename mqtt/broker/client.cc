#include "mqtt/broker/client.h"

#include <utility>

#include "core/access/authoriser.h"
#include "mqtt/broker/client_message.h"
#include "mqtt/broker/entrance.h"
#include "mqtt/broker/session_table.h"

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
    wake_if_needed();
    return used;
}

void Client::on_closed(error_code) {
    lose();
}

void Client::lose() {
    machine_.abandon();
    leave_seat();
}

void Client::leave_seat() {
    session_ = nullptr;
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
    // What we do not read, its sender cannot be blamed for.
    if (machine_.waiting()) last_packet_ = now;
    const Milliseconds allowed{machine_.keep_alive_s() * 1500};
    const Milliseconds silence = now - last_packet_;
    if (silence < allowed) return connection_.set_deadline(allowed - silence);
    sessions_.shard().counters().closed_timed_out.add();
    machine_.end(ReasonCode::keep_alive_timeout);  // [MQTT-3.1.2-22]
}

void Client::on_drained() {
    machine_.drained();
    wake_if_needed();
    read_on_if_possible();
}

void Client::on_published(std::uint64_t token, const PublishResult& result) {
    machine_.published(token, result.error);
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
    machine_.accept(session, present, assigned ? std::string_view(session.client_id()) : std::string_view{});
    if (machine_.keep_alive_s() == 0) {
        connection_.clear_deadline();
    } else {
        connection_.set_deadline(Milliseconds{machine_.keep_alive_s() * 1500});
    }
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
    if (!version_allowed(sessions_.broker(), connection_, connect.version))
        return machine_.refuse(ReasonCode::unsupported_protocol_version);  // [MQTT-3.1.2-2]
    access::PrincipalPtr principal;
    const ReasonCode code = authenticate(connect, principal);
    if (code != ReasonCode::success) return machine_.refuse(code);
    ConnectRequest request;
    request.assigned = connect.client_id.empty();
    request.client_id = request.assigned ? sessions_.new_client_id() : std::string(connect.client_id);
    request.clean_start = connect.clean_start;
    if (connect.will) {
        request.will = will_of(connect, *principal, request.client_id);
        request.will_delay_s = connect.will->properties.integer(PropertyId::will_delay_interval).value_or(0);
    }
    request.principal = std::move(principal);
    sessions_.connect(*this, std::move(request));
}

ReasonCode Client::authenticate(const Connect& connect, access::PrincipalPtr& principal) {
    const access::Authoriser& authoriser = sessions_.broker().authoriser();
    principal = certified_user(connection_);
    if (principal) return ReasonCode::success;
    if (connect.password) principal = authoriser.backend_of(as_text(*connect.password));
    if (principal) return ReasonCode::success;
    if (anonymous_allowed(sessions_.broker(), connection_)) {
        principal = access::anonymous();
        return ReasonCode::success;
    }
    return connect.user_name ? ReasonCode::bad_user_name_or_password : ReasonCode::not_authorized;
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
    if (!client_json_) {
        client_json_ =
            std::make_unique<std::string>(describe_client(session_->client_id(), seat_->principal()));
    }
    return *client_json_;
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

PublishAnswer Client::on_publish(const ReceivedMessage& received, std::uint64_t token) {
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
    if (filter.starts_with("$SYS/")) return true;
    return sessions_.broker().authoriser().may_subscribe(seat_->principal(), filter).allowed;
}

void Client::on_subscribe(const Subscription& subscription) {
    seat_->announce(subscription);
}

void Client::on_unsubscribe(std::string_view filter) {
    seat_->withdraw(filter);
}

void Client::send_retained(const Subscription& subscription) {
    const std::uint32_t identifier = subscription.identifier;
    const std::span<const std::uint32_t> identifiers(&identifier, identifier == 0 ? 0 : 1);
    sessions_.broker().retained().match(subscription.filter, [&](const MessagePtr& message) {
        if (!access::may_receive(seat_->principal(), message->audience())) return;
        machine_.deliver(message, std::min(subscription.qos, message->qos()), true,
                         identifiers);  // [MQTT-3.3.1-8]
    });
}

std::int64_t Client::wall_clock_us() const {
    return sessions_.shard().wall_clock_us();
}

}  // namespace millrace::mqtt
