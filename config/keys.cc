#include "config/keys.h"

#include <algorithm>
#include <array>

namespace millrace::config {
namespace {

template <auto... Members>
Slot at(Config& config) {
    return &(config.*....*Members);
}

template <auto... Members>
Slot rule(Config& config) {
    return &(config.channels.back().*....*Members);
}

template <auto... Members>
Slot listener(Config& config) {
    return &(config.listeners.back().*....*Members);
}

Slot last_listener(Config& config) {
    return &config.listeners.back();
}

template <auto Member>
Slot limit(Config& config) {
    return &(config.limits.*Member);
}

constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kHour = 3600 * kSecond;
constexpr std::uint64_t kDay = 24 * kHour;
constexpr std::uint64_t kYear = 365 * kDay;
constexpr std::uint64_t kKiB = Limits::kKiB;
constexpr std::uint64_t kMiB = Limits::kMiB;
constexpr std::uint64_t kGiB = Limits::kGiB;
constexpr std::uint64_t kMany = 1'000'000'000;

constexpr Constraint count(std::uint64_t min, std::uint64_t max, std::string_view zero = {}) {
    return {.min = min, .max = max, .unit = Unit::count, .zero = zero};
}
constexpr Constraint bytes(std::uint64_t min, std::uint64_t max) {
    return {.min = min, .max = max, .unit = Unit::bytes};
}
constexpr Constraint duration(std::uint64_t min, std::uint64_t max, std::string_view zero = {}) {
    return {.min = min, .max = max, .unit = Unit::duration, .zero = zero};
}
constexpr Constraint text(TextCheck check, std::string_view description) {
    return {.check = check, .description = description};
}
constexpr Constraint kNone{};
constexpr Constraint kClaim = text(check_claim, "name of a claim");
constexpr Constraint kHookUrl = text(check_hook_url, "http or https URL");
constexpr Constraint kFile = text(check_file_name, "file name");
constexpr Constraint kListenerUrl =
    text(nullptr, "URL: mqtt, mqtts, http or https, address, port; or mqtt+unix, http+unix, path");

constexpr auto kKeys = std::to_array<Key>({
    {"listeners", at<&Config::listeners>, text(nullptr, "list of URLs or maps"),
     "Where to listen: `mqtt://`, `mqtts://`, `http://` or `https://` with address and port, "
     "`mqtt+unix://` or `http+unix://` with an absolute path. http serves `/v1`, `/rt/<key>`, `/mqtt`, "
     "`/metrics` and the console. Port 0 takes a free port. What is bound to a public address needs `auth:` "
     "or a plain `anonymous: true`."},

    {"listeners[]", nullptr, kNone, "In place of a URL, a listener may be a map with settings of its own."},
    {"listeners[].url", last_listener, kListenerUrl, "Where it listens. A map needs it.", "none",
     "mqtts://0.0.0.0:8883"},
    {"listeners[].protocols", listener<&Listener::protocols>,
     text(check_mqtt_version, "list of 3.1, 3.1.1 and 5.0"), "The MQTT versions it speaks.", "all", "5.0"},
    {"listeners[].anonymous", listener<&Listener::anonymous>, kNone,
     "May clients without credentials connect here.", "as auth.anonymous", "false"},
    {"listeners[].client_certificate", listener<&Listener::client_certificate>, kNone,
     "As `tls.client_certificate`, for this listener.", "as tls.client_certificate", "optional"},
    {"listeners[].proxy_protocol", listener<&Listener::proxy_protocol>, kNone,
     "Every connection comes through a trusted proxy and begins with a PROXY header (version 1 or 2).",
     "false", "true"},
    {"listeners[].mode", listener<&Listener::mode>, text(check_file_mode, "octal number"),
     "Permissions of a Unix socket.", "0660", "0600"},

    {"tls", nullptr, kNone, "For mqtts and https listeners. SIGHUP reads the files anew."},
    {"tls.certificate", at<&Config::tls, &Tls::certificate>, kFile, "The certificate chain, PEM.", "none",
     "cert.pem"},
    {"tls.private_key", at<&Config::tls, &Tls::private_key>, kFile, "Its private key, PEM.", "none",
     "key.pem"},
    {"tls.client_ca", at<&Config::tls, &Tls::client_ca>, kFile,
     "Authorities that sign client certificates, PEM. The common name of a certificate is its user.", "none",
     "ca.pem"},
    {"tls.client_certificate", at<&Config::tls, &Tls::client_certificate>, kNone,
     "Must clients present a certificate. One that is presented must always be valid.",
     "required if there is a client_ca, else none", "optional"},

    {"proxy_protocol", nullptr, kNone, "For listeners with `proxy_protocol: true`."},
    {"proxy_protocol.trusted", at<&Config::proxy_protocol, &ProxyProtocol::trusted>,
     text(check_network, "list of addresses and networks"),
     "Proxies that may say whom they speak for, such as `10.0.0.0/8`. Anybody else is refused there."},

    {"threads", at<&Config::threads>, count(1, 256, "auto"), "Shards. `auto` is one per core."},

    {"store", nullptr, kNone, "Where stored channels are kept. A reload does not change it."},
    {"store.url", at<&Config::store, &Store::url>, text(check_store_url, "`sqlite:FILE` or `postgresql://…`"),
     "The embedded SQLite (`sqlite:FILE`, relative to the working directory) or PostgreSQL (any libpq URL)."},
    {"store.lanes", at<&Config::store, &Store::lanes>, count(1, 64, "auto"),
     "Writers, each a thread with its own connection; SQLite takes one. `auto` is 1."},
    {"store.sql_poll", at<&Config::store, &Store::sql_poll>, duration(10, kHour, "off"),
     "How often PostgreSQL is asked for what `millrace.publish()` has published; `off`: it waits there. "
     "SQLite "
     "has no such function."},

    {"realtime", nullptr, kNone, "The WebSocket bridge for browsers."},
    {"realtime.key", at<&Config::realtime, &Realtime::key>,
     text(check_realtime_key, "letters, digits and - . _ ~"),
     "The last segment of `/rt/<key>` and `/ws/<key>`."},
    {"realtime.allowed_origins", at<&Config::realtime, &Realtime::allowed_origins>,
     text(check_origin, "list of origins"),
     "Web origins that may connect, such as `https://app.example.com`. With none: the same origin, and any "
     "on "
     "loopback."},
    {"realtime.bad_token", at<&Config::realtime, &Realtime::bad_token>, kNone,
     "What becomes of a browser whose token does not verify. `strict`: an `error` frame and close 4401. "
     "`anonymous`: an `error` frame, and it goes on as one without a token."},

    {"auth", nullptr, kNone, "Who may connect."},
    {"auth.anonymous", at<&Config::auth, &Auth::anonymous>, kNone,
     "May clients without credentials connect at all.", "true if every listener is on loopback", "false"},
    {"auth.api_keys", at<&Config::auth, &Auth::api_keys>, text(check_api_key, "list of keys"),
     "Keys for HTTP publishing and administration. Keep them in the environment: `\"${MILLRACE_API_KEY}\"`."},
    {"auth.jwt", nullptr, kNone, "How tokens are verified; exactly one of the three."},
    {"auth.jwt.secret", at<&Config::auth, &Auth::jwt, &Jwt::secret>,
     text(check_jwt_secret, "at least 32 bytes"), "The shared secret for HS256.", "none",
     "at-least-thirty-two-bytes-of-randomness"},
    {"auth.jwt.public_key", at<&Config::auth, &Auth::jwt, &Jwt::public_key>, kFile,
     "A public key for RS256, ES256 or EdDSA, PEM.", "none", "jwt.pem"},
    {"auth.jwt.jwks", at<&Config::auth, &Auth::jwt, &Jwt::jwks>, kFile, "A JSON Web Key Set.", "none",
     "jwks.json"},
    {"auth.jwt.issuer", at<&Config::auth, &Auth::jwt, &Jwt::issuer>, text(check_claim, "text"),
     "What the claim `iss` must be.", "any", "https://issuer.example.com/"},
    {"auth.jwt.audience", at<&Config::auth, &Auth::jwt, &Jwt::audience>, text(check_claim, "text"),
     "What the claim `aud` must be, or hold.", "any", "millrace"},
    {"auth.jwt.leeway", at<&Config::auth, &Auth::jwt, &Jwt::leeway>, duration(0, kHour),
     "How far the issuer's clock may be from ours: for `exp` and `nbf`.", "10s", "30s"},
    {"auth.jwt.user_claim", at<&Config::auth, &Auth::jwt, &Jwt::user_claim>, kClaim,
     "The claim with the user's name, which the access control list and client ids go by.", "sub", "email"},
    {"auth.jwt.dbo_id_claim", at<&Config::auth, &Auth::jwt, &Jwt::dbo_id_claim>, kClaim,
     "The claim with the number of the user's table.", "dbo_id", "table"},
    {"auth.jwt.row_id_claim", at<&Config::auth, &Auth::jwt, &Jwt::row_id_claim>, kClaim,
     "The claim with the number of the user in that table.", "row_id", "sub"},
    {"auth.jwt.extras_claim", at<&Config::auth, &Auth::jwt, &Jwt::extras_claim>, kClaim,
     "The claim with an object that the members of a channel see of each other.", "extras", "user_metadata"},
    {"auth.password_file", at<&Config::auth, &Auth::password_file>, kFile,
     "Users and their hashed passwords; written by `millrace passwd` or mosquitto_passwd.", "none",
     "users.txt"},
    {"auth.acl_file", at<&Config::auth, &Auth::acl_file>, kFile, "Access control list in Mosquitto's format.",
     "none", "acl.txt"},
    {"auth.scram_secret", at<&Config::auth, &Auth::scram_secret>,
     text(check_scram_secret, "at least 32 bytes"),
     "What the salt of a user that is not there is made from (SCRAM). Without it: from the password file, "
     "and "
     "such salts change with every change of it.",
     "none", "at-least-thirty-two-bytes-of-randomness"},

    {"hooks", nullptr, kNone, "How the backends that rules name under `hooks` are asked."},
    {"hooks.secret", at<&Config::hooks, &Hooks::secret>, text(check_hook_secret, "at least 32 bytes"),
     "Signs every question: HMAC-SHA-256 over the body, in the header `Millrace-Signature`.", "none",
     "at-least-thirty-two-bytes-of-randomness"},
    {"hooks.ca", at<&Config::hooks, &Hooks::ca>, kFile,
     "Authorities that may have signed the certificate of an https backend, PEM; beside the system's.",
     "none", "ca.pem"},

    {"channels[]", nullptr, kNone,
     "Channel rules; the first whose `match` fits governs a channel. With none given, one rule for '#' with "
     "these defaults."},
    {"channels[].match", rule<&ChannelRule::match>, text(check_match, "MQTT filter"),
     "The channels it is for. Every rule needs it. `chat/*` is another way to write `chat/#`; "
     "elsewhere no `*` may stand."},
    {"channels[].store", rule<&ChannelRule::store>, kNone,
     "true: committed before acknowledged or delivered, with seq, history and resume. false: an ordinary "
     "MQTT topic, in memory."},
    {"channels[].retention", nullptr, kNone, "How long stored messages are kept, whichever ends first."},
    {"channels[].retention.messages", rule<&ChannelRule::retention, &Retention::messages>,
     count(1, 1'000'000 * kMany, "none"), "The newest so many messages of each channel. `none` keeps all."},
    {"channels[].retention.age", rule<&ChannelRule::retention, &Retention::age>,
     duration(kSecond, 100 * kYear, "none"), "Messages younger than this. `none` keeps all."},
    {"channels[].history", rule<&ChannelRule::history>, count(0, 100'000),
     "How many messages a joining browser is given: the newest that it may have. Those that do not fit "
     "into a quarter of `limits.outbox_bytes`, or 8 MiB, are left out, and it is told so.",
     "100 if stored, else 0", "100"},
    {"channels[].presence", rule<&ChannelRule::presence>, kNone, "May members see who else is there."},
    {"channels[].anonymous", rule<&ChannelRule::anonymous>, kNone, "May clients without a token join.",
     "as auth.anonymous", "true"},
    {"channels[].publish", rule<&ChannelRule::publish>, kNone,
     "Which clients may publish. Backends (API keys, SQL) always may.",
     "anyone if anonymous, else authenticated", "authenticated"},
    {"channels[].private", rule<&ChannelRule::private_messages>, kNone,
     "Which clients may write to one other client by its socketId.", "as publish", "authenticated"},
    {"channels[].audience", rule<&ChannelRule::audience>, kNone,
     "Who receives what authenticated clients send."},
    {"channels[].check_payload_format", rule<&ChannelRule::check_payload_format>, kNone,
     "Refuse an MQTT 5.0 message that says it is text (Payload Format Indicator 1) and is not UTF-8."},
    {"channels[].hooks", nullptr, kNone,
     "Backends that are asked before a client, not a backend, may join or write. No answer means no."},
    {"channels[].hooks.join", rule<&ChannelRule::hooks, &RuleHooks::join>, kHookUrl,
     "Asked before a join, a subscription, an event stream or the reading of history.", "none",
     "http://127.0.0.1:9000/join"},
    {"channels[].hooks.message", rule<&ChannelRule::hooks, &RuleHooks::message>, kHookUrl,
     "Asked before a message is taken; may put another payload in its place.", "none",
     "http://127.0.0.1:9000/message"},
    {"channels[].hooks.timeout", rule<&ChannelRule::hooks, &RuleHooks::timeout>, duration(10, 60 * kSecond),
     "The whole time an answer may take."},

    {"limits", nullptr, kNone,
     "Every limit the server keeps. What one drops is counted by reason in `/metrics`."},
    {"limits.connections", limit<&Limits::connections>, count(1, 10'000'000),
     "Connections at a time, over all listeners."},
    {"limits.connections_per_address", limit<&Limits::connections_per_address>, count(1, 10'000'000, "none"),
     "The same of one IPv4 address, or of one IPv6 network of 64 bits."},
    {"limits.connect_rate", limit<&Limits::connect_rate>, count(1, 1'000'000, "none"),
     "Connections in a second from one such address; as many may come at once."},
    {"limits.outbox_bytes", limit<&Limits::outbox_bytes>, bytes(64 * kKiB, 4 * kGiB),
     "Written to a connection but not yet taken by the network; a slower reader is disconnected."},
    {"limits.http_header_bytes", limit<&Limits::http_header_bytes>, bytes(kKiB, kMiB),
     "Request line and header fields of one HTTP request."},
    {"limits.http_body_bytes", limit<&Limits::http_body_bytes>, bytes(kKiB, kGiB),
     "Body of one HTTP request."},
    {"limits.http_batch_messages", limit<&Limits::http_batch_messages>, count(1, 1'000'000),
     "Messages in one `POST /v1/publish/batch`."},
    {"limits.http_idle_timeout", limit<&Limits::http_idle_timeout>, duration(kSecond, kDay),
     "An HTTP connection without a request is closed after this."},
    {"limits.http_request_timeout", limit<&Limits::http_request_timeout>, duration(kSecond, kHour),
     "Time for a request to arrive whole."},
    {"limits.history_page_messages", limit<&Limits::history_page_messages>, count(1, 100'000),
     "Messages in one page of history."},
    {"limits.history_scan_messages", limit<&Limits::history_scan_messages>, count(1, kMany),
     "Messages looked at to fill one page of history, or the `history` of a joining browser, where some are "
     "for others. The reader goes on behind them."},
    {"limits.stream_keep_alive", limit<&Limits::stream_keep_alive>, duration(kSecond, kHour),
     "An event stream is sent a comment this often, so that proxies and readers know it lives."},
    {"limits.mqtt_packet_bytes", limit<&Limits::mqtt_packet_bytes>, bytes(kKiB, 268'435'460),
     "The largest MQTT packet accepted (Maximum Packet Size)."},
    {"limits.client_id_bytes", limit<&Limits::client_id_bytes>, bytes(23, 65'535),
     "Length of a client id; a CONNECT with a longer one is refused as an invalid client id."},
    {"limits.topic_bytes", limit<&Limits::topic_bytes>, bytes(1, 65'535),
     "Length of a channel name or filter."},
    {"limits.topic_levels", limit<&Limits::topic_levels>, count(1, 65'535),
     "Levels of a channel name or filter."},
    {"limits.connect_timeout", limit<&Limits::connect_timeout>, duration(100, kHour),
     "Time from opening an MQTT connection to its whole CONNECT, its password checked."},
    {"limits.password_queue", limit<&Limits::password_queue>, count(1, 1'000'000),
     "Passwords waiting to be checked, over all listeners; beyond it a CONNECT is refused as server busy."},
    {"limits.keep_alive_max", limit<&Limits::keep_alive_max>, duration(kSecond, 65'535 * kSecond, "none"),
     "The longest Keep Alive; a longer one, or none, is shortened (Server Keep Alive)."},
    {"limits.publish_rate", limit<&Limits::publish_rate>, count(1, kMany, "none"),
     "Messages that one MQTT client may publish in a second. A faster one is not read from until it may go "
     "on; "
     "nothing is lost."},
    {"limits.publish_burst", limit<&Limits::publish_burst>, count(1, kMany, "publish_rate"),
     "Messages it may publish at once after a pause."},
    {"limits.receive_maximum", limit<&Limits::receive_maximum>, count(1, 65'535),
     "QoS 1 and 2 messages in flight from one client (Receive Maximum)."},
    {"limits.inflight_messages", limit<&Limits::inflight_messages>, count(1, 32'768),
     "QoS 1 and 2 messages in flight to a client; its Receive Maximum may be less."},
    {"limits.topic_alias_maximum", limit<&Limits::topic_alias_maximum>, count(0, 65'535),
     "Topic aliases one client may define (Topic Alias Maximum)."},
    {"limits.topic_alias_out", limit<&Limits::topic_alias_out>, count(0, 65'535),
     "Topic aliases we define towards one client, if it takes as many; 0: none. Each holds its topic in "
     "memory."},
    {"limits.subscriptions_per_client", limit<&Limits::subscriptions_per_client>, count(1, 10'000'000),
     "Subscriptions of one session, and filters of one SUBSCRIBE; those beyond it are refused (0x97)."},
    {"limits.session_expiry", limit<&Limits::session_expiry>, duration(0, 100 * kYear),
     "The longest a session outlives its connection; longer requests are shortened."},
    {"limits.session_queue_messages", limit<&Limits::session_queue_messages>, count(1, kMany),
     "Messages queued for one client."},
    {"limits.session_queue_bytes", limit<&Limits::session_queue_bytes>, bytes(64 * kKiB, 1024 * kGiB),
     "The same in bytes."},
    {"limits.session_positions", limit<&Limits::session_positions>, count(1, 1'000'000),
     "Stored channels that one session has missed messages of and will read from the log; those of further "
     "ones are queued."},
    {"limits.session_checkpoint", limit<&Limits::session_checkpoint>, duration(10, kHour),
     "How often it is written down how far a session is on its stored channels. What was acknowledged since "
     "then comes again after a crash."},
    {"limits.session_changes", limit<&Limits::session_changes>, count(1, kMany),
     "Sessions with a change that waits to be written; beyond it a SUBSCRIBE of such a session ends its "
     "connection."},
    {"limits.queued_messages", limit<&Limits::queued_messages>, count(1, 1000 * kMany),
     "Messages queued in all sessions together; beyond it none is queued, whichever session it is for."},
    {"limits.queued_bytes", limit<&Limits::queued_bytes>, bytes(64 * kKiB, 1024 * kGiB),
     "The same in bytes. A message that waits in several sessions counts in each."},
    {"limits.retained_messages", limit<&Limits::retained_messages>, count(0, kMany),
     "Retained messages in all."},
    {"limits.retained_bytes", limit<&Limits::retained_bytes>, bytes(0, 1024 * kGiB), "The same in bytes."},
    {"limits.websocket_message_bytes", limit<&Limits::websocket_message_bytes>, bytes(kKiB, 256 * kMiB),
     "The largest WebSocket message accepted."},
    {"limits.bridge_channels", limit<&Limits::bridge_channels>, count(1, 100'000),
     "Channels joined on one WebSocket of the bridge."},
    {"limits.bridge_ping", limit<&Limits::bridge_ping>, duration(kSecond, kHour),
     "A silent WebSocket is pinged after this, and closed after as long again."},
    {"limits.bridge_cursors", limit<&Limits::bridge_cursors>, count(1, kMany),
     "Positions kept in memory for readers of `/ws/<key>`; those used longest ago go first."},
    {"limits.bridge_cursor_expiry", limit<&Limits::bridge_cursor_expiry>, duration(kSecond, kYear),
     "How long such a position is kept while nobody uses it."},
    {"limits.lane_queue_messages", limit<&Limits::lane_queue_messages>, count(1, kMany),
     "Messages waiting for one lane of the store; beyond it publishing is refused."},
    {"limits.lane_queue_bytes", limit<&Limits::lane_queue_bytes>, bytes(kMiB, 1024 * kGiB),
     "The same in bytes."},
    {"limits.lane_batch_messages", limit<&Limits::lane_batch_messages>, count(1, 1'000'000),
     "Messages in one commit."},
    {"limits.store_wait", limit<&Limits::store_wait>, duration(100, kDay),
     "How long a publish waits while the store is away; then its client is disconnected."},
    {"limits.sys_interval", limit<&Limits::sys_interval>, duration(kSecond, kDay, "none"),
     "How often the figures under `$SYS/broker/` are looked at; `none`: there are no such figures."},
    {"limits.retention_interval", limit<&Limits::retention_interval>, duration(100, kDay),
     "How often the store looks for messages that `retention` lets go."},
    {"limits.retention_step_messages", limit<&Limits::retention_step_messages>, count(1, 100'000),
     "Messages deleted in one transaction of retention or of a purge; publishing goes on in between."},
    {"limits.sql_messages", limit<&Limits::sql_messages>, count(1, 100'000),
     "Messages published by SQL that are under way to their channels at a time; the others wait in the "
     "database."},
    {"limits.sql_message_bytes", limit<&Limits::sql_message_bytes>, bytes(1, kGiB),
     "The largest message `millrace.publish()` accepts."},
    {"limits.sql_refused_messages", limit<&Limits::sql_refused_messages>, count(0, 1'000'000),
     "The newest so many messages published by SQL that could not be delivered are kept in "
     "`millrace.outbox_refused`."},
    {"limits.hook_connections", limit<&Limits::hook_connections>, count(1, 10'000),
     "Connections to one hook's address, and so questions to it at a time."},
    {"limits.hook_queue_calls", limit<&Limits::hook_queue_calls>, count(1, 10'000'000),
     "Questions to hooks that have no answer yet; beyond it the answer is no."},
    {"limits.hook_queue_bytes", limit<&Limits::hook_queue_bytes>, bytes(kMiB, 64 * kGiB),
     "The same in bytes."},
    {"limits.hook_client_calls", limit<&Limits::hook_client_calls>, count(1, 1'000'000),
     "Messages of one client that wait for hooks; beyond it publishing is refused as overloaded. Also the "
     "filters of one SUBSCRIBE that hooks are asked about; those beyond it are refused."},
    {"limits.hook_answer_bytes", limit<&Limits::hook_answer_bytes>, bytes(kKiB, 256 * kMiB),
     "Body of a hook's answer; a longer one means no."},

    {"log", nullptr, kNone, "What is logged, to stderr."},
    {"log.level", at<&Config::log, &Log::level>, kNone, "The least severe level that is logged."},
    {"log.trace_clients", at<&Config::log, &Log::trace_clients>,
     text(check_trace_pattern, "list of client ids, `user:name`, either with a `*` at its end"),
     "MQTT clients of whose packets every one is logged, in and out: what it is and whether it was refused, "
     "never "
     "what it carries."},
});

}  // namespace

std::span<const Key> keys() {
    return kKeys;
}

const Key* find_key(std::string_view path) {
    const auto found = std::ranges::find(kKeys, path, &Key::path);
    return found == kKeys.end() ? nullptr : &*found;
}

std::string_view parent_of(std::string_view path) {
    return path.substr(0, path.rfind('.') + 1);
}

std::string_view name_of(const Key& key) {
    std::string_view name = key.path.substr(parent_of(key.path).size());
    if (key.is_list()) name.remove_suffix(2);
    return name;
}

}  // namespace millrace::config
