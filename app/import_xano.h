// Realtime settings of a Xano workspace, made a configuration of ours.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::app {

struct Imported {
    std::string yaml;                   ///< what could be taken over; empty: there was nothing to read
    std::vector<std::string> problems;  ///< what could not, a line each
};

/// What cannot be said here never leaves a channel more open than it was there. `json`: what the metadata API
/// answers to GET /workspace/{id}/realtime (`enabled`, `hash`, `channels`).
Imported import_xano(std::string_view json);

}  // namespace millrace::app
