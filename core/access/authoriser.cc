#include "core/access/authoriser.h"

#include <array>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdexcept>

#include "core/access/filters.h"
#include "core/topic_match.h"

namespace millrace::access {
namespace {

using Kind = Principal::Kind;
using Digest = std::array<unsigned char, 32>;

/// Fetching an algorithm costs more than using it, so it is done once.
const EVP_MD* sha256() {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
    return algorithm;
}

bool digest(std::string_view text, Digest& out) {
    return EVP_Digest(text.data(), text.size(), out.data(), nullptr, sha256(), nullptr) == 1;
}

std::string digest_text(std::string_view text) {
    Digest bytes{};
    if (!digest(text, bytes)) throw std::runtime_error("SHA-256 is not available");
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

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

}  // namespace

Authoriser::Authoriser(const config::Config& config)
    : rules_(config.channels), anonymous_(config.allows_anonymous()) {
    no_rule_.match.clear();
    no_rule_.store = false;
    no_rule_.history = 0;
    no_rule_.presence = false;
    no_rule_.anonymous = false;
    no_rule_.publish = config::Who::nobody;
    no_rule_.private_messages = config::Who::nobody;
    for (const std::string& key : config.auth.api_keys) api_keys_.push_back(digest_text(key));
    Principal backend;
    backend.kind = Kind::backend;
    backend.name = "backend";
    backend_ = std::make_shared<const Principal>(std::move(backend));
}

const config::ChannelRule& Authoriser::rule_for(std::string_view channel) const {
    for (const config::ChannelRule& rule : rules_) {
        if (topic_matches(rule.match, channel)) return rule;
    }
    return no_rule_;
}

Decision Authoriser::may(const Principal& principal, Action action, std::string_view channel) const {
    if (principal.kind == Kind::backend) return {};
    const config::ChannelRule& rule = rule_for(channel);
    if (&rule != &no_rule_ || action == Action::administer) return by_rule(principal, action, rule);
    if (is_status_topic(channel) && action == Action::join) return {};
    return refuse("no channel rule allows it");
}

Decision Authoriser::may_subscribe(const Principal& principal, std::string_view filter) const {
    if (principal.kind == Kind::backend) return {};
    filter = without_share(filter);
    for (const config::ChannelRule& rule : rules_) {
        if (!filters_overlap(rule.match, filter)) continue;
        const Decision decision = may_join(principal, rule);
        if (!decision.allowed || filter_covers(rule.match, filter)) return decision;
    }
    // The rules leave a part of the filter open: only the server's own topics may be read without a rule.
    if (is_status_topic(filter)) return {};
    return refuse("no channel rule allows all of the filter");
}

PrincipalPtr Authoriser::backend_of(std::string_view api_key) const {
    Digest given{};
    if (!digest(api_key, given)) return nullptr;
    bool found = false;
    for (const std::string& known : api_keys_) {
        // Every key is looked at, so that the time tells nothing about which one was nearly right.
        found |= CRYPTO_memcmp(known.data(), given.data(), given.size()) == 0;
    }
    return found ? backend_ : nullptr;
}

}  // namespace millrace::access
