#include "config/values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <span>
#include <type_traits>

namespace millrace::config {
namespace {

struct Suffix {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array kCountSuffixes{Suffix{"", 1}};
constexpr std::array kByteSuffixes{Suffix{"", 1}, Suffix{"KiB", Limits::kKiB}, Suffix{"MiB", Limits::kMiB},
                                   Suffix{"GiB", Limits::kGiB}};
constexpr std::array kDurationSuffixes{Suffix{"ms", 1}, Suffix{"s", 1000}, Suffix{"m", 60'000},
                                       Suffix{"h", 3'600'000}, Suffix{"d", 86'400'000}};

std::span<const Suffix> suffixes(Unit unit) {
    switch (unit) {
        case Unit::bytes:
            return kByteSuffixes;
        case Unit::duration:
            return kDurationSuffixes;
        case Unit::count:
            break;
    }
    return kCountSuffixes;
}

std::string_view unit_name(Unit unit) {
    switch (unit) {
        case Unit::bytes:
            return "a size such as 4096, 64KiB, 1MiB or 1GiB";
        case Unit::duration:
            return "a duration such as 500ms, 10s, 5m, 2h or 30d";
        case Unit::count:
            break;
    }
    return "a whole number";
}

using Names = std::span<const std::string_view>;
constexpr std::array<std::string_view, 3> kWhoNames{"nobody", "authenticated", "anyone"};
constexpr std::array<std::string_view, 2> kAudienceNames{"anyone", "authenticated"};
constexpr std::array<std::string_view, 3> kClientCertificateNames{"none", "optional", "required"};
constexpr std::array<std::string_view, 2> kBadTokenNames{"strict", "anonymous"};
constexpr std::array<std::string_view, 5> kLogLevelNames{"trace", "debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 2> kBoolNames{"false", "true"};
Names names(Who) {
    return kWhoNames;
}
Names names(Audience) {
    return kAudienceNames;
}
Names names(ClientCertificate) {
    return kClientCertificateNames;
}
Names names(BadToken) {
    return kBadTokenNames;
}
Names names(LogLevel) {
    return kLogLevelNames;
}

std::string join(Names words, std::string_view last) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? last : ", ";
        text += words[i];
    }
    return text;
}

std::string quoted(std::string_view text) {
    return "'" + std::string(text) + "'";
}

std::string expected(std::string_view what, std::string_view found) {
    return "expected " + std::string(what) + ", found " + quoted(found);
}

// The number that `text` says in the unit's smallest step, nothing if it is no number. What does not fit
// saturates.
std::optional<std::uint64_t> parse_quantity(std::string_view text, Unit unit) {
    constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::invalid_argument) return std::nullopt;
    const std::string_view name(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
    const auto known = suffixes(unit);
    const auto suffix = std::ranges::find(known, name, &Suffix::name);
    if (suffix == known.end()) return std::nullopt;
    std::uint64_t value = 0;
    if (error != std::errc{} || __builtin_mul_overflow(number, suffix->factor, &value)) return kMax;
    return value;
}

std::string print_quantity(std::uint64_t value, const Constraint& constraint) {
    if (value == 0 && !constraint.zero.empty()) return std::string(constraint.zero);
    if (value == 0) return constraint.unit == Unit::duration ? "0s" : "0";
    const auto known = suffixes(constraint.unit);
    auto best = known.begin();
    for (auto it = known.begin(); it != known.end(); ++it)
        if (value % it->factor == 0) best = it;
    return std::to_string(value / best->factor) + std::string(best->name);
}

std::string quantity(const Constraint& constraint, const std::string& text, std::uint64_t& value) {
    value = 0;
    if (!constraint.zero.empty() && text == constraint.zero) return {};
    const auto parsed = parse_quantity(text, constraint.unit);
    if (!parsed) {
        std::string what(unit_name(constraint.unit));
        if (!constraint.zero.empty()) what += " or " + quoted(constraint.zero);
        return expected(what, text);
    }
    value = *parsed;
    if (value >= constraint.min && value <= constraint.max) return {};
    return "must be between " + print_quantity(constraint.min, constraint) + " and " +
           print_quantity(constraint.max, constraint) + ", found " + quoted(text);
}

std::string set(bool& field, const Constraint&, std::string& text) {
    const auto found = std::ranges::find(kBoolNames, text);
    if (found == kBoolNames.end()) return expected("true or false", text);
    field = text == "true";
    return {};
}

std::string set(std::optional<bool>& field, const Constraint& constraint, std::string& text) {
    bool value = false;
    std::string wrong = set(value, constraint, text);
    if (wrong.empty()) field = value;
    return wrong;
}

template <class Number>
requires std::is_integral_v<Number> std::string set(Number& field, const Constraint& constraint,
                                                    std::string& text) {
    std::uint64_t value = 0;
    std::string wrong = quantity(constraint, text, value);
    if (wrong.empty()) field = static_cast<Number>(value);
    return wrong;
}

std::string set(milliseconds& field, const Constraint& constraint, std::string& text) {
    std::uint64_t value = 0;
    std::string wrong = quantity(constraint, text, value);
    if (wrong.empty()) field = milliseconds(static_cast<milliseconds::rep>(value));
    return wrong;
}

template <class Enum>
requires std::is_enum_v<Enum> std::string set(Enum& field, const Constraint&, std::string& text) {
    const Names words = names(field);
    const auto found = std::ranges::find(words, text);
    if (found == words.end()) return expected(join(words, " or "), text);
    field = static_cast<Enum>(found - words.begin());
    return {};
}

std::string set(std::string& field, const Constraint& constraint, std::string& text) {
    std::string wrong = constraint.check(text);
    if (wrong.empty()) field = std::move(text);
    return wrong;
}

std::string set(std::vector<std::string>& field, const Constraint& constraint, std::string& text) {
    std::string value;
    std::string wrong = set(value, constraint, text);
    if (wrong.empty()) field.push_back(std::move(value));
    return wrong;
}

std::string set(Listener& field, const Constraint&, std::string& text) {
    return parse_listener(text, field);
}

std::string set(std::vector<Listener>& field, const Constraint&, std::string& text) {
    Listener listener;
    std::string wrong = parse_listener(text, listener);
    if (wrong.empty()) field.push_back(std::move(listener));
    return wrong;
}

std::string show(bool value, const Constraint&) {
    return value ? "true" : "false";
}
std::string show(const std::optional<bool>& value, const Constraint& c) {
    return show(value.value_or(false), c);
}

template <class Number>
requires std::is_integral_v<Number> std::string show(Number value, const Constraint& constraint) {
    return print_quantity(value, constraint);
}

std::string show(milliseconds value, const Constraint& constraint) {
    return print_quantity(static_cast<std::uint64_t>(value.count()), constraint);
}

template <class Enum>
requires std::is_enum_v<Enum> std::string show(Enum value, const Constraint&) {
    return std::string(names(value)[static_cast<std::size_t>(value)]);
}

std::string show(const std::string& value, const Constraint&) {
    const bool plain = std::ranges::all_of(value, [](unsigned char c) { return std::isalnum(c) || c > ','; });
    return plain && !value.empty() ? value : quoted(value);
}

std::string show(const Listener& listener, const Constraint&) {
    return listener.url();
}

template <class Element>
std::string show(const std::vector<Element>& list, const Constraint& constraint) {
    std::string text = "[";
    for (const Element& element : list) {
        if (text.size() > 1) text += ", ";
        text += show(element, constraint);
    }
    return text + "]";
}

std::string range(const Constraint& constraint, std::string_view noun) {
    Constraint bare = constraint;
    bare.zero = {};
    std::string text = std::string(noun) + ", " + print_quantity(constraint.min, bare) + " to " +
                       print_quantity(constraint.max, bare);
    return constraint.zero.empty() ? text : text + ", or `" + std::string(constraint.zero) + "`";
}

template <class Field>
std::string kind(const Field& field, const Constraint& constraint) {
    if constexpr (std::is_same_v<Field, bool> || std::is_same_v<Field, std::optional<bool>>)
        return "true or false";
    else if constexpr (std::is_integral_v<Field>)
        return range(constraint, constraint.unit == Unit::bytes ? "size" : "number");
    else if constexpr (std::is_same_v<Field, milliseconds>)
        return range(constraint, "duration");
    else if constexpr (std::is_enum_v<Field>)
        return join(names(field), " or ");
    else
        return std::string(constraint.description);
}

}  // namespace

std::string assign(const Slot& slot, const Constraint& constraint, std::string text) {
    return std::visit([&](auto* field) { return set(*field, constraint, text); }, slot);
}

std::string print(const Slot& slot, const Constraint& constraint) {
    return std::visit([&](const auto* field) { return show(*field, constraint); }, slot);
}

std::string describe(const Slot& slot, const Constraint& constraint) {
    return std::visit([&](const auto* field) { return kind(*field, constraint); }, slot);
}

}  // namespace millrace::config
