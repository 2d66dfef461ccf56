#include "http/target.h"

#include <algorithm>

#include "core/time_text.h"

namespace millrace::http {

std::optional<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            decoded.push_back(text[at]);
            continue;
        }
        if (text.size() - at < 3) return std::nullopt;
        unsigned byte = 0;
        const char* digits = text.data() + at + 1;
        const auto parsed = std::from_chars(digits, digits + 2, byte, 16);
        if (parsed.ec != std::errc{} || parsed.ptr != digits + 2) return std::nullopt;
        decoded.push_back(static_cast<char>(byte));
        at += 2;
    }
    return decoded;
}

std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        const std::size_t equals = pair.find('=');
        if (pair.substr(0, equals) != name) continue;
        return equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    }
    return std::nullopt;
}

bool read_number(std::string_view query, std::string_view name, std::optional<std::uint64_t>& value) {
    const auto text = query_parameter(query, name);
    if (text) value = parse_number(*text);
    return !text || value;
}

bool read_time(std::string_view query, std::string_view name, std::optional<std::int64_t>& value_us) {
    const auto encoded = query_parameter(query, name);
    if (!encoded) return true;
    const std::optional<std::string> text = percent_decode(*encoded);
    if (!text) return false;
    constexpr std::uint64_t kMillisecondsMax = 253'402'300'800'000;  // the year 10000
    const auto milliseconds = parse_number(*text);
    if (milliseconds && *milliseconds <= kMillisecondsMax) {
        value_us = static_cast<std::int64_t>(*milliseconds) * 1000;
    } else if (!milliseconds) {
        value_us = parse_rfc3339(*text);
    }
    return value_us.has_value();
}

bool match_path(std::string_view pattern, std::string_view path, std::string_view& parameter) {
    const std::size_t hole = pattern.find('{');
    if (hole == std::string_view::npos) return pattern == path;
    if (!path.starts_with(pattern.substr(0, hole))) return false;
    const std::string_view rest = path.substr(hole);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    const std::string_view behind = pattern.substr(pattern.find('}') + 1);
    if (segment.empty() || rest.substr(segment.size()) != behind) return false;
    parameter = segment;
    return true;
}

}  // namespace millrace::http
