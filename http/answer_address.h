// Where an answer from another thread finds the request that waits for it.
#pragma once

#include <cstdint>
#include <utility>

#include "core/shard.h"
#include "http/session.h"

namespace millrace::http {

/// Names one request without keeping anything alive. A value; any thread may hold it.
class AnswerAddress {
  public:
    explicit AnswerAddress(Session& session)
        : shard_(&session.server().shard()), id_(session.connection().id()), token_(session.token()) {}

    Shard& shard() const { return *shard_; }

    /// On the request's shard: `use(session, waiting)` with the Wait that it waits with, unless the request
    /// has ended.
    template <class Wait, class Use>
    void give(Use use) const {
        Connection* connection = shard_->connections().find(id_);
        if (connection == nullptr) return;
        // A connection with a request in progress is not handed to another protocol, so it still speaks HTTP.
        Session& session = static_cast<Session&>(connection->protocol());
        session.resume(token_, [&](Waiting& waiting) { use(session, static_cast<Wait&>(waiting)); });
    }

  private:
    Shard* shard_;
    ConnectionId id_;
    std::uint64_t token_;
};

/// Runs `ask(broker)` on the thread of every shard; each answer comes to `take(session, waiting, answer)`. A
/// request that not all shards answer ends at its connection's deadline.
template <class Wait, class Ask, class Take>
void ask_shards(Session& session, Ask ask, Take take) {
    const AnswerAddress address(session);
    mqtt::Broker& own = session.server().broker();
    for (unsigned i = 0; i < own.shards(); ++i) {
        mqtt::Broker& broker = own.broker_of(i);
        broker.shard().post([&broker, address, ask, take] {
            address.shard().post([address, take, answer = ask(broker)]() mutable {
                address.give<Wait>(
                    [&](Session& asking, Wait& waiting) { take(asking, waiting, std::move(answer)); });
            });
        });
    }
}

}  // namespace millrace::http
