#include "config/checks.h"

#include "config/values.h"

namespace millrace::config {
namespace {

constexpr std::size_t kDefaultHistory = 100;

std::string rule_path(std::size_t index) {
    return "channels[" + std::to_string(index) + "]";
}

void derive_store(Store& store) {
    constexpr std::string_view kSqlite = "sqlite:";
    const bool sqlite = store.url.starts_with(kSqlite);
    store.kind = sqlite ? StoreKind::sqlite : StoreKind::postgres;
    store.path = sqlite ? store.url.substr(kSqlite.size()) : "";
}

std::string listener_path(std::size_t index) {
    return "listeners[" + std::to_string(index) + "]";
}

void derive_tls(Config& config, const GivenKeys& given) {
    using enum ClientCertificate;
    if (!given.contains("tls.client_certificate"))
        config.tls.client_certificate = config.tls.client_ca.empty() ? none : required;
    for (std::size_t i = 0; i < config.listeners.size(); ++i) {
        Listener& listener = config.listeners[i];
        if (listener.is_secure() && !given.contains(listener_path(i) + ".client_certificate"))
            listener.client_certificate = config.tls.client_certificate;
    }
}

void derive_rule(ChannelRule& rule, const std::string& path, bool anonymous_allowed, const GivenKeys& given) {
    if (!given.contains(path + ".history")) rule.history = rule.store ? kDefaultHistory : 0;
    if (!given.contains(path + ".anonymous")) rule.anonymous = anonymous_allowed;
    if (!given.contains(path + ".publish")) rule.publish = rule.anonymous ? Who::anyone : Who::authenticated;
    if (!given.contains(path + ".private")) rule.private_messages = rule.publish;
}

class Checker {
  public:
    Checker(const Config& config, const GivenKeys& given, std::vector<Problem>& problems)
        : config_(config), given_(given), problems_(problems) {}

    void run() {
        check_listeners();
        check_tls();
        check_lanes();
        check_jwt();
        for (std::size_t i = 0; i < config_.channels.size(); ++i) check_rule(i);
    }

  private:
    void add(Position at, std::string message) {
        problems_.push_back({at.line, at.column, std::move(message)});
    }
    void add(const std::string& path, std::string message) { add(given_.position(path), std::move(message)); }

    bool has_auth(const Listener& listener) const {
        const bool certificates =
            listener.is_secure() && listener.client_certificate == ClientCertificate::required;
        return certificates || listener.anonymous.value_or(false) || given_.contains("auth.api_keys[0]") ||
               given_.contains("auth.jwt") || given_.contains("auth.password_file") ||
               config_.auth.anonymous.value_or(false);
    }

    static bool same_socket(const Listener& a, const Listener& b) {
        if (a.is_unix() || b.is_unix()) return a.path == b.path;
        if (a.port != b.port || a.port == 0) return false;
        if (a.host == b.host) return true;
        const bool any_v4 = a.host == "0.0.0.0" || b.host == "0.0.0.0";
        const bool any_v6 = a.host == "::" || b.host == "::";
        const auto is_ipv6 = [](const std::string& host) { return host.find(':') != std::string::npos; };
        return (any_v4 && is_ipv4(a.host) && is_ipv4(b.host)) ||
               (any_v6 && is_ipv6(a.host) && is_ipv6(b.host));
    }

    void check_listeners() {
        const auto& listeners = config_.listeners;
        for (std::size_t i = 0; i < listeners.size(); ++i) {
            const Position at{listeners[i].line, listeners[i].column};
            if (!listeners[i].is_loopback() && !has_auth(listeners[i]))
                add(at, listeners[i].url() +
                            (listeners[i].proxy_protocol ? " is reached through a proxy"
                                                         : " is a public address") +
                            ": give 'auth' API keys, tokens or passwords, or say plainly "
                            "'anonymous: true' there");
            for (std::size_t j = 0; j < i; ++j)
                if (same_socket(listeners[i], listeners[j]))
                    add(at, listeners[i].url() + " takes the address of " + listeners[j].url());
        }
    }

    void check_tls() {
        const bool certificate = given_.contains("tls.certificate");
        const bool key = given_.contains("tls.private_key");
        if (given_.contains("tls") && !(certificate && key))
            add("tls", "'tls' needs both 'certificate' and 'private_key'");
        if (config_.tls.client_certificate != ClientCertificate::none && config_.tls.client_ca.empty())
            add("tls.client_certificate", "client certificates need 'tls.client_ca'");
        for (std::size_t i = 0; i < config_.listeners.size(); ++i) check_settings(i);
    }

    /// What a listener that is written as a map may have of its own.
    void check_settings(std::size_t index) {
        const Listener& listener = config_.listeners[index];
        const std::string path = listener_path(index);
        if (listener.is_secure() && !given_.contains("tls"))
            add(Position{listener.line, listener.column}, listener.url() + " needs 'tls'");
        if (given_.contains(path + ".client_certificate")) {
            if (!listener.is_secure())
                add(path + ".client_certificate", "client certificates need mqtts:// or https://");
            else if (listener.client_certificate != ClientCertificate::none && config_.tls.client_ca.empty())
                add(path + ".client_certificate", "client certificates need 'tls.client_ca'");
        }
        if (listener.proxy_protocol && !listener.is_unix() && config_.proxy_protocol.trusted.empty())
            add(path + ".proxy_protocol", "'proxy_protocol' needs addresses in 'proxy_protocol.trusted'");
        if (given_.contains(path + ".mode") && !listener.is_unix())
            add(path + ".mode", "only a Unix socket has a mode");
    }

    void check_lanes() {
        if (config_.store.kind == StoreKind::sqlite && config_.store.lanes > 1)
            add("store.lanes", "SQLite has one writer: more than one lane needs PostgreSQL");
    }

    void check_jwt() {
        int ways = 0;
        for (const char* way : {"auth.jwt.secret", "auth.jwt.public_key", "auth.jwt.jwks"})
            ways += given_.contains(way) ? 1 : 0;
        if (given_.contains("auth.jwt") && ways != 1)
            add("auth.jwt", "'auth.jwt' takes exactly one of 'secret', 'public_key' and 'jwks'");
    }

    void check_rule(std::size_t index) {
        const ChannelRule& rule = config_.channels[index];
        const std::string path = rule_path(index);
        if (!rule.store && rule.history > 0 && given_.contains(path + ".history"))
            add(path + ".history", "a channel with 'store: false' has no history");
        if (!rule.store && given_.contains(path + ".retention"))
            add(path + ".retention", "a channel with 'store: false' has nothing to retain");
        for (std::size_t i = 0; i < index; ++i) {
            const std::string& earlier = config_.channels[i].match;
            if (earlier.empty() || rule.match.empty() || !filter_covers(earlier, rule.match)) continue;
            add(path + ".match", "this rule is never used: the earlier '" + earlier + "' fits all that '" +
                                     rule.match + "' does");
            break;
        }
    }

    const Config& config_;
    const GivenKeys& given_;
    std::vector<Problem>& problems_;
};

}  // namespace

Position GivenKeys::position(const std::string& path) const {
    const auto found = positions_.find(path);
    return found == positions_.end() ? Position{} : found->second;
}

void derive(Config& config, const GivenKeys& given) {
    derive_store(config.store);
    derive_tls(config, given);
    const bool anonymous = config.allows_anonymous();
    for (std::size_t i = 0; i < config.channels.size(); ++i)
        derive_rule(config.channels[i], rule_path(i), anonymous, given);
}

void check(const Config& config, const GivenKeys& given, std::vector<Problem>& problems) {
    Checker(config, given, problems).run();
}

}  // namespace millrace::config
