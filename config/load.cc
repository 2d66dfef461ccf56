#include "config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "config/checks.h"
#include "config/keys.h"

namespace millrace::config {
namespace {

Position to_position(const YAML::Mark& mark) {
    return {static_cast<unsigned>(mark.line + 1), static_cast<unsigned>(mark.column + 1)};
}

// Edits from one word to the other: a letter added, dropped, replaced, or swapped with the next.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> edits(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            std::size_t& least = edits[i][j];
            least = std::max(i, j);
            if (i == 0 || j == 0) continue;
            const std::size_t replaced = edits[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            least = std::min({edits[i - 1][j] + 1, edits[i][j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                least = std::min(least, edits[i - 2][j - 2] + 1);
        }
    }
    return edits[a.size()][b.size()];
}

// The key that was probably meant: a similar name in the same section, or the same name in another one.
std::string suggestion(std::string_view section, std::string_view name) {
    constexpr std::size_t kLongestName = 64;
    if (name.size() > kLongestName) return {};
    std::size_t nearest = std::max<std::size_t>(1, name.size() / 3) + 1;
    std::string best;
    for (const Key& key : keys()) {
        if (parent_of(key.path) != section) continue;
        const std::size_t far = distance(name, name_of(key));
        if (far < nearest) best = name_of(key);
        nearest = std::min(nearest, far);
    }
    for (const Key& key : keys())
        if (best.empty() && name_of(key) == name) best = key.path;
    return best.empty() ? "" : " (did you mean '" + best + "'?)";
}

bool is_variable_name(std::string_view name) {
    const auto fits = [](char c) {
        return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, fits);
}

// Replaces each `${NAME}`; `$${` stands for `${`. Returns what is wrong, or an empty string.
std::string substitute(std::string& text, const EnvironmentLookup& environment) {
    std::string result;
    std::size_t from = 0;
    for (auto at = text.find("${"); at != std::string::npos; at = text.find("${", from)) {
        if (at > from && text[at - 1] == '$') {
            result.append(text, from, at - 1 - from).append("${");
            from = at + 2;
            continue;
        }
        const auto end = text.find('}', at);
        const std::string name = text.substr(at + 2, end == std::string::npos ? end : end - at - 2);
        if (end == std::string::npos || !is_variable_name(name))
            return "'${' begins the name of an environment variable and needs '}' (write '$${' for the "
                   "characters)";
        const auto value = environment(name);
        if (!value) return "the environment has no variable '" + name + "'";
        result.append(text, from, at - from).append(*value);
        from = end + 1;
    }
    text = result.append(text, from);
    return {};
}

// Reads one parsed document into a Config, by the table of keys. Lives for one load.
class Loader {
  public:
    Loader(const EnvironmentLookup& environment, LoadResult& result)
        : environment_(environment), result_(result) {}

    void document(const YAML::Node& root) {
        if (root.IsMap())
            section(root, "", "");
        else if (!root.IsNull())
            add(to_position(root.Mark()), "expected keys and values, such as 'threads: auto'");
        derive(result_.config, given_);
        check(result_.config, given_, result_.problems);
    }

  private:
    void add(Position at, std::string message) {
        result_.problems.push_back({at.line, at.column, std::move(message)});
    }

    // `table` is the section's path in the table of keys, `path` the same with the indices of list elements.
    void section(const YAML::Node& node, const std::string& table, const std::string& path) {
        for (const auto& entry : node) {
            const Position at = to_position(entry.first.Mark());
            if (!entry.first.IsScalar()) {
                add(at, "expected the name of a key");
                continue;
            }
            const std::string& name = entry.first.Scalar();
            const Key* key = find_key(table + name);
            if (key == nullptr) key = find_key(table + name + "[]");
            if (key == nullptr || name.find_first_of(".[") != std::string::npos)
                add(at, "unknown key '" + name + "'" + suggestion(table, name));
            else if (given_.contains(path + name))
                add(at, "key '" + name + "' is given twice");
            else
                entry_of(*key, entry.second, path + name, at);
        }
    }

    void entry_of(const Key& key, const YAML::Node& node, const std::string& path, Position at) {
        given_.add(path, at);
        if (key.is_section())
            key.is_list() ? rules(node, path, at) : subsection(key, node, path);
        else
            value(key, node, path, at);
    }

    void subsection(const Key& key, const YAML::Node& node, const std::string& path) {
        if (node.IsMap())
            section(node, std::string(key.path) + ".", path + ".");
        else if (!node.IsNull())
            add(to_position(node.Mark()),
                "'" + std::string(name_of(key)) + "' is a section: expected keys and values");
    }

    void rules(const YAML::Node& node, const std::string& path, Position at) {
        if (!node.IsSequence() && !node.IsNull()) return add(at, "'channels' is a list of rules");
        if (node.size() > 0) result_.config.channels.clear();
        for (std::size_t i = 0; i < node.size(); ++i) {
            const Position rule_at = node[i].IsNull() ? at : to_position(node[i].Mark());
            const std::string rule = path + "[" + std::to_string(i) + "].";
            result_.config.channels.emplace_back().match.clear();
            if (!node[i].IsMap())
                add(rule_at, "expected a rule, such as 'match: chat/#'");
            else
                section(node[i], "channels[].", rule);
            if (node[i].IsMap() && !given_.contains(rule + "match")) add(rule_at, "a rule needs 'match'");
        }
    }

    void value(const Key& key, const YAML::Node& node, const std::string& path, Position at) {
        const Slot slot = key.slot(result_.config);
        auto* const listeners = std::get_if<std::vector<Listener>*>(&slot);
        if (listeners == nullptr && !std::holds_alternative<std::vector<std::string>*>(slot))
            return scalar(key, node, at);
        if (!node.IsSequence()) return add(at, "'" + std::string(name_of(key)) + "' is a list");
        if (listeners != nullptr) {
            if (node.size() == 0) add(at, "'listeners' needs at least one address");
            (*listeners)->clear();
        }
        for (std::size_t i = 0; i < node.size(); ++i) {
            const Position element = to_position(node[i].Mark());
            given_.add(path + "[" + std::to_string(i) + "]", element);
            const std::size_t before = listeners != nullptr ? (*listeners)->size() : 0;
            if (listeners != nullptr && node[i].IsMap()) {
                listener_map(node[i], path + "[" + std::to_string(i) + "].", element);
            } else {
                scalar(key, node[i], at);
            }
            if (listeners == nullptr || (*listeners)->size() == before) continue;
            (*listeners)->back().line = element.line;
            (*listeners)->back().column = element.column;
        }
    }

    void listener_map(const YAML::Node& node, const std::string& path, Position at) {
        result_.config.listeners.emplace_back();
        section(node, "listeners[].", path);
        if (!given_.contains(path + "url")) add(at, "a listener needs 'url'");
    }

    void scalar(const Key& key, const YAML::Node& node, Position key_at) {
        const std::string name = "'" + std::string(name_of(key)) + "'";
        if (node.IsNull()) return add(key_at, name + " has no value");
        const Position at = to_position(node.Mark());
        if (!node.IsScalar())
            return add(at, name + " takes a single value, not a " + (node.IsMap() ? "map" : "list"));
        std::string text = node.Scalar();
        std::string wrong = substitute(text, environment_);
        if (wrong.empty()) wrong = assign(key.slot(result_.config), key.constraint, std::move(text));
        if (!wrong.empty()) add(at, name + ": " + wrong);
    }

    const EnvironmentLookup& environment_;
    LoadResult& result_;
    GivenKeys given_;
};

// Notes where the last document read begins. Lives for one load.
class DocumentStart final : public YAML::EventHandler {
  public:
    YAML::Mark mark;

    void OnDocumentStart(const YAML::Mark& at) override { mark = at; }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}
};

void load_into(LoadResult& result, const std::string& text, const EnvironmentLookup& environment) {
    // YAML::Load reads the first document and says nothing of what follows it. YAML::LoadAll would, but
    // yaml-cpp 0.7 never comes to the end of a text such as ", a".
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    DocumentStart start;
    if (parser.HandleNextDocument(start) && parser.HandleNextDocument(start)) {
        const Position at = to_position(start.mark);
        result.problems.push_back(
            {at.line, at.column, "a configuration is one YAML document; here begins another"});
    }
    Loader(environment, result).document(YAML::Load(text));
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

LoadResult load_text(std::string_view yaml, const EnvironmentLookup& environment) {
    LoadResult result;
    try {
        load_into(result, std::string(yaml), environment);
    } catch (const YAML::Exception& error) {
        const Position at = to_position(error.mark);
        result.problems.assign(1, {at.line, at.column, "not valid YAML: " + error.msg});
    }
    std::ranges::stable_sort(result.problems, {},
                             [](const Problem& p) { return std::pair(p.line, p.column); });
    return result;
}

LoadResult load_file(const std::string& path, const EnvironmentLookup& environment) {
    constexpr std::size_t kChunk = 4096;
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text;
    for (std::string chunk(kChunk, '\0'); file;
         text.append(chunk, 0, static_cast<std::size_t>(file.gcount())))
        file.read(chunk.data(), kChunk);
    if (file.is_open() && !file.bad()) return load_text(text, environment);
    const std::string reason = std::generic_category().message(errno == 0 ? EIO : errno);
    LoadResult result;
    result.problems.push_back({0, 0, "cannot read: " + reason});
    return result;
}

std::string format(std::string_view path, const Problem& problem) {
    std::string text(path);
    if (problem.line > 0) text += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
    return text + ": " + problem.message;
}

}  // namespace millrace::config
