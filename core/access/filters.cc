#include "core/access/filters.h"

namespace millrace::access {
namespace {

/// The levels of a filter or name, one after another.
class Levels {
  public:
    explicit Levels(std::string_view text) : rest_(text) { cut(); }

    bool ended() const { return ended_; }
    bool last() const { return last_; }
    std::string_view level() const { return level_; }
    bool is_hash() const { return !ended_ && level_ == "#"; }
    bool is_plus() const { return !ended_ && level_ == "+"; }
    bool is_wildcard() const { return is_hash() || is_plus(); }
    bool is_reserved() const { return !ended_ && level_.starts_with('$'); }
    void next() {
        if (last_) {
            ended_ = true;
            return;
        }
        rest_.remove_prefix(level_.size() + 1);
        cut();
    }

  private:
    void cut() {
        const std::size_t slash = rest_.find('/');
        last_ = slash == std::string_view::npos;
        level_ = rest_.substr(0, slash);
    }

    std::string_view rest_;
    std::string_view level_;
    bool last_ = false;
    bool ended_ = false;
};

}  // namespace

bool filter_matches(std::string_view filter, std::string_view name) {
    Levels wanted(filter);
    Levels given(name);
    if (wanted.is_wildcard() && given.is_reserved()) return false;
    for (;; wanted.next(), given.next()) {
        if (wanted.is_hash()) return true;  // its parent level included [MQTT-4.7.1-2]
        if (wanted.ended() || given.ended()) return wanted.ended() && given.ended();
        if (!wanted.is_plus() && wanted.level() != given.level()) return false;
    }
}

bool filters_overlap(std::string_view a, std::string_view b) {
    Levels left(a);
    Levels right(b);
    if (left.is_wildcard() ? right.is_reserved() : right.is_wildcard() && left.is_reserved()) return false;
    for (;; left.next(), right.next()) {
        if (left.is_hash() || right.is_hash()) return true;
        if (left.ended() || right.ended()) return left.ended() && right.ended();
        if (!left.is_plus() && !right.is_plus() && left.level() != right.level()) return false;
    }
}

bool filter_covers(std::string_view whole, std::string_view part) {
    if (part == "#") return whole == "#" || whole == "+/#";
    Levels outer(whole);
    Levels inner(part);
    if (outer.is_wildcard() && inner.is_reserved()) return false;
    for (;; outer.next(), inner.next()) {
        if (outer.is_hash()) return true;
        if (outer.ended() || inner.ended()) return outer.ended() && inner.ended();
        if (inner.is_hash()) return false;
        if (!outer.is_plus() && outer.level() != inner.level()) return false;
    }
}

std::string_view without_share(std::string_view filter) {
    constexpr std::string_view kShare = "$share/";
    if (!filter.starts_with(kShare)) return filter;
    const std::size_t slash = filter.find('/', kShare.size());
    return slash == std::string_view::npos ? filter : filter.substr(slash + 1);
}

}  // namespace millrace::access
