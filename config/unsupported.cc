#include <array>

#include "config/checks.h"
#include "config/values.h"

namespace millrace::config {
namespace {

struct Unsupported {
    std::string_view key;  // a path, or the scheme of a listener
    std::string_view message;
};

// The whole list: a key leaves it with the change that makes the server act on it.
constexpr std::array kUnsupported{
    Unsupported{"mqtts://", "mqtts:// needs TLS, which this version does not offer yet"},
    Unsupported{"https://", "https:// needs TLS, which this version does not offer yet"},
    Unsupported{"tls", "'tls' is not offered by this version yet"},
    Unsupported{"auth.jwt", "'auth.jwt': tokens are not offered by this version yet"},
    Unsupported{"auth.password_file", "'auth.password_file': passwords are not offered by this version yet"},
    Unsupported{"auth.acl_file", "'auth.acl_file': access control lists are not offered by this version yet"},
};

}  // namespace

void refuse_unsupported(const Config& config, const GivenKeys& given, std::vector<Problem>& problems) {
    for (const auto& [key, message] : kUnsupported) {
        const std::string path(key);
        if (given.contains(path)) {
            const Position at = given.position(path);
            problems.push_back({at.line, at.column, std::string(message)});
        }
        for (const Listener& listener : config.listeners)
            if (path == std::string(name_of(listener.scheme)) + "://")
                problems.push_back({listener.line, listener.column, std::string(message)});
    }
}

}  // namespace millrace::config
