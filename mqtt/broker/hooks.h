// What the hooks of the channel rules are asked.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/config.h"
#include "core/access/principal.h"
#include "core/hooks/gate.h"
#include "core/hooks/question.h"
#include "core/net/protocol.h"
#include "mqtt/broker/broker.h"
#include "mqtt/session/host.h"

namespace millrace::mqtt {

/// Between the doors of one shard and the backends. Backends themselves are not asked about. Belongs to its
/// Broker and thread.
class Hooks {
  public:
    using Done = std::function<void(const hooks::Verdict&)>;

    Hooks(Broker& broker, hooks::Asker& asker);

    /// Keeps a message whose hook has to be asked, or that follows one of its sender's; nothing: it may come
    /// in at once.
    std::optional<Result<PublishState>> hold(const PublishRequest& request, const config::ChannelRule& rule);

    struct Join {
        std::string_view filter;  ///< or a channel's name
        hooks::Door door;
        const access::Principal& principal;
        std::string_view client;  ///< as hooks::Question::client
    };
    /// Asks every hook that has a say in it: the first no decides. False: there is none, and `done` is never
    /// called.
    bool ask_join(const Join& join, Done done);

    /// A message to one client, which no broker ever sees. Its payload is JSON.
    struct Private {
        const access::Principal& principal;
        MessagePtr message;
        std::string_view receiver;
        ConnectionId sender;
    };
    /// As ask_join(); what is done keeps the order of the sender's messages.
    bool ask_private(const Private& message, Done done);

    /// What the hooks say of all filters of a SUBSCRIBE. Nothing: they are being asked, and `done` tells when
    /// it is worth asking here again. Of more than limits.hook_client_calls filters they are not asked.
    std::optional<Denials> ask_subscribe(ConnectionId connection, const Join& who,
                                         std::span<const std::string_view> filters, const Done& done);
    /// The connection is gone.
    void forget(ConnectionId connection) { subscribing_.erase(connection.generation); }

  private:
    struct Subscribing {
        std::size_t missing = 0;
        Denials denials;
    };

    bool asks_about(const access::Principal& principal, const std::string& url) const;
    bool is_overfull(const hooks::Sender& sender) const;
    hooks::Call call_of(const config::RuleHooks& hooks, const std::string& url,
                        const hooks::Question& question, bool json_only = false);
    void deny(const PublishRequest& held, std::string_view reason);
    void decided(const PublishRequest& held, const access::Principal& principal,
                 const hooks::Verdict& verdict);

    Broker& broker_;
    hooks::Gate gate_;
    std::unordered_map<std::uint64_t, Subscribing> subscribing_;  ///< by the connection's generation
};

}  // namespace millrace::mqtt
