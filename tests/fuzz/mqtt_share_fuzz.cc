// $share: the broker and the authoriser take the same filter out of it as a reader of the specification does,
// and filters that cover or overlap each other do so for names, too. The input is two filters and a name, on
// a line each; the first stands behind `$share/`.
#include <algorithm>
#include <array>
#include <string>

#include "core/access/filters.h"
#include "core/channel_name.h"
#include "mqtt/codec/topic.h"
#include "tests/fuzz/check.h"

using namespace millrace;
using fuzz::check;

namespace {

/// [MQTT-4.8.2-1], [MQTT-4.8.2-2] word by word.
bool naive_is_share(std::string_view behind_prefix) {
    const std::size_t slash = behind_prefix.find('/');
    if (slash == 0 || slash == std::string_view::npos) return false;
    for (const char c : behind_prefix.substr(0, slash)) {
        if (c == '+' || c == '#') return false;
    }
    return is_channel_filter(behind_prefix.substr(slash + 1));
}

void check_share(const std::string& tail) {
    const std::string shared = "$share/" + tail;
    const bool legal = mqtt::check_topic_filter(shared) == mqtt::TopicFault::none;
    check(legal == (naive_is_share(tail) && is_channel_filter(tail.substr(tail.find('/') + 1)) &&
                    mqtt::check_topic_filter(tail.substr(0, tail.find('/'))) == mqtt::TopicFault::none));
    if (!legal) return;
    const auto parts = mqtt::parse_shared(shared);
    check(parts.has_value() && access::without_share(shared) == parts->filter);
    check("$share/" + std::string(parts->group) + "/" + std::string(parts->filter) == shared);
    check(!mqtt::parse_shared(tail) || tail.starts_with("$share/"));
}

void check_pair(std::string_view whole, std::string_view part, std::string_view name) {
    const bool in_whole = topic_matches(whole, name);
    const bool in_part = topic_matches(part, name);
    const bool overlap = access::filters_overlap(whole, part);
    check(overlap == access::filters_overlap(part, whole));
    if (in_whole && in_part) check(overlap);
    if (access::filter_covers(whole, part) && in_part) check(in_whole);
}

/// Names that a filter matches, so that the name need not be guessed.
std::string name_for(std::string_view filter, std::string_view level) {
    std::string name;
    for (const char c : filter) {
        if (c == '+' || c == '#') {
            name += level;
        } else {
            name += c;
        }
    }
    return name;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t first = input.find('\n');
    if (first == std::string_view::npos || size > 60'000) return 0;
    const std::size_t second = std::min(input.find('\n', first + 1), size);
    const std::string_view a = input.substr(0, first);
    const std::string_view b = input.substr(first + 1, second - first - 1);
    check_share(std::string(a));
    if (!is_channel_filter(a) || !is_channel_filter(b)) return 0;
    if (const std::string_view name = input.substr(std::min(second + 1, size)); is_channel_name(name))
        check_pair(a, b, name);
    for (const std::string_view level : {"x", "x/y", "$x", ""}) {
        for (const std::string& name : {name_for(a, level), name_for(b, level)}) {
            if (is_channel_name(name)) check_pair(a, b, name);
        }
    }
    return 0;
}
