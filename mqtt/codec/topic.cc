#include "mqtt/codec/topic.h"

#include <algorithm>
#include <limits>

#include "core/number.h"
#include "mqtt/codec/utf8.h"
#include "mqtt/codec/wire.h"

namespace millrace::mqtt {
namespace {

constexpr std::string_view kSharePrefix = "$share/";
constexpr std::string_view kReplayPrefix = "$replay/";

/// What names and filters have in common.
TopicFault check_text(std::string_view topic, TopicLimits limits) {
    if (topic.empty()) return TopicFault::empty;  // [MQTT-4.7.3-1]
    if (topic.size() > std::min(limits.max_bytes, kMaxTextBytes))
        return TopicFault::too_long;                         // [MQTT-4.7.3-3]
    if (!is_valid_utf8(topic)) return TopicFault::not_utf8;  // [MQTT-1.5.4-1], [MQTT-4.7.3-2]
    if (topic.size() >= limits.max_levels &&
        static_cast<std::size_t>(std::count(topic.begin(), topic.end(), '/')) >= limits.max_levels) {
        return TopicFault::too_many_levels;
    }
    return TopicFault::none;
}

/// [MQTT-4.7.1-1], [MQTT-4.7.1-2]: a wildcard fills its level, and # is the last one.
bool wildcards_well_placed(std::string_view filter) {
    const TopicLevels levels(filter);
    for (auto level = levels.begin(); level != levels.end(); ++level) {
        if (*level == "#") return level.last();
        if (*level != "+" && has_wildcard(*level)) return false;
    }
    return true;
}

}  // namespace

const char* to_string(TopicFault fault) {
    switch (fault) {
        case TopicFault::none:
            return "legal";
        case TopicFault::empty:
            return "a topic needs at least one character";
        case TopicFault::too_long:
            return "the topic is longer than allowed";
        case TopicFault::too_many_levels:
            return "the topic has more levels than allowed";
        case TopicFault::not_utf8:
            return "the topic is not valid UTF-8";
        case TopicFault::wildcard_in_name:
            return "a topic name must not contain + or #";
        case TopicFault::misplaced_wildcard:
            return "a wildcard must fill a level, and # must be the last";
        case TopicFault::bad_share:
            return "a shared subscription is $share/<group>/<filter>";
    }
    return "unknown";
}

bool has_wildcard(std::string_view filter) {
    return filter.find('+') != std::string_view::npos || filter.find('#') != std::string_view::npos;
}

TopicFault check_topic_name(std::string_view name, TopicLimits limits) {
    if (const TopicFault fault = check_text(name, limits); fault != TopicFault::none) return fault;
    return has_wildcard(name) ? TopicFault::wildcard_in_name : TopicFault::none;
}

TopicFault check_topic_filter(std::string_view filter, TopicLimits limits) {
    if (const TopicFault fault = check_text(filter, limits); fault != TopicFault::none) return fault;
    if (filter.starts_with(kSharePrefix)) {
        const std::optional<SharedFilter> shared = parse_shared(filter);
        if (!shared) return TopicFault::bad_share;
        filter = shared->filter;
    }
    return wildcards_well_placed(filter) ? TopicFault::none : TopicFault::misplaced_wildcard;
}

std::string_view literal_beginning(std::string_view filter) {
    const std::size_t wildcard = filter.find_first_of("+#");
    // "a/b/#" also matches "a/b": the slash before the wildcard is not part of it.
    return filter.substr(0, wildcard == 0 ? 0 : wildcard - 1);
}

bool names_replay(std::string_view filter) {
    if (const auto shared = parse_shared(filter)) filter = shared->filter;
    return filter.starts_with(kReplayPrefix);
}

std::optional<ReplayFilter> parse_replay(std::string_view filter) {
    if (!filter.starts_with(kReplayPrefix)) return std::nullopt;
    filter.remove_prefix(kReplayPrefix.size());
    const std::size_t slash = filter.find('/');
    if (slash == std::string_view::npos || slash + 1 == filter.size()) return std::nullopt;
    const std::uint64_t newest = parse_number(filter.substr(0, slash)).value_or(0);
    filter.remove_prefix(slash + 1);
    if (newest == 0 || newest > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    if (filter.starts_with(kSharePrefix) || filter.starts_with(kReplayPrefix)) return std::nullopt;
    return ReplayFilter{static_cast<std::uint32_t>(newest), filter};
}

std::optional<SharedFilter> parse_shared(std::string_view filter) {
    if (!filter.starts_with(kSharePrefix)) return std::nullopt;
    filter.remove_prefix(kSharePrefix.size());
    const std::size_t slash = filter.find('/');
    const std::string_view group = filter.substr(0, slash);
    if (group.empty()) return std::nullopt;  // [MQTT-4.8.2-1]
    // [MQTT-4.8.2-2]: no wildcard in the group, and a slash and a filter follow it.
    if (slash == std::string_view::npos || slash + 1 == filter.size()) return std::nullopt;
    if (has_wildcard(group)) return std::nullopt;
    return SharedFilter{group, filter.substr(slash + 1)};
}

}  // namespace millrace::mqtt
