// Topic checks and matching, compared with a recursive matcher. The input is filter, line feed, name.
#include <string_view>

#include "mqtt/codec/topic.h"
#include "mqtt/codec/utf8.h"
#include "tests/fuzz/check.h"

using namespace millrace::mqtt;
using millrace::fuzz::check;

namespace {

bool levels_match(std::string_view filter, std::string_view name) {
    if (filter == "#") return true;
    const std::size_t filter_end = filter.find('/');
    const std::size_t name_end = name.find('/');
    const std::string_view level = filter.substr(0, filter_end);
    if (level != "+" && level != name.substr(0, name_end)) return false;
    if (filter_end == std::string_view::npos) return name_end == std::string_view::npos;
    const std::string_view rest = filter.substr(filter_end + 1);
    if (name_end == std::string_view::npos) return rest == "#";
    return levels_match(rest, name.substr(name_end + 1));
}

bool naive_matches(std::string_view filter, std::string_view name) {
    return !(name.front() == '$' && (filter.front() == '+' || filter.front() == '#')) &&
           levels_match(filter, name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = input.find('\n');
    if (cut == std::string_view::npos) return 0;
    std::string_view filter = input.substr(0, cut);
    const std::string_view name = input.substr(cut + 1);
    const bool legal_name = check_topic_name(name) == TopicFault::none;
    if (legal_name) {
        check(is_valid_utf8(name) && !has_wildcard(name));
        check(check_topic_filter(name) == TopicFault::none || name.starts_with("$share/"));
    }
    if (check_topic_filter(filter) != TopicFault::none) return 0;
    if (const auto shared = parse_shared(filter)) {
        check(!shared->group.empty() && !shared->filter.empty());
        filter = shared->filter;
    }
    if (legal_name) check(millrace::topic_matches(filter, name) == naive_matches(filter, name));
    return 0;
}
