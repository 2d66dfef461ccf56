#include "http/origin.h"

#include <algorithm>
#include <cctype>

namespace millrace::http {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::string_view without_port(std::string_view host) {
    const std::size_t bracket = host.rfind(']');
    const std::size_t colon = host.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    return has_port ? host.substr(0, colon) : host;
}

bool is_dotted_quad(std::string_view host) {
    return std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

bool is_loopback_host(std::string_view host) {
    return host == "localhost" || host.ends_with(".localhost") || host == "[::1]" ||
           (host.starts_with("127.") && is_dotted_quad(host));
}

}  // namespace

bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& allowed) {
    const std::string asked = lower(origin);
    if (std::ranges::find(allowed, asked) != allowed.end()) return true;
    const std::size_t scheme = asked.find("://");
    if (scheme == std::string::npos) return false;
    const std::string_view authority = std::string_view(asked).substr(scheme + 3);
    // The scheme is not compared: TLS may end at a proxy in front of us.
    if (authority == lower(host)) return true;
    return allowed.empty() && is_loopback_host(without_port(authority));
}

}  // namespace millrace::http
