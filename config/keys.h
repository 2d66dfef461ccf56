#pragma once
#include <span>
#include <string_view>

#include "config/values.h"

namespace millrace::config {

// One row of the table of keys, from which parsing, `millrace defaults` and docs/config.md come.
struct Key {
    std::string_view path;  // `limits.connections`; the keys of list elements are `channels[].match`
    Slot (*slot)(Config&);  // null for a section; of a rule, the last one
    Constraint constraint;
    std::string_view help;
    // For a key whose absence is no value of its own: what holds then, and a value to show.
    std::string_view absent = {};
    std::string_view example = {};

    bool is_section() const { return slot == nullptr; }
    bool is_list() const { return path.ends_with("[]"); }
};

std::span<const Key> keys();
const Key* find_key(std::string_view path);

// The path up to the last name: `limits.` of `limits.connections`, nothing of `threads`.
std::string_view parent_of(std::string_view path);
std::string_view name_of(const Key& key);

}  // namespace millrace::config
