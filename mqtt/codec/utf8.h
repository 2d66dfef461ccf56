// UTF-8 as MQTT wants it.
#pragma once

#include <string_view>

namespace millrace::mqtt {

/// Well-formed UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF) [MQTT-1.5.4-1]
/// without U+0000 [MQTT-1.5.4-2].
bool is_valid_utf8(std::string_view text);

}  // namespace millrace::mqtt
