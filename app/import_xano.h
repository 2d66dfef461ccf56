// Realtime settings of a Xano workspace, made a configuration of ours.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::app {

struct Imported {
    std::string yaml;                   ///< empty when there are problems
    std::vector<std::string> problems;  ///< all of them, a line each
};

/// `json`: what the metadata API answers to GET /workspace/{id}/realtime (`enabled`, `hash`, `channels`).
Imported import_xano(std::string_view json);

}  // namespace millrace::app
