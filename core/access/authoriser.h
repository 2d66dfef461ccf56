// The one authoriser: every door asks it the same questions.
#pragma once

#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/access/principal.h"
#include "core/message.h"

namespace millrace::access {

enum class Action : std::uint8_t {
    join,             ///< receive a channel: subscribe, join, stream
    publish_message,  ///< write as a client
    publish_event,    ///< write as a backend: HTTP
    publish_private,  ///< write to one client by socketId
    read_history,
    see_presence,
    administer,  ///< purge, disconnect, list clients; the channel is not looked at
};

struct Decision {
    bool allowed = true;
    std::string_view reason;  ///< why not, in words for the asking client
};

/// Decides from the channel rules of the configuration. Immutable; any thread; a reload makes a new one.
class Authoriser {
  public:
    explicit Authoriser(const config::Config& config);

    /// The first rule whose filter fits; a channel that no rule fits is a live one where nobody may anything.
    const config::ChannelRule& rule_for(std::string_view channel) const;
    Decision may(const Principal& principal, Action action, std::string_view channel) const;
    /// A filter may be subscribed where every channel that it can match may be joined.
    Decision may_subscribe(const Principal& principal, std::string_view filter) const;

    /// Whether clients without credentials may connect at all.
    bool anonymous_allowed() const { return anonymous_; }
    /// The backend an API key stands for, or nullptr. Compares in constant time.
    PrincipalPtr backend_of(std::string_view api_key) const;

  private:
    std::vector<config::ChannelRule> rules_;
    config::ChannelRule no_rule_;
    std::vector<std::string> api_keys_;
    PrincipalPtr backend_;
    bool anonymous_;
};

/// Whether a message meant for `audience` may reach `principal`.
inline bool may_receive(const Principal& principal, const Audience& audience) {
    if (audience.everyone() || principal.kind == Principal::Kind::backend) return true;
    if (!principal.authenticated()) return false;
    if (audience.dbo_id == 0) return true;
    return audience.dbo_id == principal.dbo_id &&
           (audience.row_id == 0 || audience.row_id == principal.row_id);
}

}  // namespace millrace::access
