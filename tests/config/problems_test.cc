#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"

namespace millrace::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::optional<std::string> empty_environment(const std::string&) {
    return std::nullopt;
}

// Every problem as `line:column: message`.
std::vector<std::string> problems(std::string_view yaml) {
    std::vector<std::string> texts;
    for (const Problem& problem : load_text(yaml, empty_environment).problems)
        texts.push_back(format("f", problem).substr(2));
    return texts;
}

std::string problem(std::string_view yaml) {
    const std::vector<std::string> all = problems(yaml);
    return all.size() == 1 ? all[0]
                           : std::to_string(all.size()) + " problems: " + testing::PrintToString(all);
}

TEST(Problems, UnknownKeys) {
    EXPECT_EQ(problem("log: {level: info}\nchanels: []\n"),
              "2:1: unknown key 'chanels' (did you mean 'channels'?)");
    EXPECT_EQ(problem("limits:\n  http_body_byte: 1\n"),
              "2:3: unknown key 'http_body_byte' (did you mean 'http_body_bytes'?)");
    EXPECT_EQ(problem("channels:\n- match: a\n  retension: {age: 1d}\n"),
              "3:3: unknown key 'retension' (did you mean 'retention'?)");
    EXPECT_EQ(problem("api_keys: [a]"), "1:1: unknown key 'api_keys' (did you mean 'auth.api_keys'?)");
    EXPECT_EQ(problem("xylophone: 1"), "1:1: unknown key 'xylophone'");
    EXPECT_EQ(problem("log.level: info"), "1:1: unknown key 'log.level'");
    EXPECT_EQ(problem("'channels[]': []"), "1:1: unknown key 'channels[]' (did you mean 'channels'?)");
    EXPECT_EQ(problem("[a]: 1"), "1:1: expected the name of a key");
}

TEST(Problems, HookAddresses) {
    const auto of = [](const std::string& url) {
        return problem("channels:\n- match: a\n  hooks: {join: \"" + url + "\"}\n");
    };
    const std::string none = "0 problems: {}";
    for (const char* url : {"http://127.0.0.1:9000/join", "https://backend.example.com", "http://[::1]/a?b=c",
                            "https://[::1]:8443?x", "http://localhost/"})
        EXPECT_EQ(of(url), none) << url;
    const std::string at = "3:17: 'join': ";
    EXPECT_EQ(of("ftp://a/b"), at + "expected http:// or https:// with an address");
    EXPECT_EQ(of("http://user:secret@a/b"), at + "a user name has no place in the address");
    EXPECT_EQ(of("http://a/b#c"), at + "an address has neither blanks nor a fragment ('#')");
    EXPECT_EQ(of("http://a /b"), at + "an address has neither blanks nor a fragment ('#')");
    EXPECT_EQ(of("http://a:0/b"), at + "the port is not a number from 1 to 65535");
    EXPECT_EQ(of("http://a:x/b"), at + "the port is not a number from 1 to 65535");
    EXPECT_THAT(of("http:///b"), HasSubstr("is neither an address nor a host name"));
    EXPECT_EQ(problem("hooks: {secret: short}"),
              "1:17: 'secret': a secret for HMAC-SHA-256 has at least 32 bytes");
    EXPECT_EQ(problem("channels: [{match: a, hooks: {leave: x}}]"), "1:31: unknown key 'leave'");
}

TEST(Problems, KeysGivenTwice) {
    EXPECT_EQ(problem("threads: 1\nthreads: 2\n"), "2:1: key 'threads' is given twice");
    EXPECT_EQ(problem("log:\n  level: info\n  level: info\n"), "3:3: key 'level' is given twice");
    EXPECT_EQ(problem("channels: [{match: a, match: b}]"), "1:23: key 'match' is given twice");
}

