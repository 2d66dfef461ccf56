#include "core/access/filters.h"

#include <iterator>

#include "core/topic_match.h"

namespace millrace::access {
namespace {

constexpr std::default_sentinel_t kEnd;

bool is_wildcard(std::string_view level) {
    return level == "#" || level == "+";
}

/// [MQTT-4.7.2-1]
bool first_levels_part(std::string_view wildcard, std::string_view other) {
    return is_wildcard(wildcard) && is_reserved(other);
}

}  // namespace

bool filters_overlap(std::string_view a, std::string_view b) {
    auto left = TopicLevels(a).begin();
    auto right = TopicLevels(b).begin();
    if (first_levels_part(*left, *right) || first_levels_part(*right, *left)) return false;
    for (;; ++left, ++right) {
        if ((left != kEnd && *left == "#") || (right != kEnd && *right == "#")) return true;
        if (left == kEnd || right == kEnd) return left == kEnd && right == kEnd;
        if (*left != "+" && *right != "+" && *left != *right) return false;
    }
}

bool filter_covers(std::string_view whole, std::string_view part) {
    if (part == "#") return whole == "#" || whole == "+/#";
    auto outer = TopicLevels(whole).begin();
    auto inner = TopicLevels(part).begin();
    if (first_levels_part(*outer, *inner)) return false;
    for (;; ++outer, ++inner) {
        if (outer != kEnd && *outer == "#") return true;
        if (outer == kEnd || inner == kEnd) return outer == kEnd && inner == kEnd;
        if (*inner == "#") return false;
        if (*outer != "+" && *outer != *inner) return false;
    }
}

std::string_view without_share(std::string_view filter) {
    constexpr std::string_view kShare = "$share/";
    if (!filter.starts_with(kShare)) return filter;
    const std::size_t slash = filter.find('/', kShare.size());
    return slash == std::string_view::npos ? filter : filter.substr(slash + 1);
}

}  // namespace millrace::access
