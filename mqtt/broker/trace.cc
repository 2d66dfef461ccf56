#include "mqtt/broker/trace.h"

#include <algorithm>

namespace millrace::mqtt {
namespace {

constexpr std::string_view kUser = "user:";

bool fits(std::string_view pattern, std::string_view name) {
    if (!pattern.ends_with('*')) return pattern == name;
    pattern.remove_suffix(1);
    return name.starts_with(pattern);
}

}  // namespace

bool is_traced(const std::vector<std::string>& patterns, std::string_view client_id, std::string_view user) {
    return std::ranges::any_of(patterns, [&](std::string_view pattern) {
        if (!pattern.starts_with(kUser)) return fits(pattern, client_id);
        return !user.empty() && fits(pattern.substr(kUser.size()), user);
    });
}

}  // namespace millrace::mqtt
