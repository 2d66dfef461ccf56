// MQTT filters compared with each other, for the channel rules. All take valid filters.
#pragma once

#include <string_view>

namespace millrace::access {

/// Whether some topic name matches both.
bool filters_overlap(std::string_view a, std::string_view b);

/// Whether every topic name that matches `part` matches `whole`.
bool filter_covers(std::string_view whole, std::string_view part);

/// What `$share/<group>/<filter>` subscribes to; any other filter is itself.
std::string_view without_share(std::string_view filter);

}  // namespace millrace::access
