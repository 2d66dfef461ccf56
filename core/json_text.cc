#include "core/json_text.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "core/compact_json.h"

namespace millrace {
namespace {

bool ends_scalar(char c) {
    return c == ',' || c == ']' || c == '}' || is_json_space(c);
}

/// The size of the object or array at the front.
std::size_t nested_size(std::string_view text) {
    std::size_t depth = 0;
    std::size_t at = 0;
    do {
        switch (text[at]) {
            case '"':
                at += json_string_size(text.substr(at));
                continue;
            case '{':
            case '[':
                ++depth;
                break;
            case '}':
            case ']':
                --depth;
                break;
            default:
                break;
        }
        ++at;
    } while (depth != 0);
    return at;
}

std::size_t value_size(std::string_view text) {
    if (text.front() == '"') return json_string_size(text);
    if (text.front() == '{' || text.front() == '[') return nested_size(text);
    return static_cast<std::size_t>(std::ranges::find_if(text, ends_scalar) - text.begin());
}

}  // namespace

std::string_view trim_json(std::string_view json) {
    while (!json.empty() && is_json_space(json.front())) json.remove_prefix(1);
    while (!json.empty() && is_json_space(json.back())) json.remove_suffix(1);
    return json;
}

JsonItems::JsonItems(std::string_view json) : rest_(trim_json(json)), object_(rest_.front() == '{') {}

void JsonItems::skip_space() {
    while (is_json_space(rest_.front())) rest_.remove_prefix(1);
}

std::string_view JsonItems::take_value() {
    skip_space();
    const std::string_view value = rest_.substr(0, value_size(rest_));
    rest_.remove_prefix(value.size());
    return value;
}

void JsonItems::take_name() {
    std::size_t end = 1;
    while (rest_[end] != '"' && rest_[end] != '\\') ++end;
    if (rest_[end] == '"') {
        name_ = rest_.substr(1, end - 1);
        rest_.remove_prefix(end + 1);
    } else {
        name_ = string_of(take_value(), unescaped_).value_or(std::string_view{});
    }
    skip_space();
    rest_.remove_prefix(1);
}

bool JsonItems::next() {
    skip_space();
    // In front is the opening bracket, a comma or the closing bracket.
    if (rest_.size() == 1) return false;
    rest_.remove_prefix(1);
    skip_space();
    if (rest_.front() == '}' || rest_.front() == ']') return false;
    if (object_) take_name();
    value_ = take_value();
    return true;
}

std::optional<std::string_view> string_of(std::string_view token, std::string& unescaped) {
    if (token.empty() || token.front() != '"') return std::nullopt;
    const std::string_view inside = token.substr(1, token.size() - 2);
    if (inside.find('\\') == std::string_view::npos) return inside;
    boost::system::error_code failure;
    const boost::json::value value = boost::json::parse(token, failure);
    if (failure || !value.is_string()) return std::nullopt;
    unescaped.assign(value.get_string());
    return unescaped;
}

}  // namespace millrace
