#include "app/import_xano.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <utility>

#include "config/config.h"
#include "config/values.h"

namespace millrace::app {
namespace {

namespace json = boost::json;

/// What a configuration may have at most.
constexpr std::int64_t kHistoryMax = 100'000;

/// One row of the channel permissions, and the rule it becomes.
struct Row {
    std::string pattern;
    std::string prefix;  ///< of the names it covers; exact: the one name
    std::string description;
    std::string lost;  ///< why no rule can be made of it; empty: one can
    std::vector<std::string> notes;
    config::ChannelRule rule;
    bool exact = true;
    bool active = true;
    bool nameable = true;  ///< such channels can exist here

    /// Whether it became a rule that fits all channels of another.
    bool covers(const Row& other) const { return lost.empty() && governed(other); }
    /// Whether it stood for all channels of another over there.
    bool governed(const Row& other) const {
        return exact ? other.exact && other.prefix == prefix : other.prefix.starts_with(prefix);
    }
};

/// The switches of a row.
struct Flags {
    const json::object& object;

    bool operator()(std::string_view name, bool otherwise = false) const {
        const json::value* value = object.if_contains(name);
        return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
    }
    /// Who may send, by a pair of switches.
    config::Who who(const std::string& name) const {
        if (!(*this)(name)) return config::Who::nobody;
        const bool known_only = (*this)(name + "_authenticated_only") || !(*this)("anonymous_clients");
        return known_only ? config::Who::authenticated : config::Who::anyone;
    }
    std::string text(std::string_view name) const {
        const json::value* value = object.if_contains(name);
        if (value == nullptr || !value->is_string()) return {};
        return {value->get_string().data(), value->get_string().size()};
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

/// With `wildcard`, `chat/*` is every name that begins with `chat/`.
void read_pattern(Row& row, bool wildcard) {
    row.exact = !wildcard || !row.pattern.ends_with('*');
    row.prefix = row.pattern.substr(0, row.pattern.size() - (row.exact ? 0 : 1));
    row.rule.match = row.prefix + (row.exact ? "" : "#");
    if (row.prefix.find_first_of("+#") != std::string::npos) {
        row.lost = "'+' and '#' cannot stand in the name of a channel";
        row.nameable = false;
    } else if (!row.exact && !row.prefix.empty() && !row.prefix.ends_with('/')) {
        row.lost =
            "it covers a part of a level, and a filter covers whole levels: give its channels names such as "
            "'room/1'";
    } else if (row.prefix.find('*') != std::string::npos) {
        row.lost = "a '*' that is part of a name cannot stand in 'match'";
    } else {
        row.lost = config::check_filter(row.rule.match);
        row.nameable = row.lost.empty();
    }
}

/// A number, or as the API writes it, a number in quotes. Negative: it is neither.
std::int64_t history_of(const json::object& object) {
    const json::value* value = object.if_contains("history");
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

/// Nobody comes in by it but users, who may only listen.
config::ChannelRule closed_rule() {
    config::ChannelRule rule;
    rule.store = false;
    rule.history = 0;
    rule.presence = false;
    rule.anonymous = false;
    rule.publish = config::Who::nobody;
    rule.private_messages = config::Who::nobody;
    return rule;
}

/// Leaves of a rule what another allows too.
void narrow(config::ChannelRule& rule, const config::ChannelRule& by) {
    rule.presence = rule.presence && by.presence;
    rule.anonymous = rule.anonymous && by.anonymous;
    rule.publish = std::min(rule.publish, by.publish);
    rule.private_messages = std::min(rule.private_messages, by.private_messages);
    rule.audience = std::max(rule.audience, by.audience);
}

/// Takes the file apart and puts it together again as a configuration.
class Importer {
  public:
    Imported run(const json::object& settings, const json::array& channels) {
        for (const json::value& channel : channels) read_row(channel);
        // The first rule that fits governs: the narrower one stands first.
        std::ranges::stable_sort(rows_, [](const Row& a, const Row& b) {
            return a.exact != b.exact ? a.exact : a.prefix.size() > b.prefix.size();
        });
        find_repeated();
        for (const Row& row : rows_) {
            if (!row.lost.empty()) give_up(row);
        }
        keep_parents();
        write(settings);
        return std::move(imported_);
    }

  private:
    void complain(const std::string& pattern, const std::string& what) {
        imported_.problems.push_back("channel '" + pattern + "': " + what);
    }

    void read_row(const json::value& value) {
        const json::object* object = value.if_object();
        const json::value* pattern = object == nullptr ? nullptr : object->if_contains("pattern");
        if (pattern == nullptr || !pattern->is_string()) {
            imported_.problems.emplace_back("a channel has no 'pattern'");
            return;
        }
        const Flags flag{*object};
        Row row;
        row.pattern = flag.text("pattern");
        row.description = flag.text("description");
        row.active = flag("enabled", true);
        row.rule = closed_rule();
        read_pattern(row, flag("wildcard"));
        row.rule.presence = flag("presence");
        row.rule.anonymous = flag("anonymous_clients");
        row.rule.publish = flag.who("client_public_messaging");
        row.rule.private_messages = flag.who("client_private_messaging");
        if (flag("client_authenticated_messaging")) row.rule.audience = config::Audience::authenticated;
        if (!row.active) return skipped_.push_back(row.pattern);
        read_history(row, *object);
        if (has_trigger(*object)) {
            row.notes.emplace_back(
                "It has a trigger there. Here: hooks: {join: \"https://…\", message: \"https://…\"}");
            complain(row.pattern, "it has a trigger, which is not taken over: see `hooks`");
        }
        rows_.push_back(std::move(row));
    }

    void read_history(Row& row, const json::object& object) {
        const std::int64_t history = history_of(object);
        if (history < 0 || history > kHistoryMax) {
            complain(row.pattern, "'history' is not a number from 0 to 100000; it has none");
            row.notes.emplace_back("Its history was not taken over.");
            return;
        }
        row.rule.history = static_cast<std::size_t>(history);
        row.rule.retention.messages = row.rule.history;
        row.rule.store = history > 0;
    }

    /// Of two rows for the same channels the first stays.
    void find_repeated() {
        for (auto row = rows_.begin(); row != rows_.end(); ++row) {
            const auto same = [&](const Row& other) {
                return other.lost.empty() && other.rule.match == row->rule.match;
            };
            if (row->lost.empty() && std::any_of(rows_.begin(), row, same))
                row->lost = "another row has the same pattern";
        }
    }

    /// The channels of such a row fall to the rule behind it that fits them all, which must not let in whom
    /// the row keeps out. Without such a rule they are closed.
    void give_up(const Row& lost) {
        std::string line = lost.lost;
        for (Row& row : rows_) {
            if (!row.covers(lost) || !lost.nameable) continue;
            const config::ChannelRule before = row.rule;
            narrow(row.rule, lost.rule);
            if (row.rule == before) break;
            row.notes.push_back("Narrowed, since it governs the channels of " + lost.pattern + " too.");
            line += "; the rule for '" + row.pattern +
                    "', which governs its channels now, was narrowed to what both allow";
            break;
        }
        complain(lost.pattern, line);
    }

    /// `chat/#` fits `chat` too, which was not one of `chat/*`: where the rule that governed it allows less,
    /// it has a rule of its own.
    void keep_parents() {
        std::vector<Row> parents;
        for (const Row& row : rows_) {
            if (row.exact || row.prefix.size() < 2 || !row.lost.empty()) continue;
            Row parent;
            parent.prefix = row.prefix.substr(0, row.prefix.size() - 1);
            // Also a row of which no rule could be made: of this one channel it can.
            const auto governs =
                std::ranges::find_if(rows_, [&](const Row& other) { return other.governed(parent); });
            if (governs == rows_.end() || governs->exact) continue;
            config::ChannelRule both = row.rule;
            narrow(both, governs->rule);
            if (both == row.rule) continue;
            parent.rule = governs->rule;
            parent.rule.match = parent.prefix;
            parent.notes.push_back("It was not one of " + row.pattern + ".");
            parents.push_back(std::move(parent));
        }
        rows_.insert(rows_.begin(), parents.begin(), parents.end());
    }

    void append_rule(const config::ChannelRule& rule) {
        const auto add = [this](std::string_view key, std::string_view value) {
            rules_.append("    ").append(key).append(": ").append(value).append("\n");
        };
        const auto truth = [](bool flag) { return flag ? "true" : "false"; };
        constexpr std::array<std::string_view, 3> kWho{"nobody", "authenticated", "anyone"};
        rules_ += "  - match: " + quoted(rule.match) + "\n";
        add("store", truth(rule.store));
        if (rule.store) {
            const std::string count = std::to_string(rule.history);
            add("retention", "{messages: " + count + "}");
            add("history", count);
        }
        add("presence", truth(rule.presence));
        add("anonymous", truth(rule.anonymous));
        add("publish", kWho[static_cast<std::size_t>(rule.publish)]);
        add("private", kWho[static_cast<std::size_t>(rule.private_messages)]);
        add("audience", rule.audience == config::Audience::anyone ? "anyone" : "authenticated");
    }

    void append_comment(std::string_view text) { rules_ += "  # " + comment(text) + "\n"; }

    void write(const json::object& settings) {
        const bool enabled = Flags{settings}("enabled", true);
        std::size_t written = 0;
        for (const Row& row : rows_) {
            if (!row.lost.empty()) {
                append_comment(row.pattern + " was not taken over: " + row.lost);
                continue;
            }
            if (!row.description.empty()) append_comment(row.description);
            for (const std::string& note : row.notes) append_comment(note);
            append_rule(row.rule);
            ++written;
        }
        for (const std::string& pattern : skipped_) append_comment(pattern + " was not active");
        if (written == 0 && imported_.problems.empty())
            imported_.problems.emplace_back("no channel is active");
        imported_.yaml = head_of(settings, enabled) + "channels:\n";
        if (enabled && written != 0) {
            imported_.yaml += rules_;
            return;
        }
        // Without any rule, one for '#' would let in everybody.
        const std::string kept = std::exchange(rules_, {});
        append_rule(closed_rule());
        imported_.yaml += rules_ + commented(kept);
    }

    static std::string commented(std::string_view text) {
        std::string out;
        for (std::size_t end = 0; !text.empty(); text.remove_prefix(end + 1)) {
            end = text.find('\n');
            out.append("#").append(text.substr(0, end + 1));
        }
        return out;
    }

    static std::string head_of(const json::object& settings, bool enabled) {
        std::string yaml = "# From the realtime settings of a Xano workspace.\n";
        if (!enabled)
            yaml +=
                "# They were switched off there, so everything is closed. To switch them on, set\n"
                "# auth.anonymous to true and put the rules below in the place of the one for '#'.\n";
        if (const std::string key = Flags{settings}.text("hash"); !key.empty())
            yaml += "realtime:\n  key: " + quoted(key) + "\n";
        yaml += enabled
                    ? "auth:\n  anonymous: true        # anybody may connect; the rules say who may join\n"
                    : "auth:\n  anonymous: false\n";
        yaml +=
            "  # jwt: {secret: \"${MILLRACE_JWT_SECRET}\"}      # who signs the tokens of the others\n"
            "  # api_keys: [\"${MILLRACE_API_KEY}\"]            # for the backend, which sends events\n";
        return yaml;
    }

    Imported imported_;
    std::vector<Row> rows_;
    std::vector<std::string> skipped_;  ///< patterns of rows that are not used
    std::string rules_;
};

}  // namespace

Imported import_xano(std::string_view text) {
    boost::system::error_code error;
    const json::value document = json::parse(json::string_view(text.data(), text.size()), error);
    if (error) return {{}, {"not JSON: " + error.message()}};
    const json::object* settings = document.if_object();
    const json::value* channels = settings == nullptr ? nullptr : settings->if_contains("channels");
    if (channels == nullptr || !channels->is_array())
        return {{}, {"expected an object with 'channels', as GET /workspace/{id}/realtime answers it"}};
    return Importer().run(*settings, channels->get_array());
}

}  // namespace millrace::app
