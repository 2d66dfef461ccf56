// Topic names and topic filters (4.7, 4.8.2): are they legal, do they match, what are their levels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/topic_match.h"

namespace millrace::mqtt {

struct TopicLimits {
    std::size_t max_bytes = 65'535;
    std::size_t max_levels = 65'535;
};

enum class TopicFault : std::uint8_t {
    none,
    empty,
    too_long,
    too_many_levels,
    not_utf8,
    wildcard_in_name,
    misplaced_wildcard,
    bad_share,
};
const char* to_string(TopicFault fault);

/// Of a name to publish to. For every door, so UTF-8 is checked here too.
TopicFault check_topic_name(std::string_view name, TopicLimits limits = {});
/// Of a filter to subscribe with, `$share/<group>/<filter>` included.
TopicFault check_topic_filter(std::string_view filter, TopicLimits limits = {});

struct SharedFilter {
    std::string_view group;
    std::string_view filter;
};
/// The parts of a legal `$share/<group>/<filter>`; nothing for an ordinary filter.
std::optional<SharedFilter> parse_shared(std::string_view filter);

struct ReplayFilter {
    std::uint32_t newest = 0;  ///< how many of the newest messages come first, at least 1
    std::string_view filter;
};
/// Whether it is, or shares, a `$replay/…`: a legal filter for MQTT, and with us a subscription with history.
bool names_replay(std::string_view filter);
/// The parts of a `$replay/<n>/<filter>` whose filter is an ordinary one; nothing for anything else.
std::optional<ReplayFilter> parse_replay(std::string_view filter);

bool has_wildcard(std::string_view filter);
/// What all topics begin with that a filter with a wildcard matches.
std::string_view literal_beginning(std::string_view filter);

}  // namespace millrace::mqtt
