#include "core/access/authoriser.h"

#include <algorithm>
#include <stdexcept>

#include "core/access/filters.h"
#include "core/access/sha256.h"
#include "core/topic_match.h"

namespace millrace::access {
namespace {

using Kind = Principal::Kind;

constexpr std::string_view kNotListed = "the access control list does not allow it";

Decision refuse(std::string_view reason) {
    return {.allowed = false, .reason = reason};
}

Decision may_join(const Principal& principal, const config::ChannelRule& rule) {
    if (principal.authenticated() || rule.anonymous) return {};
    return refuse("Anonymous clients cannot join this channel.");
}

Decision may_write(const Principal& principal, config::Who who) {
    switch (who) {
        case config::Who::anyone:
            return {};
        case config::Who::authenticated:
            if (principal.authenticated()) return {};
            return refuse("only authenticated clients may write to the channel");
        case config::Who::nobody:
            break;
    }
    return refuse("clients may not write to the channel");
}

/// The server's own topics.
bool is_status_topic(std::string_view channel) {
    return channel == "$SYS" || channel.starts_with("$SYS/");
}

/// What an action needs of an access control list; `administer` is none of its business.
Permission permission_for(Action action) {
    switch (action) {
        case Action::publish_message:
        case Action::publish_event:
        case Action::publish_private:
            return Permission::write;
        case Action::join:
        case Action::read_history:
        case Action::see_presence:
        case Action::administer:
            break;
    }
    return Permission::read;
}

Decision by_rule(const Principal& principal, Action action, const config::ChannelRule& rule) {
    switch (action) {
        case Action::publish_message:
        case Action::publish_event:
            return may_write(principal, rule.publish);
        case Action::publish_private:
            return may_write(principal, rule.private_messages);
        case Action::join:
        case Action::read_history:
        case Action::see_presence:
            return may_join(principal, rule);
        case Action::administer:
            break;
    }
    return refuse("only an API key may administer");
}

/// What `parse` makes of a file; a start-up that cannot have it fails.
template <class Parse>
auto load(const std::string& path, Parse parse) {
    const Parsed<std::string> text = read_text_file(path);
    if (!text) throw std::runtime_error(format(path, text.error()));
    auto parsed = parse(std::string_view(*text));
    if (!parsed) throw std::runtime_error(format(path, parsed.error()));
    return std::move(*parsed);
}

std::vector<JwtKey> load_keys(const config::Jwt& jwt) {
    if (!jwt.secret.empty()) return {key_from_secret(jwt.secret)};
    if (!jwt.public_key.empty()) return {load(jwt.public_key, key_from_pem)};
    if (!jwt.jwks.empty()) return load(jwt.jwks, keys_from_jwks);
    return {};
}

TokenRules token_rules(const config::Jwt& jwt) {
    return {.issuer = jwt.issuer,
            .audience = jwt.audience,
            .leeway_s = std::chrono::duration_cast<std::chrono::seconds>(jwt.leeway).count(),
            .user_claim = jwt.user_claim,
            .dbo_id_claim = jwt.dbo_id_claim,
            .row_id_claim = jwt.row_id_claim,
            .extras_claim = jwt.extras_claim};
}

}  // namespace

Authoriser::Authoriser(const config::Config& config)
    : rules_(config.channels),
      keys_(load_keys(config.auth.jwt)),
      token_rules_(token_rules(config.auth.jwt)),
      scram_secret_(config.auth.scram_secret),
      anonymous_(config.allows_anonymous()) {
    const config::Auth& auth = config.auth;
    if (!auth.password_file.empty())
        passwords_ = std::make_shared<const PasswordFile>(load(auth.password_file, PasswordFile::parse));
    if (!auth.acl_file.empty()) acl_ = std::make_shared<const AclFile>(load(auth.acl_file, AclFile::parse));
    no_rule_.match.clear();
    no_rule_.store = false;
    no_rule_.history = 0;
    no_rule_.presence = false;
    no_rule_.anonymous = false;
    no_rule_.publish = config::Who::nobody;
    no_rule_.private_messages = config::Who::nobody;
    for (const std::string& key : config.auth.api_keys) {
        api_keys_.push_back(sha256(key));
        Principal backend;
        backend.kind = Kind::backend;
        backend.name = "backend";
        backend.credential = credential_number(api_keys_.back());
        backends_.push_back(std::make_shared<const Principal>(std::move(backend)));
    }
}

const config::ChannelRule& Authoriser::rule_for(std::string_view channel) const {
    for (const config::ChannelRule& rule : rules_) {
        if (topic_matches(rule.match, channel)) return rule;
    }
    return no_rule_;
}

Decision Authoriser::may(const Principal& principal, Action action, std::string_view channel) const {
    return may(principal, action, channel, rule_for(channel));
}

Decision Authoriser::may(const Principal& principal, Action action, std::string_view channel,
                         const config::ChannelRule& rule) const {
    if (principal.kind == Kind::backend) return {};
    Decision decision;
    if (&rule != &no_rule_ || action == Action::administer) {
        decision = by_rule(principal, action, rule);
    } else if (!is_status_topic(channel) || action != Action::join) {
        decision = refuse("no channel rule allows it");
    }
    if (!decision.allowed || !narrows(principal)) return decision;
    return allowed(principal, permission_for(action), channel) ? decision : refuse(kNotListed);
}

bool Authoriser::allowed(const Principal& principal, Permission permission, std::string_view channel) const {
    return principal.grants ? allowed_by(*principal.grants, permission, channel)
                            : acl_->may(principal, permission, channel);
}

Decision Authoriser::may_subscribe(const Principal& principal, std::string_view filter) const {
    if (principal.kind == Kind::backend) return {};
    filter = without_share(filter);
    if (narrows(principal)) {
        const bool listed = principal.grants ? subscribable_by(*principal.grants, filter)
                                             : acl_->may_subscribe(principal, filter);
        if (!listed) return refuse(kNotListed);
    }
    for (const config::ChannelRule& rule : rules_) {
        if (!filters_overlap(rule.match, filter)) continue;
        const Decision decision = may_join(principal, rule);
        if (!decision.allowed || filter_covers(rule.match, filter)) return decision;
    }
    // The rules leave a part of the filter open: only the server's own topics may be read without a rule.
    if (is_status_topic(filter)) return {};
    return refuse("no channel rule allows all of the filter");
}

std::vector<const config::ChannelRule*> Authoriser::join_hooks(std::string_view filter) const {
    std::vector<const config::ChannelRule*> found;
    filter = without_share(filter);
    for (const config::ChannelRule& rule : rules_) {
        if (!filters_overlap(rule.match, filter)) continue;
        if (!rule.hooks.join.empty()) found.push_back(&rule);
        if (filter_covers(rule.match, filter)) break;
    }
    return found;
}

PrincipalPtr Authoriser::backend_of(std::string_view api_key) const {
    const std::string given = sha256(api_key);
    const PrincipalPtr* found = nullptr;
    for (std::size_t i = 0; i < api_keys_.size(); ++i) {
        // Every key is looked at, so that the time tells nothing about which one was nearly right.
        if (equal_secrets(api_keys_[i], given)) found = &backends_[i];
    }
    return found != nullptr ? *found : nullptr;
}

bool Authoriser::knows(const Principal& principal) const {
    if (principal.credential == 0) return true;
    if (principal.kind == Kind::user)
        return passwords_ && passwords_->credential_of(principal.name) == principal.credential;
    return std::ranges::any_of(backends_, [&principal](const PrincipalPtr& backend) {
        return backend->credential == principal.credential;
    });
}

Result<PrincipalPtr> Authoriser::user_of(std::string_view token, std::int64_t now_us) const {
    if (!takes_tokens()) return Errc::not_found;
    Result<Principal> user = verify_token(token, keys_, token_rules_, now_us / 1'000'000);
    if (!user) return user.error();
    return PrincipalPtr(std::make_shared<const Principal>(std::move(*user)));
}

}  // namespace millrace::access