TEST(Problems, BrokenYaml) {
    const std::string broken = problem("log:\n  level: [info\nthreads: 1\n");
    EXPECT_THAT(broken, HasSubstr("not valid YAML: "));
    EXPECT_THAT(broken, testing::StartsWith("3:"));
    EXPECT_EQ(problem("- mqtt://127.0.0.1:1\n"), "1:1: expected keys and values, such as 'threads: auto'");
    EXPECT_EQ(problem("threads"), "1:1: expected keys and values, such as 'threads: auto'");
    EXPECT_EQ(problem("threads: 1\n---\nthreads: 2\n"),
              "2:1: a configuration is one YAML document; here begins another");
    EXPECT_EQ(problem(", threads: 2\n"), "1:1: a configuration is one YAML document; here begins another");
    EXPECT_THAT(problem("threads: *other"), HasSubstr("1:10: not valid YAML: "));
    EXPECT_THAT(problem(std::string(100'000, '[')), HasSubstr("not valid YAML: "));
}

TEST(Problems, WrongShapes) {
    EXPECT_EQ(problem("log: info"), "1:6: 'log' is a section: expected keys and values");
    EXPECT_EQ(problem("threads: [1]"), "1:10: 'threads' takes a single value, not a list");
    EXPECT_EQ(problem("threads: {a: 1}"), "1:10: 'threads' takes a single value, not a map");
    EXPECT_EQ(problem("log:\n  level:\n"), "2:3: 'level' has no value");
    EXPECT_EQ(problem("auth: {api_keys: k}"), "1:8: 'api_keys' is a list");
    EXPECT_EQ(problem("auth: {api_keys: [[k]]}"), "1:19: 'api_keys' takes a single value, not a list");
    EXPECT_EQ(problem("listeners: []"), "1:1: 'listeners' needs at least one address");
    EXPECT_EQ(problem("channels: {match: a}"), "1:1: 'channels' is a list of rules");
    EXPECT_EQ(problem("channels:\n  - chat/#\n"), "2:5: expected a rule, such as 'match: chat/#'");
    EXPECT_EQ(problem("channels:\n  - match: a\n  -\n"), "1:1: expected a rule, such as 'match: chat/#'");
    EXPECT_EQ(problem("channels:\n  - match: a\n  - store: true\n"), "3:5: a rule needs 'match'");
    EXPECT_EQ(problem("limits: &a {connections: *a}"), "1:9: 'connections' takes a single value, not a map");
}

TEST(Problems, WrongWords) {
    EXPECT_EQ(problem("auth: {anonymous: yes}"), "1:19: 'anonymous': expected true or false, found 'yes'");
    EXPECT_EQ(problem("channels: [{match: a, store: 1}]"),
              "1:30: 'store': expected true or false, found '1'");
    EXPECT_EQ(problem("channels: [{match: a, publish: anyon}]"),
              "1:32: 'publish': expected nobody, authenticated or anyone, found 'anyon'");
    EXPECT_EQ(problem("channels: [{match: a, audience: nobody}]"),
              "1:33: 'audience': expected anyone or authenticated, found 'nobody'");
    EXPECT_EQ(problem("log: {level: loud}"),
              "1:14: 'level': expected trace, debug, info, warn or error, found 'loud'");
}

TEST(Problems, Durations) {
    for (const char* junk :
         {"10 s", "-1s", "1e9d", "10", "s", "1.5s", "1h30m", "10S", "''", "+1s", "none", "0x1s"})
        EXPECT_THAT(
            problem("limits: {connect_timeout: " + std::string(junk) + "}"),
            HasSubstr(
                "1:27: 'connect_timeout': expected a duration such as 500ms, 10s, 5m, 2h or 30d, found"))
            << junk;
    for (const char* far : {"99ms", "61m", "99999999999999999999s", "18446744073709551615d", "213503982335d"})
        EXPECT_EQ(problem("limits: {connect_timeout: " + std::string(far) + "}"),
                  "1:27: 'connect_timeout': must be between 100ms and 1h, found '" + std::string(far) + "'");
    EXPECT_THAT(problem("channels: [{match: a, retention: {age: forever}}]"),
                HasSubstr("or 30d or 'none', found"));
}

TEST(Problems, SizesAndNumbers) {
    for (const char* junk : {"1 MiB", "-1", "1MB", "1mib", "MiB", "1.5MiB", "1e6", "''", "0x10", "1_000"})
        EXPECT_THAT(
            problem("limits: {http_body_bytes: " + std::string(junk) + "}"),
            HasSubstr("1:27: 'http_body_bytes': expected a size such as 4096, 64KiB, 1MiB or 1GiB, found"))
            << junk;
    for (const char* far : {"0", "1023", "2GiB", "18446744073709551616", "17179869185GiB"})
        EXPECT_EQ(problem("limits: {http_body_bytes: " + std::string(far) + "}"),
                  "1:27: 'http_body_bytes': must be between 1KiB and 1GiB, found '" + std::string(far) + "'");
    EXPECT_EQ(problem("threads: 0"), "1:10: 'threads': must be between 1 and 256, found '0'");
    EXPECT_EQ(problem("threads: many"), "1:10: 'threads': expected a whole number or 'auto', found 'many'");
    EXPECT_EQ(problem("limits: {receive_maximum: 65536}"),
              "1:27: 'receive_maximum': must be between 1 and 65535, found '65536'");
}

TEST(Problems, Filters) {
    const auto of = [](const std::string& filter) {
        return problem("channels:\n  - match: '" + filter + "'\n");
    };
    EXPECT_EQ(of(""), "2:12: 'match': a filter has at least one character");
    EXPECT_EQ(of("a/#/b"), "2:12: 'match': in 'a/#/b', '#' must be the last level and alone in it");
    EXPECT_EQ(of("a#"), "2:12: 'match': in 'a#', '#' must be the last level and alone in it");
    EXPECT_EQ(of("a+"), "2:12: 'match': in 'a+', '+' must be alone in its level");
    EXPECT_EQ(of("a/+b/c"), "2:12: 'match': in 'a/+b/c', '+' must be alone in its level");
    EXPECT_EQ(of("$share/g/a"),
              "2:12: 'match': '$share/' is for subscriptions; a rule matches channel names");
    for (const std::string filter : {"room:*", "a/*/b", "*/a", "a/*/#"})
        EXPECT_THAT(of(filter),
                    HasSubstr("2:12: 'match': in '" + filter + "', '*' is no wildcard: write '+'"));
    EXPECT_EQ(of(std::string(65'536, 'a')), "2:12: 'match': a filter has at most 65535 bytes");
    EXPECT_EQ(problem("channels:\n  - match: \"a\\0b\"\n"),
              "2:12: 'match': a filter must not contain U+0000");
    for (const char* good : {"#", "+", "/", "+/+/#", "a/+/b", "/a", "$SYS/#", "a//b"})
        EXPECT_THAT(problems("channels:\n  - match: '" + std::string(good) + "'\n"), IsEmpty()) << good;
}

TEST(Problems, Listeners) {
    const auto of = [](const std::string& url) { return problem("listeners:\n  - '" + url + "'\n"); };
    const std::string at = "2:5: 'listeners': ";
    for (const char* url :
         {"ftp://127.0.0.1:1", "127.0.0.1:1883", "ws://127.0.0.1:1", "", "MQTT://127.0.0.1:1"})
        EXPECT_EQ(
            of(url),
            at +
                "expected mqtt://, mqtts://, http:// or https:// with address and port, or mqtt+unix:// "
                "or http+unix:// with a path, found '" +
                url + "'");
    for (const char* path : {"", "a", "a/b", "/", "/a/"})
        EXPECT_EQ(of("mqtt+unix://" + std::string(path)),
                  at + "a Unix socket has an absolute path: mqtt+unix:///run/millrace/mqtt.sock");
    EXPECT_EQ(of("http+unix:///" + std::string(107, 'x')),
              at + "the path of a Unix socket has at most 107 bytes");
    for (const char* port : {"65536", "-1", "", "18a", "99999999999"})
        EXPECT_EQ(of("mqtt://127.0.0.1:" + std::string(port)),
                  at + "the port in 'mqtt://127.0.0.1:" + port + "' is not a number from 0 to 65535");
    EXPECT_EQ(of("mqtt://127.0.0.1"), at + "the port is missing in 'mqtt://127.0.0.1'");
    EXPECT_EQ(of("mqtt://[::1]"), at + "the port is missing in 'mqtt://[::1]'");
    EXPECT_EQ(of("mqtt://::1:1883"), at + "an IPv6 address stands in brackets: mqtt://[::1]:1883");
    EXPECT_EQ(of("mqtt://[::g]:1883"), at + "'[::g]' is not an IPv6 address");
    EXPECT_EQ(of("mqtt://256.0.0.1:1"), at + "'256.0.0.1' is neither an address nor a host name");
    EXPECT_EQ(of("mqtt://:1"), at + "'' is neither an address nor a host name");
    EXPECT_EQ(of("mqtt://a b:1"), at + "'a b' is neither an address nor a host name");
    EXPECT_EQ(of("http://127.0.0.1:80/x"),
              at + "a listener is only scheme, address and port, found 'http://127.0.0.1:80/x'");
}

TEST(Problems, ListenersThatTakeTheSameAddress) {
    EXPECT_EQ(problem("listeners:\n  - mqtt://127.0.0.1:1883\n  - http://127.0.0.1:1883\n"),
              "3:5: http://127.0.0.1:1883 takes the address of mqtt://127.0.0.1:1883");
    EXPECT_EQ(problem("listeners: ['mqtt://[::1]:1', 'mqtt://[0::1]:1']"),
              "1:31: mqtt://[::1]:1 takes the address of mqtt://[::1]:1");
    EXPECT_EQ(problem("auth: {anonymous: true}\nlisteners: [mqtt://127.0.0.1:1, mqtt://0.0.0.0:1]"),
              "2:33: mqtt://0.0.0.0:1 takes the address of mqtt://127.0.0.1:1");
    EXPECT_THAT(problems("listeners: ['mqtt://127.0.0.1:1', 'mqtt://[::1]:1', 'mqtt://127.0.0.2:1']"),
                IsEmpty());
    EXPECT_THAT(problems("listeners: ['mqtt://127.0.0.1:0', 'http://127.0.0.1:0']"), IsEmpty());
}

// Bug class 16.
TEST(Problems, APublicAddressNeedsAuth) {
    const std::string rest =
        " is a public address: give 'auth' API keys, tokens or passwords, or say plainly 'anonymous: true' "
        "there";
    const std::string listeners = "listeners:\n  - mqtt://127.0.0.1:1883\n  - mqtt://0.0.0.0:1884\n";
    EXPECT_EQ(problem(listeners), "3:5: mqtt://0.0.0.0:1884" + rest);
    EXPECT_EQ(problem(listeners + "auth: {anonymous: false}"), "3:5: mqtt://0.0.0.0:1884" + rest);
    EXPECT_EQ(problem(listeners + "auth: {api_keys: []}"), "3:5: mqtt://0.0.0.0:1884" + rest);
    EXPECT_EQ(problem("listeners: ['http://[::]:80']"), "1:13: http://[::]:80" + rest);
    EXPECT_EQ(problem("listeners: ['http://broker.example.com:80']"),
              "1:13: http://broker.example.com:80" + rest);
    EXPECT_THAT(problems(listeners + "auth: {anonymous: true}"), IsEmpty());
    EXPECT_THAT(problems(listeners + "auth: {api_keys: [k]}"), IsEmpty());
}

TEST(Problems, Store) {
    const auto of = [](const std::string& url) { return problem("store: {url: '" + url + "'}"); };
    EXPECT_EQ(of("mysql://user:secret@host"),
              "1:14: 'url': expected sqlite:FILE or postgresql://USER@HOST/DATABASE");
    EXPECT_EQ(of("sqlite:"), "1:14: 'url': sqlite: needs a file name: sqlite:millrace-data/millrace.db");
    EXPECT_EQ(of("sqlite:///x.db"), "1:14: 'url': write sqlite:FILE, without '//'");
    EXPECT_EQ(problem("store:\n  lanes: 2\n"),
              "2:3: SQLite has one writer: more than one lane needs PostgreSQL");
    EXPECT_THAT(problems("store: {url: 'postgres://h/db', lanes: 2}"), IsEmpty());
}

TEST(Problems, RealtimeAndKeys) {
    EXPECT_EQ(problem("realtime: {key: a/b}"),
              "1:17: 'key': must be 1 to 128 letters, digits, '-', '.', '_' or '~', found 'a/b'");
    for (const char* origin :
         {"https://a/", "example.com", "*", "https://", "://a", "https://*.a", "https://a b"})
        EXPECT_THAT(problem("realtime: {allowed_origins: ['" + std::string(origin) + "']}"),
                    HasSubstr("1:30: 'allowed_origins': expected an origin such as https://app.example.com"))
            << origin;
    EXPECT_EQ(problem("auth: {api_keys: ['hush hush']}"),
              "1:19: 'api_keys': an API key is one or more visible ASCII characters without spaces");
    EXPECT_THAT(problem("auth: {api_keys: ['']}"), HasSubstr("1:19: 'api_keys': an API key is"));
}

TEST(Problems, Rules) {
    EXPECT_EQ(problem("channels:\n- match: a\n  store: false\n  history: 5\n"),
              "4:3: a channel with 'store: false' has no history");
    EXPECT_EQ(problem("channels:\n- match: a\n  store: false\n  retention: {age: 1d}\n"),
              "4:3: a channel with 'store: false' has nothing to retain");
    EXPECT_THAT(problems("channels: [{match: a, store: false, history: 0}]"), IsEmpty());
    EXPECT_EQ(problem("channels:\n- match: a/#\n- match: a/b\n"),
              "3:3: this rule is never used: the earlier 'a/#' fits all that 'a/b' does");
    EXPECT_THAT(problems("channels: [{match: '#'}, {match: $SYS/#}]"), IsEmpty());
}

TEST(Problems, Environment) {
    EXPECT_EQ(problem("auth:\n  api_keys:\n    - '${MISSING}'\n"),
              "3:7: 'api_keys': the environment has no variable 'MISSING'");
    for (const char* text : {"${", "${}", "${A", "${1A}", "${A-b}", "a${A b}"})
        EXPECT_THAT(problem("auth: {api_keys: ['" + std::string(text) + "']}"),
                    HasSubstr("1:19: 'api_keys': '${' begins the name of an environment variable"))
            << text;
}

TEST(Problems, Tls) {
    EXPECT_EQ(problem("tls: {certificate: c.pem}"), "1:1: 'tls' needs both 'certificate' and 'private_key'");
    EXPECT_THAT(
        problems("listeners:\n  - mqtts://127.0.0.1:8883\n  - url: https://127.0.0.1:443\n"),
        ElementsAre("2:5: mqtts://127.0.0.1:8883 needs 'tls'", "3:5: https://127.0.0.1:443 needs 'tls'"));
    const std::string files = "tls: {certificate: c.pem, private_key: k.pem";
    EXPECT_THAT(problems(files + "}"), IsEmpty());
    EXPECT_EQ(problem(files + ", client_certificate: optional}"),
              "1:47: client certificates need 'tls.client_ca'");
    EXPECT_EQ(problem(files + ", client_ca: ca.pem, client_certificate: maybe}"),
              "1:86: 'client_certificate': expected none, optional or required, found 'maybe'");
    EXPECT_EQ(problem(files + "}\nlisteners: [{url: 'mqtts://[::1]:1', client_certificate: required}]"),
              "2:38: client certificates need 'tls.client_ca'");
    EXPECT_EQ(problem(files + ", client_ca: ca.pem}\nlisteners: [{url: 'mqtt://[::1]:1', client_certificate: "
                              "required}]"),
              "2:37: client certificates need mqtts:// or https://");
}

TEST(Problems, PublicListenersThatAskForCertificatesNeedNothingElse) {
    const std::string start = "tls: {certificate: c.pem, private_key: k.pem, client_ca: ca.pem";
    EXPECT_THAT(problems(start + "}\nlisteners: ['mqtts://0.0.0.0:8883']"), IsEmpty());
    EXPECT_THAT(problem(start + ", client_certificate: optional}\nlisteners: ['mqtts://0.0.0.0:8883']"),
                HasSubstr("is a public address"));
    EXPECT_THAT(problem(start + "}\nlisteners: ['mqtt://0.0.0.0:1883']"), HasSubstr("is a public address"));
    EXPECT_THAT(problems("listeners: [{url: 'mqtt://0.0.0.0:1883', anonymous: true}]"), IsEmpty());
    EXPECT_THAT(problem("proxy_protocol: {trusted: ['::1']}\n"
                        "listeners: [{url: 'mqtt://127.0.0.1:1883', proxy_protocol: true}]"),
                HasSubstr("is reached through a proxy: give 'auth'"))
        << "who comes through it may be anybody";
}

TEST(Problems, ListenersAsMaps) {
    const auto of = [](const std::string& map) { return problem("listeners:\n  - {" + map + "}\n"); };
    EXPECT_EQ(of("anonymous: true"), "2:5: a listener needs 'url'");
    EXPECT_EQ(of("url: 'mqtt://[::1]:1', protocol: [5.0]"),
              "2:29: unknown key 'protocol' (did you mean 'protocols'?)");
    EXPECT_EQ(of("url: 'mqtt://[::1]:1', protocols: [4]"),
              "2:41: 'protocols': expected 3.1, 3.1.1 or 5.0, found '4'");
    EXPECT_EQ(of("url: 'mqtt://[::1]:1', anonymous: true, proxy_protocol: true"),
              "2:46: 'proxy_protocol' needs addresses in 'proxy_protocol.trusted'");
    EXPECT_EQ(of("url: 'mqtt://[::1]:1', mode: 0600"), "2:29: only a Unix socket has a mode");
    for (const char* mode : {"0888", "66", "01666", "rw"})
        EXPECT_THAT(of("url: 'mqtt+unix:///run/m', mode: " + std::string(mode)),
                    HasSubstr("expected permissions in octal, such as 0660"));
    EXPECT_THAT(problems("listeners: ['mqtt+unix:///run/m', {url: 'http+unix:///run/m'}]"),
                ElementsAre("1:35: http+unix:///run/m takes the address of mqtt+unix:///run/m"));
}

TEST(Problems, TrustedProxies) {
    for (const char* text :
         {"", "10.0.0.0/33", "10.0.0/8", "::/129", "proxy.example.com", "10.0.0.1/", "1.2.3.4/8/8"})
        EXPECT_THAT(problem("proxy_protocol: {trusted: ['" + std::string(text) + "']}"),
                    HasSubstr("expected an address or a network such as 10.0.0.0/8, found"));
    EXPECT_THAT(problems("proxy_protocol: {trusted: [10.0.0.0/8, '::1', '2001:db8::/32', 192.0.2.1]}"),
                IsEmpty());
}

TEST(Problems, Credentials) {
    EXPECT_THAT(problems("auth: {jwt: {secret: short}}"),
                testing::Contains("1:22: 'secret': a secret for HS256 has at least 32 bytes (RFC 7518 3.2)"));
    EXPECT_THAT(problems("auth: {jwt: {jwks: a, public_key: b}}"),
                testing::Contains("1:8: 'auth.jwt' takes exactly one of 'secret', 'public_key' and 'jwks'"));
    EXPECT_THAT(problems("auth: {acl_file: ''}"),
                testing::Contains("1:18: 'acl_file': expected a file name"));
}

TEST(Problems, AllAtOnceInOrder) {
    EXPECT_THAT(
        problems("log: {level: loud}\n"
                 "listeners: [mqtt://0.0.0.0:1883, ftp://x:1]\n"
                 "channels:\n"
                 "  - match: a+\n"
                 "    sotre: true\n"
                 "  - history: lots\n"
                 "threads: 1\n"
                 "threads: 2\n"),
        ElementsAre(HasSubstr("1:14: 'level'"), HasSubstr("2:13: mqtt://0.0.0.0:1883 is a public address"),
                    HasSubstr("2:34: 'listeners'"), HasSubstr("4:12: 'match'"),
                    "5:5: unknown key 'sotre' (did you mean 'store'?)", "6:5: a rule needs 'match'",
                    HasSubstr("6:14: 'history'"), "8:1: key 'threads' is given twice"));
}

TEST(Problems, AreWrittenWithTheFilesName) {
    EXPECT_EQ(format("millrace.yaml", {12, 5, "unknown key 'x'"}), "millrace.yaml:12:5: unknown key 'x'");
    EXPECT_EQ(format("millrace.yaml", {0, 0, "cannot read"}), "millrace.yaml: cannot read");
}

TEST(Problems, WhomToTraceIsAPatternWithAStarAtItsEndOnly) {
    EXPECT_THAT(problems("log: {trace_clients: [a, 'b*', 'user:c', 'user:d*', '*']}"), IsEmpty());
    for (const char* pattern : {"''", "'a*b'", "'*a'", "'user:'"}) {
        EXPECT_THAT(problem("log: {trace_clients: [" + std::string(pattern) + "]}"),
                    HasSubstr("expected a client id or user:name"))
            << pattern;
    }
}

TEST(Problems, ScramSecretIsLong) {
    EXPECT_THAT(problems("auth: {scram_secret: " + std::string(32, 'x') + "}"), IsEmpty());
    EXPECT_THAT(problem("auth: {scram_secret: " + std::string(31, 'x') + "}"),
                HasSubstr("at least 32 bytes"));
}

}  // namespace
}  // namespace millrace::config
