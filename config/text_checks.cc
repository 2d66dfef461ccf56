#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>

#include "config/values.h"

namespace millrace::config {
namespace {

constexpr std::array<std::string_view, 4> kSchemeNames{"mqtt", "mqtts", "http", "https"};
constexpr std::size_t kLongestTopic = 65'535;  // [MQTT-4.7.3-3]
constexpr std::size_t kLongestHostName = 253;
constexpr std::size_t kLongestSocketPath = 107;  // sun_path, unix(7)
constexpr std::size_t kLongestRealtimeKey = 128;
constexpr std::size_t kShortestHs256Secret = 32;  // RFC 7518 3.2

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_alphanumeric(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_visible(char c) {
    return c > ' ' && c < '\x7f';
}

void make_lower(std::string& text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
}

// Cuts the first level off `rest`.
std::string_view next_level(std::string_view& rest, bool& more) {
    const auto slash = rest.find('/');
    const std::string_view level = rest.substr(0, slash);
    more = slash != std::string_view::npos;
    rest = more ? rest.substr(slash + 1) : std::string_view{};
    return level;
}

template <int Family, class Address>
bool canonical_address(std::string& host) {
    Address address{};
    if (inet_pton(Family, host.c_str(), &address) != 1) return false;
    std::array<char, INET6_ADDRSTRLEN> text{};
    host = inet_ntop(Family, &address, text.data(), text.size());
    return true;
}

bool is_host_name(std::string_view host) {
    if (host.empty() || host.size() > kLongestHostName || host.front() == '.' || host.front() == '-')
        return false;
    if (!std::ranges::all_of(host, [](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; }))
        return false;
    // A name whose last label is a number would be a mistyped IPv4 address.
    const std::string_view last = host.substr(host.rfind('.') + 1);
    return !std::ranges::all_of(last, is_digit);
}

std::string parse_host(std::string_view text, std::string& host) {
    const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
    host = bracketed ? text.substr(1, text.size() - 2) : text;
    if (bracketed) {
        if (canonical_address<AF_INET6, in6_addr>(host)) return {};
        return "'" + std::string(text) + "' is not an IPv6 address";
    }
    if (canonical_address<AF_INET, in_addr>(host)) return {};
    make_lower(host);
    if (is_host_name(host)) return {};
    if (host.find(':') != std::string::npos) return "an IPv6 address stands in brackets: mqtt://[::1]:1883";
    return "'" + std::string(text) + "' is neither an address nor a host name";
}

std::string parse_socket_path(std::string_view text, std::string& path) {
    if (!text.starts_with('/') || text.ends_with('/') || text.find('\0') != std::string_view::npos)
        return "a Unix socket has an absolute path: mqtt+unix:///run/millrace/mqtt.sock";
    if (text.size() > kLongestSocketPath) return "the path of a Unix socket has at most 107 bytes";
    path = text;
    return {};
}

bool parse_port(std::string_view text, std::uint16_t& port) {
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, port);
    return error == std::errc{} && rest == end;
}

}  // namespace

std::string_view name_of(Scheme scheme) {
    return kSchemeNames[static_cast<std::size_t>(scheme)];
}

bool is_ipv4(const std::string& host) {
    in_addr address{};
    return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

std::string parse_listener(std::string_view text, Listener& listener) {
    const auto separator = text.find("://");
    for (const Scheme local : {Scheme::mqtt, Scheme::http}) {
        const std::string prefix = std::string(name_of(local)) + "+unix://";
        if (!text.starts_with(prefix)) continue;
        listener.scheme = local;
        return parse_socket_path(text.substr(prefix.size()), listener.path);
    }
    const auto scheme = std::ranges::find(kSchemeNames, text.substr(0, separator));
    if (separator == std::string_view::npos || scheme == kSchemeNames.end())
        return "expected mqtt://, mqtts://, http:// or https:// with address and port, or mqtt+unix:// or "
               "http+unix:// with a path, found '" +
               std::string(text) + "'";
    listener.scheme = static_cast<Scheme>(scheme - kSchemeNames.begin());
    const std::string_view authority = text.substr(separator + 3);
    if (authority.find_first_of("/?#@") != std::string_view::npos)
        return "a listener is only scheme, address and port, found '" + std::string(text) + "'";
    const auto colon = authority.rfind(':');
    if (colon == std::string_view::npos || authority.ends_with(']'))
        return "the port is missing in '" + std::string(text) + "'";
    std::string wrong = parse_host(authority.substr(0, colon), listener.host);
    if (!wrong.empty()) return wrong;
    if (parse_port(authority.substr(colon + 1), listener.port)) return {};
    return "the port in '" + std::string(text) + "' is not a number from 0 to 65535";
}

// No message repeats the text: its query may hold a secret.
std::string parse_hook_url(std::string_view text, HookUrl& url) {
    url.secure = text.starts_with("https://");
    if (!url.secure && !text.starts_with("http://")) return "expected http:// or https:// with an address";
    if (!std::ranges::all_of(text, is_visible) || text.find('#') != std::string_view::npos)
        return "an address has neither blanks nor a fragment ('#')";
    std::string_view authority = text.substr(text.find("//") + 2);
    const std::string_view target =
        authority.substr(std::min(authority.find_first_of("/?"), authority.size()));
    authority.remove_suffix(target.size());
    if (authority.find('@') != std::string_view::npos) return "a user name has no place in the address";
    url.target = target.starts_with('/') ? "" : "/";
    url.target += target;
    url.port = url.secure ? 443 : 80;
    const auto colon = authority.ends_with(']') ? std::string_view::npos : authority.rfind(':');
    if (colon != std::string_view::npos) {
        if (!parse_port(authority.substr(colon + 1), url.port) || url.port == 0)
            return "the port is not a number from 1 to 65535";
        authority = authority.substr(0, colon);
    }
    return parse_host(authority, url.host);
}

std::string check_filter(std::string& text) {
    if (text.empty()) return "a filter has at least one character";  // [MQTT-4.7.3-1]
    if (text.size() > kLongestTopic) return "a filter has at most 65535 bytes";
    if (text.find('\0') != std::string::npos) return "a filter must not contain U+0000";  // [MQTT-4.7.3-2]
    if (text.starts_with("$share/")) return "'$share/' is for subscriptions; a rule matches channel names";
    std::string_view rest = text;
    for (bool more = true; more;) {
        const std::string_view level = next_level(rest, more);
        if (level.find('#') != std::string_view::npos && (level != "#" || more))  // [MQTT-4.7.1-1]
            return "in '" + text + "', '#' must be the last level and alone in it";
        if (level.find('+') != std::string_view::npos && level != "+")  // [MQTT-4.7.1-2]
            return "in '" + text + "', '+' must be alone in its level";
    }
    return {};
}

std::string check_match(std::string& text) {
    if (text == "*" || text.ends_with("/*")) text.back() = '#';
    if (text.find('*') == std::string::npos) return check_filter(text);
    return "in '" + text +
           "', '*' is no wildcard: write '+' for one whole level and '#' for all that follow; "
           "only at the end '*' may stand for '#'";
}

bool filter_covers(std::string_view wide, std::string_view narrow) {
    // A leading wildcard does not reach names that begin with '$' [MQTT-4.7.2-1].
    if (narrow.starts_with('$') && !wide.starts_with('$')) return false;
    for (bool wide_more = true, narrow_more = true;;) {
        const std::string_view level = next_level(wide, wide_more);
        if (level == "#") return true;
        const std::string_view other = next_level(narrow, narrow_more);
        if (other == "#" || (level != "+" && level != other)) return false;
        if (!narrow_more) return !wide_more || wide == "#";  // 'a/#' matches 'a' too
        if (!wide_more) return false;
    }
}

std::string check_store_url(std::string& text) {
    // The text may hold a password, so no message repeats it.
    if (text.starts_with("postgresql://") || text.starts_with("postgres://")) return {};
    if (!text.starts_with("sqlite:")) return "expected sqlite:FILE or postgresql://USER@HOST/DATABASE";
    if (text == "sqlite:") return "sqlite: needs a file name: sqlite:millrace-data/millrace.db";
    if (text.starts_with("sqlite://")) return "write sqlite:FILE, without '//'";
    return {};
}

std::string check_realtime_key(std::string& text) {
    const bool fits = std::ranges::all_of(
        text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'; });
    if (fits && !text.empty() && text.size() <= kLongestRealtimeKey && text != "." && text != "..") return {};
    return "must be 1 to 128 letters, digits, '-', '.', '_' or '~', found '" + text + "'";
}

std::string check_origin(std::string& text) {
    const std::string given = text;
    make_lower(text);
    const auto separator = text.find("://");
    const std::string_view scheme = std::string_view(text).substr(0, separator);
    if (separator == std::string::npos || scheme.empty() || !std::ranges::all_of(text, is_visible) ||
        text.size() == separator + 3 || text.find_first_of("/?#*", separator + 3) != std::string::npos)
        return "expected an origin such as https://app.example.com, without a path, found '" + given + "'";
    // Browsers leave the default port out of the Origin header (RFC 6454 6.2).
    const std::string_view port = scheme == "https" ? ":443" : scheme == "http" ? ":80" : "";
    if (!port.empty() && text.ends_with(port)) text.resize(text.size() - port.size());
    return {};
}

std::string check_api_key(std::string& text) {
    if (!text.empty() && std::ranges::all_of(text, is_visible)) return {};
    return "an API key is one or more visible ASCII characters without spaces";
}

std::string check_jwt_secret(std::string& text) {
    if (text.size() >= kShortestHs256Secret) return {};
    return "a secret for HS256 has at least 32 bytes (RFC 7518 3.2)";
}

std::string check_file_name(std::string& text) {
    if (!text.empty() && text.find('\0') == std::string::npos) return {};
    return "expected a file name";
}

std::string check_file_mode(std::string& text) {
    const bool octal = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; });
    if (octal && (text.size() == 3 || (text.size() == 4 && text.front() == '0'))) return {};
    return "expected permissions in octal, such as 0660, found '" + text + "'";
}

std::string check_mqtt_version(std::string& text) {
    if (text == "3.1" || text == "3.1.1" || text == "5.0") return {};
    if (text == "5") {
        text = "5.0";
        return {};
    }
    return "expected 3.1, 3.1.1 or 5.0, found '" + text + "'";
}

std::string check_network(std::string& text) {
    const auto slash = text.find('/');
    std::string host = text.substr(0, slash);
    const bool v4 = canonical_address<AF_INET, in_addr>(host);
    if (v4 || canonical_address<AF_INET6, in6_addr>(host)) {
        if (slash == std::string::npos) return {};
        unsigned prefix = 0;
        const char* const end = text.data() + text.size();
        const auto [rest, error] = std::from_chars(text.data() + slash + 1, end, prefix);
        if (error == std::errc{} && rest == end && prefix <= (v4 ? 32U : 128U)) return {};
    }
    return "expected an address or a network such as 10.0.0.0/8, found '" + text + "'";
}

std::string check_hook_url(std::string& text) {
    HookUrl url;
    return parse_hook_url(text, url);
}

std::string check_hook_secret(std::string& text) {
    if (text.size() >= kShortestHs256Secret) return {};
    return "a secret for HMAC-SHA-256 has at least 32 bytes";
}

std::string check_claim(std::string& text) {
    if (!text.empty()) return {};
    return "expected at least one character";
}

std::string check_scram_secret(std::string& text) {
    constexpr std::size_t kShortest = 32;
    if (text.size() >= kShortest) return {};
    return "a secret that nobody guesses has at least 32 bytes";
}

std::string check_trace_pattern(std::string& text) {
    const std::size_t star = text.find('*');
    const bool ends_in_star = star == std::string::npos || star + 1 == text.size();
    if (!text.empty() && text != "user:" && ends_in_star) return {};
    return "expected a client id or user:name, with a '*' at its end or none, found '" + text + "'";
}

}  // namespace millrace::config
