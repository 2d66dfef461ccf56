#include "core/channel_name.h"

#include "core/utf8.h"

namespace millrace {

bool is_channel_name(std::string_view name) {
    constexpr std::size_t kBytesMax = 65'535;
    constexpr std::string_view kForbidden{"\0+#", 3};
    return !name.empty() && name.size() <= kBytesMax &&
           name.find_first_of(kForbidden) == std::string_view::npos && is_utf8(name);
}

bool is_channel_filter(std::string_view filter) {
    if (filter.empty() || filter.size() > 65'535 || filter.find('\0') != std::string_view::npos) return false;
    if (!is_utf8(filter)) return false;
    for (std::size_t i = 0; i < filter.size(); ++i) {
        if (filter[i] != '+' && filter[i] != '#') continue;
        const bool opens = i == 0 || filter[i - 1] == '/';
        const bool ends = i + 1 == filter.size() || (filter[i] == '+' && filter[i + 1] == '/');
        if (!opens || !ends) return false;
    }
    return true;
}

}  // namespace millrace
