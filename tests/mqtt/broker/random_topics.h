// Topic names and filters from a small vocabulary, so that they often meet.
#pragma once

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>

namespace millrace::mqtt::testing {

/// The same sequence for the same seed. Belongs to one test.
class RandomTopics {
  public:
    explicit RandomTopics(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
    }
    bool one_in(std::size_t count) { return below(count) == 0; }

    std::string name() {
        std::string topic(first_level());
        for (std::size_t more = below(4); more != 0; --more) topic.append("/").append(level());
        return topic.empty() ? "/" : topic;
    }

    std::string filter() {
        std::string filter(one_in(4) ? "+" : first_level());
        for (std::size_t more = below(4); more != 0; --more)
            filter.append("/").append(one_in(3) ? "+" : level());
        if (one_in(12)) return "#";
        if (one_in(3)) filter += "/#";
        return filter.empty() ? "/" : filter;
    }

  private:
    std::string_view level() {
        constexpr std::array<std::string_view, 6> kLevels{"a", "b", "ab", "a!", "", "$x"};
        return kLevels[below(kLevels.size())];
    }
    std::string_view first_level() { return one_in(6) ? "$SYS" : level(); }

    std::mt19937 random_;
};

}  // namespace millrace::mqtt::testing
