#include "mqtt/broker/session_table.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "mqtt/broker/client.h"
#include "mqtt/broker/websocket_transport.h"

namespace millrace::mqtt {
namespace {

std::uint32_t whole_seconds(std::chrono::milliseconds duration, std::uint32_t most) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(duration).count();
    return static_cast<std::uint32_t>(std::min<std::int64_t>(seconds, most));
}

SessionLimits limits_of(const config::Limits& limits) {
    SessionLimits result;
    result.packet_bytes = limits.mqtt_packet_bytes;
    result.outbox_bytes = limits.outbox_bytes;
    result.client_id_bytes = limits.client_id_bytes;
    result.topic_bytes = limits.topic_bytes;
    result.topic_levels = limits.topic_levels;
    result.subscriptions = limits.subscriptions_per_client;
    result.queue_messages = limits.session_queue_messages;
    result.queue_bytes = limits.session_queue_bytes;
    result.queued_messages = limits.queued_messages;
    result.queued_bytes = limits.queued_bytes;
    result.publish_rate = limits.publish_rate;
    result.publish_burst = limits.publish_burst != 0 ? limits.publish_burst : limits.publish_rate;
    result.session_expiry_s = whole_seconds(limits.session_expiry, Session::kNeverExpires - 1);
    result.replay_messages = static_cast<std::uint32_t>(limits.history_page_messages);
    result.keep_alive_max_s = static_cast<std::uint16_t>(whole_seconds(limits.keep_alive_max, 0xFFFF));
    result.receive_maximum = limits.receive_maximum;
    result.inflight_messages = limits.inflight_messages;
    result.topic_alias_maximum = limits.topic_alias_maximum;
    result.topic_alias_out = limits.topic_alias_out;
    return result;
}

}  // namespace

SessionTable::SessionTable(Broker& broker, SessionDirectory& directory)
    : broker_(broker),
      directory_(directory),
      context_(limits_of(broker.config().limits), broker.store().epoch(), broker.shard().counters()),
      saver_(*this),
      recall_(*this) {
    broker_.add_clients(*this);
    context_.queue_room.watch(*this);
}

SessionTable::~SessionTable() = default;

void SessionTable::connect(Client& client, ConnectRequest request) {
    const auto local = directory_.find_on(shard().index(), request.client_id, *request.principal);
    if (local.foreign) return client.refuse(ReasonCode::not_authorized);
    if (local.session != nullptr) return local.session->attach(client, std::move(request));
    sessions_.push_back(std::make_unique<ClientSession>(*this, sessions_.size()));
    ClientSession& fresh = *sessions_.back();
    const auto previous = directory_.replace(request.client_id, shard().index(), fresh, *request.principal);
    if (previous.foreign) {
        sessions_.pop_back();
        return client.refuse(ReasonCode::not_authorized);
    }
    fresh.start(client, std::move(request), previous.session);
}

std::string SessionTable::new_client_id() {
    char text[20];
    const int size = std::snprintf(text, sizeof text, "mr-%08x%08x", random_(), random_());
    return {text, static_cast<std::size_t>(size)};
}

void SessionTable::destroy(ClientSession& session) {
    const std::size_t index = session.index();
    if (index + 1 != sessions_.size()) {
        std::swap(sessions_[index], sessions_.back());
        sessions_[index]->set_index(index);
    }
    sessions_.pop_back();
}

void SessionTable::list_clients(ClientPage& page) {
    for (const std::unique_ptr<ClientSession>& session : sessions_) {
        const Client* client = session->client();
        if (client == nullptr || !page.wants(client->id())) continue;
        page.add(client->id(), client->info());
    }
}

bool SessionTable::disconnect_client(std::string_view id) {
    for (const std::unique_ptr<ClientSession>& session : sessions_) {
        Client* client = session->client();
        if (client == nullptr || client->id() != id) continue;
        client->send_away(ReasonCode::administrative_action, "disconnected by an administrator");
        return true;
    }
    return false;
}

QueueTotals SessionTable::queued() const {
    return {broker_.sum(&Counters::queued_messages), broker_.sum(&Counters::queued_bytes)};
}

void SessionTable::review() {
    const SessionLimits before = std::exchange(context_.limits, limits_of(broker_.config().limits));
    // Those that are connected were promised as much, and smaller ones hold from the next start on.
    SessionLimits& limits = context_.limits;
    limits.packet_bytes = std::max(limits.packet_bytes, before.packet_bytes);
    limits.receive_maximum = std::max(limits.receive_maximum, before.receive_maximum);
    limits.topic_alias_maximum = std::max(limits.topic_alias_maximum, before.topic_alias_maximum);
    // A session that ends by it is replaced by the last one, which has had its turn.
    for (std::size_t left = sessions_.size(); left != 0; --left) {
        if (left > sessions_.size()) continue;
        Client* client = sessions_[left - 1]->client();
        if (client != nullptr && client->connected()) client->review_trace();
        sessions_[left - 1]->review();
    }
}

std::unique_ptr<Protocol> make_client(SessionTable& sessions, Connection& connection, bool websocket) {
    if (websocket) return std::make_unique<WebSocketTransport>(sessions, connection);
    return std::make_unique<Client>(sessions, connection);
}

}  // namespace millrace::mqtt
