#include "app/import_xano.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <optional>

#include "config/values.h"

namespace millrace::app {
namespace {

namespace json = boost::json;

/// One row of the channel permissions.
struct Row {
    std::string pattern;
    std::string match;
    std::string description;
    bool exact = true;
    json::object flags;

    bool flag(std::string_view name) const {
        const json::value* value = flags.if_contains(name);
        return value != nullptr && value->is_bool() && value->get_bool();
    }
    /// Who may send, by a pair of switches.
    std::string_view who(const std::string& name) const {
        if (!flag(name)) return "nobody";
        const bool known_only = flag(name + "_authenticated_only") || !flag("anonymous_clients");
        return known_only ? "authenticated" : "anyone";
    }
};

std::string quoted(std::string_view text) {
    return json::serialize(json::string(text.data(), text.size()));
}

/// On one line.
std::string comment(std::string_view text) {
    std::string line(text);
    std::ranges::replace_if(
        line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return line;
}

/// With `wildcard`, `chat/*` is every name that begins with `chat/`. Returns what is wrong.
std::string read_pattern(Row& row) {
    row.match = row.pattern;
    if (row.flag("wildcard") && row.match.ends_with('*')) {
        row.match.back() = '#';
        row.exact = false;
        if (row.match.size() > 1 && row.match[row.match.size() - 2] != '/')
            return "it covers a part of a level, and a filter covers whole levels: give its channels names "
                   "such as 'room/1'";
    } else if (row.match.find_first_of("+#") != std::string::npos) {
        return "'+' and '#' cannot stand in the name of a channel";
    }
    std::string canonical = row.match;
    return config::check_filter(canonical);
}

std::optional<Row> read_row(const json::value& value, std::vector<std::string>& problems) {
    Row row;
    const json::object* object = value.if_object();
    const json::value* pattern = object == nullptr ? nullptr : object->if_contains("pattern");
    if (pattern == nullptr || !pattern->is_string()) {
        problems.emplace_back("a channel has no 'pattern'");
        return std::nullopt;
    }
    row.flags = *object;
    row.pattern = pattern->get_string().c_str();
    if (const json::value* text = object->if_contains("description"); text && text->is_string())
        row.description = text->get_string().c_str();
    if (const std::string wrong = read_pattern(row); !wrong.empty()) {
        problems.push_back("channel '" + row.pattern + "': " + wrong);
        return std::nullopt;
    }
    return row;
}

/// A number, or as the API writes it, a number in quotes. Negative: it is neither.
std::int64_t history_of(const Row& row) {
    const json::value* value = row.flags.if_contains("history");
    if (value == nullptr || value->is_null()) return 0;
    if (value->is_int64()) return value->get_int64();
    std::int64_t number = -1;
    if (!value->is_string()) return number;
    const json::string& text = value->get_string();
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    return read.ec == std::errc{} && read.ptr == text.data() + text.size() ? number : -1;
}

/// Whatever the file says of a trigger of the channel that is there and not switched off.
bool has_trigger(const json::object& channel) {
    return std::ranges::any_of(channel, [](const json::key_value_pair& member) {
        const json::value& value = member.value();
        const bool nothing = value.is_null() || (value.is_bool() && !value.get_bool()) ||
                             (value.is_array() && value.get_array().empty()) ||
                             (value.is_object() && value.get_object().empty());
        return member.key().find("trigger") != json::string_view::npos && !nothing;
    });
}

void append_rule(std::string& yaml, const Row& row, std::int64_t history) {
    const auto add = [&yaml](std::string_view key, std::string_view value) {
        yaml.append("    ").append(key).append(": ").append(value).append("\n");
    };
    const auto truth = [](bool flag) { return flag ? "true" : "false"; };
    if (!row.description.empty()) yaml += "  # " + comment(row.description) + "\n";
    yaml += "  - match: " + quoted(row.match) + "\n";
    add("store", truth(history > 0));
    if (history > 0) {
        const std::string count = std::to_string(history);
        add("retention", "{messages: " + count + "}");
        add("history", count);
    }
    add("presence", truth(row.flag("presence")));
    add("anonymous", truth(row.flag("anonymous_clients")));
    add("publish", row.who("client_public_messaging"));
    add("private", row.who("client_private_messaging"));
    add("audience", row.flag("client_authenticated_messaging") ? "authenticated" : "anyone");
    if (has_trigger(row.flags))
        yaml += "    # It has a trigger there. Here: hooks: {join: \"https://…\", message: \"https://…\"}\n";
}

std::string head_of(const json::object& settings) {
    std::string yaml = "# From the realtime settings of a Xano workspace.\n";
    const json::value* enabled = settings.if_contains("enabled");
    if (enabled != nullptr && enabled->is_bool() && !enabled->get_bool())
        yaml += "# They were switched off there.\n";
    const json::value* hash = settings.if_contains("hash");
    if (hash != nullptr && hash->is_string() && !hash->get_string().empty()) {
        const json::string& key = hash->get_string();
        yaml += "realtime:\n  key: " + quoted({key.data(), key.size()}) + "\n";
    }
    yaml +=
        "auth:\n"
        "  anonymous: true        # anybody may connect; the rules say who may join\n"
        "  # jwt: {secret: \"${MILLRACE_JWT_SECRET}\"}      # who signs the tokens of the others\n"
        "  # api_keys: [\"${MILLRACE_API_KEY}\"]            # for the backend, which sends events\n";
    return yaml;
}

}  // namespace

Imported import_xano(std::string_view text) {
    boost::system::error_code error;
    const json::value document = json::parse(json::string_view(text.data(), text.size()), error);
    if (error) return {{}, {"not JSON: " + error.message()}};
    const json::object* settings = document.if_object();
    const json::value* channels = settings == nullptr ? nullptr : settings->if_contains("channels");
    if (channels == nullptr || !channels->is_array())
        return {{}, {"expected an object with 'channels', as GET /workspace/{id}/realtime answers it"}};
    Imported imported;
    std::vector<Row> rows;
    for (const json::value& channel : channels->get_array()) {
        if (std::optional<Row> row = read_row(channel, imported.problems)) rows.push_back(std::move(*row));
    }
    // The first rule that fits governs: the narrower one stands first.
    std::ranges::stable_sort(rows, [](const Row& a, const Row& b) {
        return a.exact != b.exact ? a.exact : a.match.size() > b.match.size();
    });
    imported.yaml = head_of(*settings) + "channels:\n";
    bool any = false;
    for (const Row& row : rows) {
        const std::int64_t history = history_of(row);
        const json::value* enabled = row.flags.if_contains("enabled");
        if (history < 0) {
            imported.problems.push_back("channel '" + row.pattern + "': 'history' is not a number");
        } else if (enabled != nullptr && enabled->is_bool() && !enabled->get_bool()) {
            imported.yaml += "  # " + comment(row.pattern) + " was not active\n";
        } else {
            append_rule(imported.yaml, row, history);
            any = true;
        }
    }
    if (!any && imported.problems.empty()) imported.problems.emplace_back("no channel is active");
    if (!imported.problems.empty()) imported.yaml.clear();
    return imported;
}

}  // namespace millrace::app
