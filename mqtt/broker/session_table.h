// The MQTT sessions of one shard.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/net/connection.h"
#include "core/shard.h"
#include "mqtt/broker/broker.h"
#include "mqtt/broker/client_session.h"
#include "mqtt/broker/session_directory.h"
#include "mqtt/broker/session_recall.h"
#include "mqtt/broker/session_saver.h"
#include "mqtt/session/context.h"

namespace millrace::mqtt {

class Client;

/// Owns the ClientSessions of its shard and what MQTT connections of this shard share. Made after the shard's
/// Broker and destroyed before it; its members belong to the shard's thread.
class SessionTable final : private ClientSource, private QueueCensus {
  public:
    SessionTable(Broker& broker, SessionDirectory& directory);
    ~SessionTable();

    Broker& broker() { return broker_; }
    Shard& shard() { return broker_.shard(); }
    SessionContext& context() { return context_; }
    SessionDirectory& directory() { return directory_; }
    SessionSaver& saver() { return saver_; }
    SessionRecall& recall() { return recall_; }
    std::size_t size() const { return sessions_.size(); }

    /// Finds, fetches or makes the session that `client` asks for; Client::begin follows, at once or later,
    /// unless the client is gone by then.
    void connect(Client& client, ConnectRequest request);
    /// A session that the last process left; before the shard runs.
    void restore(const store::RestoredSession& restored);
    const std::vector<std::unique_ptr<ClientSession>>& seats() const { return sessions_; }
    /// A client id for a client that has none [MQTT-3.1.3-6].
    std::string new_client_id();
    /// Tells what a Replay has asked the store for from what another one has.
    std::uint32_t next_ticket() { return ++last_ticket_; }

    void destroy(ClientSession& session);
    /// The authoriser is another one: what the old one allowed is looked at again.
    void review();

  private:
    void list_clients(ClientPage& page) override;
    bool disconnect_client(std::string_view id) override;
    QueueTotals queued() const override;

    Broker& broker_;
    SessionDirectory& directory_;
    SessionContext context_;
    SessionSaver saver_;
    SessionRecall recall_;
    std::vector<std::unique_ptr<ClientSession>> sessions_;
    std::random_device random_;  ///< nobody is to guess the id that another was given
    std::uint32_t last_ticket_ = 0;
};

/// The protocol for a new connection, or for one upgraded to WebSocket with the subprotocol `mqtt`.
std::unique_ptr<Protocol> make_client(SessionTable& sessions, Connection& connection, bool websocket);

}  // namespace millrace::mqtt
