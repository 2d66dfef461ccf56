// MQTT filters compared with names and with each other, for the channel rules. All take valid filters and
// names.
#pragma once

#include <string_view>

namespace millrace::access {

/// Whether a topic name matches a filter. A wildcard in the first level does not match a name that begins
/// with
/// '$' [MQTT-4.7.2-1].
bool filter_matches(std::string_view filter, std::string_view name);

/// Whether some topic name matches both.
bool filters_overlap(std::string_view a, std::string_view b);

/// Whether every topic name that matches `part` matches `whole`.
bool filter_covers(std::string_view whole, std::string_view part);

/// What `$share/<group>/<filter>` subscribes to; any other filter is itself.
std::string_view without_share(std::string_view filter);

}  // namespace millrace::access
