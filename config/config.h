#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

// The configuration as plain values. `Config{}` is what runs without a file. A loaded Config is never
// changed: a reload makes a new one. Sizes are bytes; 0 stands for the word (`auto`, `none`) where
// docs/config.md names one.
namespace millrace::config {

using std::chrono::milliseconds;

enum class Scheme : std::uint8_t { mqtt, mqtts, http, https };
enum class StoreKind : std::uint8_t { sqlite, postgres };
enum class Who : std::uint8_t { nobody, authenticated, anyone };
enum class Audience : std::uint8_t { anyone, authenticated };
enum class ClientCertificate : std::uint8_t { none, optional, required };
enum class BadToken : std::uint8_t { strict, anonymous };
enum class LogLevel : std::uint8_t { trace, debug, info, warning, error };

// One address to listen on, and where the file says so (0 when no file does).
struct Listener {
    Scheme scheme = Scheme::mqtt;
    std::string host;        // an IP address in its canonical form without brackets, or a lower-case name
    std::uint16_t port = 0;  // 0: the system picks a free one
    std::string path = {};   // of a Unix socket, which has neither host nor port
    std::string mode = "0660";
    std::vector<std::string> protocols = {};  // MQTT versions; empty: all
    std::optional<bool> anonymous = {};       // empty: as auth says
    bool proxy_protocol = false;
    ClientCertificate client_certificate = ClientCertificate::none;
    unsigned line = 0;
    unsigned column = 0;

    bool is_unix() const { return !path.empty(); }
    // Whether only this machine reaches it: loopback or a Unix socket, and no proxy that brings others.
    bool is_loopback() const;
    bool is_secure() const { return scheme == Scheme::mqtts || scheme == Scheme::https; }
    std::string url() const;
    friend bool operator==(const Listener& a, const Listener& b) {
        const auto settings = [](const Listener& l) {
            return std::tie(l.scheme, l.host, l.port, l.path, l.mode, l.protocols, l.anonymous,
                            l.proxy_protocol, l.client_certificate);
        };
        return settings(a) == settings(b);
    }
};

struct Tls {
    std::string certificate;
    std::string private_key;
    std::string client_ca;
    ClientCertificate client_certificate = ClientCertificate::none;
    bool operator==(const Tls&) const = default;
};

struct ProxyProtocol {
    std::vector<std::string> trusted;  // addresses and networks
    bool operator==(const ProxyProtocol&) const = default;
};

struct Store {
    std::string url = "sqlite:millrace-data/millrace.db";
    StoreKind kind = StoreKind::sqlite;              // from url
    std::string path = "millrace-data/millrace.db";  // from url; empty for PostgreSQL
    unsigned lanes = 0;
    milliseconds sql_poll{50};  // 0: off
    bool operator==(const Store&) const = default;
    unsigned resolved_lanes() const { return lanes == 0 ? 1 : lanes; }
};

struct Realtime {
    std::string key = "default";
    std::vector<std::string> allowed_origins;  // lower case, without a default port
    BadToken bad_token = BadToken::strict;
    bool operator==(const Realtime&) const = default;
};

struct Jwt {
    std::string secret;
    std::string public_key;
    std::string jwks;
    std::string issuer;    // empty: any
    std::string audience;  // empty: any
    milliseconds leeway = std::chrono::seconds(10);
    std::string user_claim = "sub";
    std::string dbo_id_claim = "dbo_id";
    std::string row_id_claim = "row_id";
    std::string extras_claim = "extras";
    bool operator==(const Jwt&) const = default;
    bool is_configured() const { return !secret.empty() || !public_key.empty() || !jwks.empty(); }
};

struct Auth {
    std::optional<bool> anonymous;  // as written; Config::allows_anonymous() is the answer
    std::vector<std::string> api_keys;
    Jwt jwt;
    std::string password_file;
    std::string acl_file;
    std::string scram_secret;
    bool operator==(const Auth&) const = default;
};

struct Retention {
    std::size_t messages = 0;  // 0: none
    milliseconds age{0};       // 0: none
    bool operator==(const Retention&) const = default;
};

// Backends that are asked before a client may join or write; without a URL nobody is.
struct RuleHooks {
    std::string join;
    std::string message;
    milliseconds timeout = std::chrono::seconds(2);
    bool operator==(const RuleHooks&) const = default;
    bool any() const { return !join.empty() || !message.empty(); }
};

// How they are asked.
struct Hooks {
    std::string secret;
    std::string ca;
    bool operator==(const Hooks&) const = default;
};

// What holds for the channels whose name `match` (an MQTT filter) fits; the first rule that fits governs.
struct ChannelRule {
    std::string match = "#";
    bool store = true;
    Retention retention;
    std::size_t history = 100;
    bool presence = true;
    bool anonymous = true;
    Who publish = Who::anyone;
    Who private_messages = Who::anyone;
    Audience audience = Audience::anyone;
    bool check_payload_format = false;
    RuleHooks hooks;
    bool operator==(const ChannelRule&) const = default;
};

struct Limits {
    static constexpr std::size_t kKiB = 1024;
    static constexpr std::size_t kMiB = 1024 * kKiB;
    static constexpr std::size_t kGiB = 1024 * kMiB;

