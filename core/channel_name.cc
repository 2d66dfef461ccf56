#include "core/channel_name.h"

#include "core/utf8.h"

namespace millrace {

bool is_channel_name(std::string_view name) {
    constexpr std::size_t kBytesMax = 65'535;
    constexpr std::string_view kForbidden{"\0+#", 3};
    return !name.empty() && name.size() <= kBytesMax &&
           name.find_first_of(kForbidden) == std::string_view::npos && is_utf8(name);
}

}  // namespace millrace
