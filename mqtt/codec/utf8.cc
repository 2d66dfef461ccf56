#include "mqtt/codec/utf8.h"

#include "core/utf8.h"

namespace millrace::mqtt {

bool is_valid_utf8(std::string_view text) {
    return is_utf8(text) && text.find('\0') == std::string_view::npos;
}

}  // namespace millrace::mqtt
