#include "core/topic_match.h"

namespace millrace {

bool topic_matches(std::string_view filter, std::string_view name) {
    if (filter == name) return true;  // no wildcard stands in a name
    // [MQTT-4.7.2-1]
    if (is_reserved(name) && (filter.starts_with('+') || filter.starts_with('#'))) return false;
    const TopicLevels wanted_levels(filter);
    auto level = TopicLevels(name).begin();
    for (auto wanted = wanted_levels.begin(); wanted != wanted_levels.end(); ++wanted) {
        if (*wanted == "#") return true;
        if (level == std::default_sentinel) return false;
        if (*wanted != "+" && *wanted != *level) return false;
        ++level;
    }
    return level == std::default_sentinel;
}

}  // namespace millrace
