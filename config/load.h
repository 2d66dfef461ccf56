#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace millrace::config {

// Something wrong in a configuration, and where (1-based; 0 when it concerns the file as a whole).
struct Problem {
    unsigned line = 0;
    unsigned column = 0;
    std::string message;
};

// `config` is meant to be used only if there are no problems; these are sorted by position.
struct LoadResult {
    Config config;
    std::vector<Problem> problems;
};

using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

std::optional<std::string> process_environment(const std::string& name);

LoadResult load_text(std::string_view yaml, const EnvironmentLookup& environment = process_environment);
LoadResult load_file(const std::string& path, const EnvironmentLookup& environment = process_environment);

// `millrace.yaml:12:5: unknown key 'chanels' (did you mean 'channels'?)`
std::string format(std::string_view path, const Problem& problem);

}  // namespace millrace::config
