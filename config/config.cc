#include "config/config.h"

#include <algorithm>
#include <thread>

#include "config/values.h"

namespace millrace::config {

bool Listener::is_loopback() const {
    if (proxy_protocol) return false;
    return is_unix() || host == "localhost" || host == "::1" || (is_ipv4(host) && host.starts_with("127."));
}

std::string Listener::url() const {
    if (is_unix()) return std::string(name_of(scheme)) + "+unix://" + path;
    const bool bracketed = host.find(':') != std::string::npos;
    std::string text(name_of(scheme));
    text += bracketed ? "://[" : "://";
    text += host;
    text += bracketed ? "]:" : ":";
    return text + std::to_string(port);
}

bool Config::asks_hooks() const {
    return std::ranges::any_of(channels, [](const ChannelRule& rule) { return rule.hooks.any(); });
}

unsigned Config::resolved_threads() const {
    return threads == 0 ? std::max(1U, std::thread::hardware_concurrency()) : threads;
}

bool Config::allows_anonymous() const {
    return auth.anonymous.value_or(std::ranges::all_of(listeners, &Listener::is_loopback));
}

}  // namespace millrace::config
