// What may be the name of a channel.
#pragma once

#include <string_view>

namespace millrace {

/// 1 to 65535 bytes of UTF-8 without U+0000, '+' and '#': a topic name one can publish to [MQTT-4.7.1-1],
/// [MQTT-4.7.3-1..3].
bool is_channel_name(std::string_view name);

/// Whether it can only be a filter: '+' and '#' stand in no name.
inline bool has_wildcard(std::string_view name) {
    return name.find('+') != std::string_view::npos || name.find('#') != std::string_view::npos;
}
/// A legal MQTT filter, with wildcards or without [MQTT-4.7.1-2], [MQTT-4.7.1-3].
bool is_channel_filter(std::string_view filter);

}  // namespace millrace
