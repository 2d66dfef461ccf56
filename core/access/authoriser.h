// The one authoriser: every door asks it the same questions.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/access/acl_file.h"
#include "core/access/jwt.h"
#include "core/access/password_file.h"
#include "core/access/principal.h"
#include "core/message.h"

namespace millrace::access {

enum class Action : std::uint8_t {
    join,             ///< receive a channel: subscribe, join, stream
    publish_message,  ///< write as a client
    publish_event,    ///< write as a backend: HTTP, SQL
    publish_private,  ///< write to one client by socketId
    read_history,
    see_presence,
    administer,  ///< purge, disconnect, list clients; the channel is not looked at
};

/// What publishing such a message is.
inline Action publish_action(MessageKind kind) {
    return kind == MessageKind::event ? Action::publish_event : Action::publish_message;
}

struct Decision {
    bool allowed = true;
    std::string_view reason;  ///< why not, in words for the asking client
};

/// Whether a message meant for `audience` may reach `principal`.
inline bool may_receive(const Principal& principal, const Audience& audience) {
    if (audience.everyone() || principal.kind == Principal::Kind::backend) return true;
    if (!principal.authenticated()) return false;
    if (audience.dbo_id == 0) return true;
    return audience.dbo_id == principal.dbo_id &&
           (audience.row_id == 0 || audience.row_id == principal.row_id);
}

/// Whether what `principal` writes under this rule is for authenticated clients only.
inline bool writes_for_authenticated(const Principal& principal, const config::ChannelRule& rule) {
    return rule.audience == config::Audience::authenticated && principal.kind == Principal::Kind::user;
}

/// Decides from the channel rules of the configuration and, where there is one, the access control list: both
/// have to allow. A token that brings its own list is judged by that instead. Immutable; any thread; a reload
/// makes a new one.
class Authoriser {
  public:
    /// Reads the files that the configuration names. Throws std::runtime_error with one line, file and line
    /// of the file in it, when one of them is not as it should be.
    explicit Authoriser(const config::Config& config);

    /// The first rule whose filter fits; a channel that no rule fits is a live one where nobody may anything.
    const config::ChannelRule& rule_for(std::string_view channel) const;
    Decision may(const Principal& principal, Action action, std::string_view channel) const;
    /// The same for who has looked the channel's rule up already.
    Decision may(const Principal& principal, Action action, std::string_view channel,
                 const config::ChannelRule& rule) const;
    /// A filter may be subscribed where every channel that it can match may be joined.
    Decision may_subscribe(const Principal& principal, std::string_view filter) const;

    /// The rules with a join hook that can govern a channel which `filter`, or a channel's name, matches.
    std::vector<const config::ChannelRule*> join_hooks(std::string_view filter) const;

    /// Whether anything but the channel rules decides what reaches this principal.
    bool narrows(const Principal& principal) const {
        return (acl_ || principal.grants) && principal.kind != Principal::Kind::backend;
    }
    /// Before a message is delivered: what was allowed when it was subscribed to may not be any more, and of
    /// a filter some topics may be denied.
    bool may_read(const Principal& principal, std::string_view channel) const {
        return !narrows(principal) || allowed(principal, Permission::read, channel);
    }
    /// Whether a message is meant for this principal and it may read the channel: asked for each delivery.
    bool may_receive(const Principal& principal, const Message& message) const {
        return access::may_receive(principal, message.audience()) && may_read(principal, message.channel());
    }

    /// Whether clients without credentials may connect at all.
    bool anonymous_allowed() const { return anonymous_; }
    /// The backend an API key stands for, or nullptr. Compares in constant time.
    PrincipalPtr backend_of(std::string_view api_key) const;
    /// Whether the API key or the password that showed who this is still would: asked after a reload.
    bool knows(const Principal& principal) const;
    bool takes_tokens() const { return !keys_.empty(); }
    /// Whether there are any credentials that could be right. Elsewhere wrong ones are nobody's fault.
    bool takes_credentials() const { return takes_tokens() || passwords_ || !api_keys_.empty(); }
    /// The user that a token stands for. Errors as in verify_token(), and not_found without `auth.jwt`.
    Result<PrincipalPtr> user_of(std::string_view token, std::int64_t now_us) const;
    /// nullptr: there are no passwords.
    const PasswordFilePtr& passwords() const { return passwords_; }
    /// Whether users may prove their passwords by SCRAM-SHA-256.
    bool takes_scram() const { return passwords_ && passwords_->has_scram(); }
    ScramUser scram_user(std::string_view name) const { return passwords_->scram_user(name, scram_secret_); }
    /// Whether the access control list may ask for an MQTT client's id.
    bool needs_client_ids() const { return acl_ != nullptr; }

  private:
    bool allowed(const Principal& principal, Permission permission, std::string_view channel) const;

    std::vector<config::ChannelRule> rules_;
    config::ChannelRule no_rule_;
    std::vector<std::string> api_keys_;   ///< hashed
    std::vector<PrincipalPtr> backends_;  ///< by the same index
    std::vector<JwtKey> keys_;
    TokenRules token_rules_;
    PasswordFilePtr passwords_;
    std::string scram_secret_;
    std::shared_ptr<const AclFile> acl_;
    bool anonymous_;
};

using AuthoriserPtr = std::shared_ptr<const Authoriser>;

}  // namespace millrace::access
