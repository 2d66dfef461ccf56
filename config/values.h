#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "config/config.h"

// Values of the configuration as text: reading, writing and describing them. Pure; knows nothing of YAML.
namespace millrace::config {

// Points at the field that a key sets; the alternative is the key's type.
using Slot = std::variant<bool*, std::optional<bool>*, std::uint16_t*, unsigned*, std::size_t*, milliseconds*,
                          std::string*, std::vector<std::string>*, Listener*, std::vector<Listener>*, Who*,
                          Audience*, ClientCertificate*, BadToken*, LogLevel*>;

// Says what is wrong with a text, or nothing; may bring it into its canonical form.
using TextCheck = std::string (*)(std::string& text);

enum class Unit : std::uint8_t { count, bytes, duration };

// What a key accepts beyond its type: a range for numbers, a check (and its description) for text.
struct Constraint {
    std::uint64_t min = 0;
    std::uint64_t max = 0;
    Unit unit = Unit::count;
    std::string_view zero = {};  // the word that stands for 0, where there is one
    TextCheck check = nullptr;
    std::string_view description = {};
};

// Parses `text` into the field; a list gets one more element. Returns what is wrong, or an empty string.
std::string assign(const Slot& slot, const Constraint& constraint, std::string text);

// The field's value as YAML on one line (a list in flow style).
std::string print(const Slot& slot, const Constraint& constraint);

// The type and range in words: `duration, 1s to 1h`.
std::string describe(const Slot& slot, const Constraint& constraint);

// A hook's address, taken apart.
struct HookUrl {
    bool secure = false;
    std::string host;  // an IP address in its canonical form without brackets, or a lower-case name
    std::uint16_t port = 0;
    std::string target;  // path and query, as they stand in a request line
};

std::string_view name_of(Scheme scheme);
bool is_ipv4(const std::string& host);

// Whether each topic that `narrow` matches is matched by `wide` too; both are valid filters.
bool filter_covers(std::string_view wide, std::string_view narrow);

// Text checks.
std::string check_filter(std::string& text);
// A filter that may end in '*' for '#', which it becomes.
std::string check_match(std::string& text);
std::string check_store_url(std::string& text);
std::string check_realtime_key(std::string& text);
std::string check_origin(std::string& text);
std::string check_api_key(std::string& text);
std::string check_jwt_secret(std::string& text);
std::string check_file_name(std::string& text);
std::string check_file_mode(std::string& text);
std::string check_mqtt_version(std::string& text);
std::string check_network(std::string& text);
std::string check_claim(std::string& text);
std::string check_scram_secret(std::string& text);
std::string check_trace_pattern(std::string& text);
std::string check_hook_url(std::string& text);
std::string check_hook_secret(std::string& text);

// `mqtt://127.0.0.1:1883`, `http://[::1]:8080`, `mqtt://localhost:1883`, `mqtt+unix:///run/millrace/mqtt`.
// Returns what is wrong, or an empty string.
std::string parse_listener(std::string_view text, Listener& listener);

// `https://backend.example.com/millrace/join?of=chat`. Returns what is wrong, or an empty string.
std::string parse_hook_url(std::string_view text, HookUrl& url);

}  // namespace millrace::config
