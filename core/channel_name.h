// What may be the name of a channel.
#pragma once

#include <string_view>

namespace millrace {

/// 1 to 65535 bytes of UTF-8 without U+0000, '+' and '#': a topic name one can publish to [MQTT-4.7.1-1],
/// [MQTT-4.7.3-1..3].
bool is_channel_name(std::string_view name);

}  // namespace millrace
