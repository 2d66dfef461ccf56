#include "core/time_text.h"

#include <chrono>

namespace millrace {
namespace {

using std::chrono::microseconds;

/// Takes its pieces off the front of a text.
class Pieces {
  public:
    explicit Pieces(std::string_view text) : left_(text) {}

    bool failed() const { return failed_; }
    bool done() const { return left_.empty(); }
    /// That many digits, of a number of at most `most`.
    unsigned number(std::size_t digits, unsigned most) {
        unsigned value = 0;
        for (std::size_t i = 0; i < digits; ++i) value = value * 10 + digit();
        failed_ = failed_ || value > most;
        return value;
    }
    /// One of these characters; NUL: none of them.
    char any_of(std::string_view characters) {
        if (left_.empty() || characters.find(left_.front()) == std::string_view::npos) return '\0';
        const char found = left_.front();
        left_.remove_prefix(1);
        return found;
    }
    void expect(std::string_view characters) { failed_ = any_of(characters) == '\0' || failed_; }
    /// Digits behind a decimal point; those beyond the sixth are dropped.
    microseconds fraction() {
        std::int64_t value = 0;
        std::int64_t unit = 100'000;
        do {
            value += digit() * unit;
            unit /= 10;
        } while (!failed_ && !left_.empty() && left_.front() >= '0' && left_.front() <= '9');
        return microseconds(value);
    }

  private:
    unsigned digit() {
        const char next = any_of("0123456789");
        failed_ = failed_ || next == '\0';
        return failed_ ? 0 : static_cast<unsigned>(next - '0');
    }

    std::string_view left_;
    bool failed_ = false;
};

/// From UTC.
std::chrono::minutes offset_of(Pieces& pieces) {
    const char sign = pieces.any_of("+-");
    if (sign == '\0') {
        pieces.expect("Zz");
        return {};
    }
    const std::chrono::hours hours(pieces.number(2, 23));
    pieces.expect(":");
    const std::chrono::minutes offset = hours + std::chrono::minutes(pieces.number(2, 59));
    return sign == '-' ? -offset : offset;
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
    using namespace std::chrono;
    Pieces pieces(text);
    const year year_of(static_cast<int>(pieces.number(4, 9999)));
    pieces.expect("-");
    const month month_of(pieces.number(2, 12));
    pieces.expect("-");
    const day day_of(pieces.number(2, 31));
    pieces.expect("Tt ");
    microseconds time = hours(pieces.number(2, 23));
    pieces.expect(":");
    time += minutes(pieces.number(2, 59));
    pieces.expect(":");
    time += seconds(pieces.number(2, 60));
    if (pieces.any_of(".") != '\0') time += pieces.fraction();
    const minutes offset = offset_of(pieces);
    const year_month_day date(year_of, month_of, day_of);
    if (pieces.failed() || !pieces.done() || !date.ok()) return std::nullopt;
    return (sys_days(date).time_since_epoch() + time - offset) / microseconds(1);
}

}  // namespace millrace
