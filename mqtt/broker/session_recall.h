// How sessions come back that the last process left.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "store/session_keeper.h"

namespace millrace::store {
class Store;
}

namespace millrace::mqtt {

class Client;
class ClientSession;
class SessionTable;
struct ConnectRequest;

/// Asks the store what a restored session has missed when its client comes for the first time, and lets the
/// client in then. One per shard; belongs to its SessionTable and thread.
class SessionRecall {
  public:
    explicit SessionRecall(SessionTable& table);
    ~SessionRecall();

    /// ClientSession::recalled and ::begin follow, unless the session is gone by then, or the client.
    void ask(ClientSession& seat, Client& client, ConnectRequest request);
    /// The client waits no longer.
    void leave(const ClientSession& seat);
    /// Somebody else has come with its client id.
    void send_away(const ClientSession& seat);
    /// The session is over, or leaves this shard.
    void forget(const ClientSession& seat);

  private:
    struct Waiting;
    Waiting* find(const ClientSession& seat);
    void answered(std::int64_t id, const std::vector<store::Owed>& owed);

    SessionTable& table_;
    std::unordered_map<std::int64_t, std::unique_ptr<Waiting>> waiting_;  ///< by the id of the session
};

/// Spreads the sessions of the store over the shards, and starts its SessionKeeper. Before the shards run;
/// throws std::runtime_error when the store cannot be read.
void restore_sessions(store::Store& store, std::span<const std::unique_ptr<SessionTable>> tables);

}  // namespace millrace::mqtt
