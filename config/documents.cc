#include "config/documents.h"

#include <algorithm>
#include <sstream>

#include "config/keys.h"

namespace millrace::config {
namespace {

constexpr std::size_t kColumns = 100;

std::size_t depth_of(std::string_view path) {
    const std::size_t lists = path.find("[].") == std::string_view::npos ? 0 : 1;
    return static_cast<std::size_t>(std::ranges::count(path, '.')) + lists;
}

// Of a section: whether no key in it has a default, so that it is shown as a comment as a whole.
bool is_absent(const Key& key) {
    if (!key.is_section()) return !key.absent.empty();
    const std::string prefix = std::string(key.path) + ".";
    return std::ranges::all_of(
        keys(), [&](const Key& other) { return !other.path.starts_with(prefix) || is_absent(other); });
}

std::string default_text(const Key& key, Config& config) {
    return key.absent.empty() ? print(key.slot(config), key.constraint) : std::string(key.absent);
}

std::string comment(const Key& key, Config& config) {
    if (key.is_section()) return std::string(key.help);
    std::string text = std::string(key.help) + " (" + describe(key.slot(config), key.constraint);
    if (!key.absent.empty()) text += "; default: " + std::string(key.absent);
    return text + ")";
}

void write_comment(std::string& out, std::size_t indent, const std::string& text) {
    const std::string start = std::string(indent, ' ') + "#";
    std::istringstream words(text);
    std::string line = start;
    for (std::string word; words >> word;) {
        if (line.size() + 1 + word.size() > kColumns) {
            out += line + "\n";
            line = start;
        }
        line += " " + word;
    }
    out += line + "\n";
}

// What stands behind the colon.
std::string value_text(const Key& key, Config& config, std::size_t indent) {
    const Slot slot = key.slot(config);
    const bool is_list = std::holds_alternative<std::vector<std::string>*>(slot);
    if (!key.absent.empty() && is_list) return " [" + std::string(key.example) + "]";
    if (!key.absent.empty()) return " " + std::string(key.example);
    const auto* const listeners = std::get_if<std::vector<Listener>*>(&slot);
    if (listeners == nullptr) return " " + default_text(key, config);
    std::string lines;
    for (const Listener& listener : **listeners)
        lines += "\n" + std::string(indent + 2, ' ') + "- " + listener.url();
    return lines;
}

void write_key(std::string& out, const Key& key, Config& config) {
    std::size_t indent = 2 * depth_of(key.path);
    std::string lead = is_absent(key) ? "# " : "";
    const bool first_of_rule = parent_of(key.path).ends_with("[].") && (&key)[-1].is_list();
    if (first_of_rule) {
        lead = is_absent((&key)[-1]) ? "# - " : "- ";
        indent -= 2;
    }
    if (depth_of(key.path) == 0) out += "\n";
    write_comment(out, indent, comment(key, config));
    out += std::string(indent, ' ') + lead + std::string(name_of(key)) + ":";
    if (!key.is_section()) out += value_text(key, config, indent);
    out += "\n";
}

void write_row(std::string& out, const Key& key, Config& config) {
    const std::string quote = key.absent.empty() ? "`" : "";
    out += "| `" + std::string(key.path) + "` | " + quote + default_text(key, config) + quote + " | " +
           describe(key.slot(config), key.constraint) + " | " + std::string(key.help) + " |\n";
}

constexpr std::string_view kIntroduction = R"(# Configuration

Generated from the table of keys in `config/keys.cc`. To write it anew after a change there:
`MILLRACE_UPDATE_DOCS=1 ctest --preset dev -R DocsMarkdown`.

Millrace reads one YAML file: `millrace --config millrace.yaml`. Every key has a default, and without a file all
defaults hold: MQTT on 127.0.0.1:1883, HTTP on 127.0.0.1:8080, SQLite in `./millrace-data/`, every channel stored.

- `millrace defaults` prints the whole configuration with comments, ready to be edited.
- `millrace check FILE` reports every error at once, each with line and column.
- SIGHUP reloads everything but the listener addresses and the store.
- Unknown keys, keys given twice, wrong types and impossible values are errors.
- `${NAME}` inside a value is replaced from the environment; an unset variable is an error. `$${` stands for `${`.
- Durations are a whole number with `ms`, `s`, `m`, `h` or `d`: `500ms`, `10s`, `5m`, `2h`, `30d`.
- Sizes are bytes, or a whole number with `KiB`, `MiB` or `GiB`: `4096`, `64KiB`, `1MiB`.
- File names are relative to the working directory of the server.

A listener is a URL, or a map with `url` and settings of its own:

```yaml
listeners:
  - mqtt://127.0.0.1:1883
  - {url: mqtts://0.0.0.0:8883, protocols: [3.1.1, 5.0], anonymous: false}
  - {url: mqtt+unix:///run/millrace/mqtt.sock, mode: 0600}
  - {url: http://10.0.0.5:8080, proxy_protocol: true}
```

TLS, client certificates, Unix sockets and proxies are explained in [tls.md](tls.md).

Clients without credentials are let in if `auth.anonymous` says so; when it says nothing, if every listener is on
loopback or a Unix socket. A listener on a public address needs API keys, tokens or passwords under `auth:`, client
certificates, or a plain `anonymous: true` there or in its own map.

The first rule under `channels:` whose `match` fits governs a channel. A rule that an earlier one makes unreachable is
an error. A leading wildcard does not fit names that begin with `$`.

| key | default | values | what it does |
|---|---|---|---|
)";

}  // namespace

std::string defaults_yaml() {
    std::string out =
        "# The configuration of Millrace with every key and its default. What stands in a comment\n"
        "# has no default value of its own; it shows an example.\n";
    Config config;
    for (const Key& key : keys()) write_key(out, key, config);
    return out;
}

std::string docs_markdown() {
    std::string out(kIntroduction);
    Config config;
    for (const Key& key : keys()) {
        if (key.is_section())
            out += "| **`" + std::string(key.path) + "`** | | | " + std::string(key.help) + " |\n";
        else
            write_row(out, key, config);
    }
    return out;
}

}  // namespace millrace::config
