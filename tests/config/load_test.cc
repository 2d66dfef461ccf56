#include "config/load.h"

#include <cstdio>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <thread>

#include "config/values.h"

namespace millrace::config {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;

EnvironmentLookup environment(std::map<std::string, std::string> variables) {
    return [variables](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

Config loaded(std::string_view yaml, const EnvironmentLookup& lookup = environment({})) {
    LoadResult result = load_text(yaml, lookup);
    for (const Problem& problem : result.problems) ADD_FAILURE() << format("test.yaml", problem);
    return result.config;
}

TEST(Load, AnEmptyTextIsTheDefault) {
    EXPECT_TRUE(loaded("") == Config{});
    EXPECT_TRUE(loaded("# only a comment\n") == Config{});
    EXPECT_TRUE(loaded("limits:\nstore:\nchannels:\n") == Config{});
    EXPECT_TRUE(loaded("channels: []\nlimits: {}\n") == Config{});
}

TEST(Load, NestedChannelsMayBeWrittenWithAStar) {
    const Config config = loaded("channels:\n- match: chat/*\n- match: '*'\n");
    ASSERT_EQ(config.channels.size(), 2U);
    EXPECT_EQ(config.channels[0].match, "chat/#");
    EXPECT_EQ(config.channels[1].match, "#");
}

TEST(Load, TheDefaultIsLoopbackOnlyAndStoresEverything) {
    const Config config;
    ASSERT_EQ(config.listeners.size(), 2U);
    EXPECT_EQ(config.listeners[0].url(), "mqtt://127.0.0.1:1883");
    EXPECT_EQ(config.listeners[1].url(), "http://127.0.0.1:8080");
    EXPECT_TRUE(config.allows_anonymous());
    EXPECT_EQ(config.store.kind, StoreKind::sqlite);
    EXPECT_EQ(config.store.path, "millrace-data/millrace.db");
    EXPECT_EQ(config.store.resolved_lanes(), 1U);
    EXPECT_GE(config.resolved_threads(), 1U);
    ASSERT_EQ(config.channels.size(), 1U);
    EXPECT_EQ(config.channels[0].match, "#");
    EXPECT_TRUE(config.channels[0].store);
    EXPECT_TRUE(config.channels[0].anonymous);
    EXPECT_EQ(config.channels[0].publish, Who::anyone);
}

constexpr std::string_view kExample = R"(
listeners:                       # any number
  - mqtt://127.0.0.1:1883
  - http://127.0.0.1:8080        # /v1/, /rt/<key>, /mqtt, /metrics, the console
threads: auto
store:
  url: postgresql://millrace:s%20t@db.example.com/app?sslmode=require
realtime:
  key: default
  allowed_origins: ["https://app.example.com"]
auth:
  anonymous: false
  api_keys: ["${MILLRACE_API_KEY}"]
channels:
  - match: chat/#
    store: true
    retention: {messages: 100000, age: 30d}
    history: 100
    presence: true
    anonymous: true
    publish: authenticated
    private: authenticated
    audience: anyone
  - match: '#'
    store: false
limits: {}
log: {level: info}
)";

TEST(Load, TheExampleOfTheContract) {
    const Config config = loaded(kExample, environment({{"MILLRACE_API_KEY", "k-123"}}));
    EXPECT_EQ(config.threads, 0U);
    EXPECT_EQ(config.store.kind, StoreKind::postgres);
    EXPECT_EQ(config.store.url, "postgresql://millrace:s%20t@db.example.com/app?sslmode=require");
    EXPECT_EQ(config.store.path, "");
    EXPECT_EQ(config.realtime.key, "default");
    EXPECT_THAT(config.realtime.allowed_origins, ElementsAre("https://app.example.com"));
    EXPECT_EQ(config.auth.anonymous, false);
    EXPECT_THAT(config.auth.api_keys, ElementsAre("k-123"));
    EXPECT_TRUE(config.limits == Limits{});
    EXPECT_EQ(config.log.level, LogLevel::info);
    const ChannelRule chat{.match = "chat/#",
                           .store = true,
                           .retention = {.messages = 100'000, .age = hours(30 * 24)},
                           .history = 100,
                           .presence = true,
                           .anonymous = true,
                           .publish = Who::authenticated,
                           .private_messages = Who::authenticated,
                           .audience = Audience::anyone};
    ASSERT_EQ(config.channels.size(), 2U);
    EXPECT_TRUE(config.channels[0] == chat);
}

TEST(Load, OmittedKeysOfARuleFollowTheOthers) {
    const Config config = loaded(kExample, environment({{"MILLRACE_API_KEY", "k-123"}}));
    const ChannelRule& rest = config.channels.at(1);
    EXPECT_FALSE(rest.store);
    EXPECT_EQ(rest.history, 0U);
    EXPECT_TRUE(rest.presence);
    EXPECT_FALSE(rest.anonymous);
    EXPECT_EQ(rest.publish, Who::authenticated);
    EXPECT_EQ(rest.private_messages, Who::authenticated);
    const Config open = loaded("channels:\n  - {match: a, publish: nobody}\n  - match: b\n");
    EXPECT_TRUE(open.channels.at(0).anonymous);
    EXPECT_EQ(open.channels.at(0).private_messages, Who::nobody);
    EXPECT_EQ(open.channels.at(1).publish, Who::anyone);
    EXPECT_EQ(open.channels.at(1).history, 100U);
}

TEST(Load, TheDefaultRuleFollowsAnonymous) {
    const Config config = loaded("auth: {anonymous: false, api_keys: [k]}");
    ASSERT_EQ(config.channels.size(), 1U);
    EXPECT_FALSE(config.channels[0].anonymous);
    EXPECT_EQ(config.channels[0].publish, Who::authenticated);
}

TEST(Load, ListenersKnowTheirPlaceAndCanonicalForm) {
    const Config config = loaded(
        "listeners:\n"
        "  - mqtt://[::1]:1883\n"
        "  - mqtt://[0:0:0::0:1]:1884\n"
        "  - http://LOCALHOST:0\n"
        "  - http://127.0.0.2:0\n");
    ASSERT_EQ(config.listeners.size(), 4U);
    EXPECT_EQ(config.listeners[0].host, "::1");
    EXPECT_EQ(config.listeners[0].port, 1883);
    EXPECT_EQ(config.listeners[0].line, 2U);
    EXPECT_EQ(config.listeners[0].column, 5U);
    EXPECT_EQ(config.listeners[1].url(), "mqtt://[::1]:1884");
    EXPECT_EQ(config.listeners[2].url(), "http://localhost:0");
    EXPECT_EQ(config.listeners[3].scheme, Scheme::http);
    for (const Listener& listener : config.listeners) EXPECT_TRUE(listener.is_loopback()) << listener.url();
}

TEST(Load, AListenerMayBeAMap) {
    const Config config = loaded(
        "tls: {certificate: c.pem, private_key: k.pem, client_ca: ca.pem}\n"
        "proxy_protocol: {trusted: [10.0.0.0/8]}\n"
        "auth: {anonymous: true}\n"
        "listeners:\n"
        "  - mqtts://127.0.0.1:8883\n"
        "  - {url: 'https://[::1]:443', client_certificate: none, proxy_protocol: true}\n"
        "  - {url: mqtt+unix:///run/m.sock, mode: 0600, protocols: [3.1.1, 5], anonymous: false}\n"
        "  - mqtt://127.0.0.1:1883\n");
    ASSERT_EQ(config.listeners.size(), 4U);
    EXPECT_EQ(config.tls.client_certificate, ClientCertificate::required);
    EXPECT_EQ(config.listeners[0].client_certificate, ClientCertificate::required);
    EXPECT_FALSE(config.listeners[0].proxy_protocol);
    EXPECT_EQ(config.listeners[1].url(), "https://[::1]:443");
    EXPECT_EQ(config.listeners[1].client_certificate, ClientCertificate::none);
    EXPECT_TRUE(config.listeners[1].proxy_protocol);
    EXPECT_EQ(config.listeners[1].line, 6U);
    EXPECT_EQ(config.listeners[2].url(), "mqtt+unix:///run/m.sock");
    EXPECT_EQ(config.listeners[2].scheme, Scheme::mqtt);
    EXPECT_TRUE(config.listeners[2].is_loopback());
    EXPECT_EQ(config.listeners[2].mode, "0600");
    EXPECT_THAT(config.listeners[2].protocols, ElementsAre("3.1.1", "5.0"));
    EXPECT_EQ(config.listeners[2].anonymous, false);
    EXPECT_EQ(config.listeners[3].client_certificate, ClientCertificate::none);
    EXPECT_EQ(config.listeners[3].anonymous, std::nullopt);
}

// Bug class 16.
TEST(Load, AnonymousFollowsTheListenersUnlessItIsGiven) {
    EXPECT_TRUE(loaded("listeners: [mqtt://127.0.0.1:1]").allows_anonymous());
    EXPECT_FALSE(loaded("listeners: [mqtt://0.0.0.0:1]\nauth: {api_keys: [k]}").allows_anonymous());
    EXPECT_FALSE(loaded("listeners: [mqtt://127.0.0.1:1, mqtt://10.0.0.1:1]\nauth: {api_keys: [k]}")
                     .allows_anonymous());
    EXPECT_TRUE(loaded("listeners: [mqtt://0.0.0.0:1]\nauth: {anonymous: true}").allows_anonymous());
    EXPECT_FALSE(loaded("auth: {anonymous: false}").allows_anonymous());
}

TEST(Load, LimitsTakeUnits) {
    const Limits limits = loaded(R"(
limits:
  http_body_bytes: 64KiB
  outbox_bytes: 1GiB
  mqtt_packet_bytes: 4096
  websocket_message_bytes: 2MiB
  connect_timeout: 500ms
  http_idle_timeout: 10s
  http_request_timeout: 5m
  store_wait: 2h
  session_expiry: 30d
  keep_alive_max: none
  receive_maximum: 65535
)")
                              .limits;
    EXPECT_EQ(limits.http_body_bytes, 65'536U);
    EXPECT_EQ(limits.outbox_bytes, 1'073'741'824U);
    EXPECT_EQ(limits.mqtt_packet_bytes, 4096U);
    EXPECT_EQ(limits.websocket_message_bytes, 2'097'152U);
    EXPECT_EQ(limits.connect_timeout, milliseconds(500));
    EXPECT_EQ(limits.http_idle_timeout, seconds(10));
    EXPECT_EQ(limits.http_request_timeout, seconds(300));
    EXPECT_EQ(limits.store_wait, hours(2));
    EXPECT_EQ(limits.session_expiry, hours(720));
    EXPECT_EQ(limits.keep_alive_max, milliseconds(0));
    EXPECT_EQ(limits.receive_maximum, 65'535);
}

TEST(Load, VariablesComeFromTheEnvironment) {
    const auto lookup = environment({{"A", "one"}, {"B_2", "${A}: [x]"}, {"N", "3"}, {"EMPTY", ""}});
    EXPECT_THAT(
        loaded("auth: {api_keys: ['${A}', '<${A}${EMPTY}-${A}>', '$${A}', 'a$${A}${A}', '$5']}", lookup)
            .auth.api_keys,
        ElementsAre("one", "<one-one>", "${A}", "a${A}one", "$5"));
    EXPECT_EQ(loaded("threads: ${N}", lookup).threads, 3U);
    EXPECT_EQ(loaded("store: {url: 'sqlite:${B_2}'}", lookup).store.path, "${A}: [x]");
}

TEST(Load, OriginsAreComparedAsBrowsersSendThem) {
    EXPECT_THAT(
        loaded("realtime: {allowed_origins: ['HTTPS://App.Example.com:443', 'http://a:80', 'http://a:443']}")
            .realtime.allowed_origins,
        ElementsAre("https://app.example.com", "http://a", "http://a:443"));
}

TEST(Load, AFileIsReadAndAMissingOneIsOneProblem) {
    const std::string path = testing::TempDir() + "millrace_load_test.yaml";
    std::ofstream(path) << "threads: 7\nlog: {level: debug}\n";
    const LoadResult result = load_file(path);
    EXPECT_TRUE(result.problems.empty());
    EXPECT_EQ(result.config.resolved_threads(), 7U);
    EXPECT_EQ(result.config.log.level, LogLevel::debug);
    ASSERT_EQ(std::remove(path.c_str()), 0);
    const LoadResult missing = load_file(path);
    ASSERT_EQ(missing.problems.size(), 1U);
    EXPECT_EQ(format("f.yaml", missing.problems[0]), "f.yaml: cannot read: No such file or directory");
    const LoadResult folder = load_file(testing::TempDir());
    ASSERT_EQ(folder.problems.size(), 1U);
    EXPECT_EQ(folder.problems[0].message, "cannot read: Is a directory");
}

TEST(Filters, CoverEachOther) {
    struct Case {
        std::string_view wide, narrow;
        bool covers;
    };
    for (const auto& [wide, narrow, covers] : {
             Case{"#", "a/b", true},    Case{"#", "#", true},           Case{"a/#", "a", true},
             Case{"a/#", "a/#", true},  Case{"a/#", "a/+/c", true},     Case{"+/b", "a/b", true},
             Case{"+/b", "+/b", true},  Case{"a", "a", true},           Case{"a/#", "b/#", false},
             Case{"+", "a/b", false},   Case{"a/b", "a", false},        Case{"a", "+", false},
             Case{"+", "#", false},     Case{"#", "$SYS/#", false},     Case{"+/#", "a", true},
             Case{"a/+", "a/#", false}, Case{"$SYS/#", "$SYS/a", true}, Case{"a/b/#", "a", false},
             Case{"a/", "a", false},    Case{"a/+", "a/", true},
         })
        EXPECT_EQ(filter_covers(wide, narrow), covers) << wide << " covers " << narrow;
}

}  // namespace
}  // namespace millrace::config