    std::size_t connections = 100'000;
    std::size_t connections_per_address = 0;
    std::size_t connect_rate = 0;
    std::size_t outbox_bytes = 16 * kMiB;

    std::size_t http_header_bytes = 16 * kKiB;
    std::size_t http_body_bytes = kMiB;
    std::size_t http_batch_messages = 1000;
    milliseconds http_idle_timeout = std::chrono::seconds(75);
    milliseconds http_request_timeout = std::chrono::seconds(30);
    std::size_t history_page_messages = 1000;
    std::size_t history_scan_messages = 10'000;
    milliseconds stream_keep_alive = std::chrono::seconds(15);

    std::size_t mqtt_packet_bytes = kMiB;
    std::size_t client_id_bytes = 65'535;
    std::size_t topic_bytes = 65'535;
    std::size_t topic_levels = 128;
    milliseconds connect_timeout = std::chrono::seconds(10);
    std::size_t password_queue = 64;
    milliseconds keep_alive_max{0};
    std::size_t publish_rate = 0;
    std::size_t publish_burst = 0;
    std::uint16_t receive_maximum = 256;
    std::uint16_t inflight_messages = 100;
    std::uint16_t topic_alias_maximum = 16;
    std::uint16_t topic_alias_out = 16;
    std::size_t subscriptions_per_client = 10'000;
    milliseconds session_expiry = std::chrono::hours(24);
    std::size_t session_queue_messages = 100'000;
    std::size_t session_queue_bytes = 64 * kMiB;
    std::size_t session_positions = 1000;
    milliseconds session_checkpoint = std::chrono::seconds(1);
    std::size_t session_changes = 100'000;
    std::size_t queued_messages = 10'000'000;
    std::size_t queued_bytes = kGiB;
    std::size_t retained_messages = 1'000'000;
    std::size_t retained_bytes = kGiB;

    std::size_t websocket_message_bytes = kMiB;
    std::size_t bridge_channels = 128;
    milliseconds bridge_ping = std::chrono::seconds(25);
    std::size_t bridge_cursors = 100'000;
    milliseconds bridge_cursor_expiry = std::chrono::hours(24);

    std::size_t lane_queue_messages = 100'000;
    std::size_t lane_queue_bytes = 256 * kMiB;
    std::size_t lane_batch_messages = 4096;
    milliseconds store_wait = std::chrono::seconds(30);
    milliseconds sys_interval = std::chrono::seconds(10);
    milliseconds retention_interval = std::chrono::seconds(1);
    std::size_t retention_step_messages = 500;
    std::size_t sql_messages = 1000;
    std::size_t sql_message_bytes = kMiB;
    std::size_t sql_refused_messages = 10'000;
    std::size_t hook_connections = 32;
    std::size_t hook_queue_calls = 10'000;
    std::size_t hook_queue_bytes = 64 * kMiB;
    std::size_t hook_client_calls = 1000;
    std::size_t hook_answer_bytes = 256 * kKiB;
    bool operator==(const Limits&) const = default;
};

struct Log {
    LogLevel level = LogLevel::info;
    std::vector<std::string> trace_clients;
    bool operator==(const Log&) const = default;
};

struct Config {
    std::vector<Listener> listeners = {{.scheme = Scheme::mqtt, .host = "127.0.0.1", .port = 1883},
                                       {.scheme = Scheme::http, .host = "127.0.0.1", .port = 8080}};
    Tls tls;
    ProxyProtocol proxy_protocol;
    unsigned threads = 0;
    Store store;
    Realtime realtime;
    Auth auth;
    Hooks hooks;
    std::vector<ChannelRule> channels = {ChannelRule{}};
    Limits limits;
    Log log;
    bool operator==(const Config&) const = default;

    unsigned resolved_threads() const;  // one per core when `threads` is auto
    bool asks_hooks() const;            // whether any rule names one
    bool allows_anonymous() const;      // auth.anonymous, or whether every listener is on loopback
};

using ConfigPtr = std::shared_ptr<const Config>;

}  // namespace millrace::config
