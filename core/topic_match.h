// The levels of topic names and filters, and whether they match (MQTT 5.0, 4.7): for every door and every
// rule.
#pragma once

#include <iterator>
#include <string_view>

namespace millrace {

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

/// Both legal, the filter without its `$share/<group>/`.
bool topic_matches(std::string_view filter, std::string_view name);

}  // namespace millrace
