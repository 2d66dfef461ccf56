// Topic names and topic filters (4.7, 4.8.2): are they legal, do they match, what are their levels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

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

/// Both legal, the filter without its `$share/<group>/`.
bool topic_matches(std::string_view filter, std::string_view name);

bool has_wildcard(std::string_view filter);

/// Whether wildcards in the first level of a filter do not match it [MQTT-4.7.2-1].
inline bool is_reserved(std::string_view name) {
    return !name.empty() && name.front() == '$';
}

/// `for (std::string_view level : TopicLevels("a//b"))`: "a", "", "b". There is always at least one.
class TopicLevels {
  public:
    class Iterator {
      public:
        explicit Iterator(std::string_view topic) : rest_(topic) { cut(); }
        std::string_view operator*() const { return level_; }
        Iterator& operator++() {
            if (last_) {
                done_ = true;
            } else {
                rest_.remove_prefix(level_.size() + 1);
                cut();
            }
            return *this;
        }
        /// Whether the level it stands on is the topic's last.
        bool last() const { return last_; }
        bool operator==(std::default_sentinel_t) const { return done_; }

      private:
        void cut() {
            const std::size_t slash = rest_.find('/');
            last_ = slash == std::string_view::npos;
            level_ = rest_.substr(0, slash);
        }

        std::string_view rest_;
        std::string_view level_;
        bool last_ = false;
        bool done_ = false;
    };

    explicit TopicLevels(std::string_view topic) : topic_(topic) {}
    Iterator begin() const { return Iterator(topic_); }
    static std::default_sentinel_t end() { return {}; }

  private:
    std::string_view topic_;
};

}  // namespace millrace::mqtt
