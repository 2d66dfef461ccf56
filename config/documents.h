#pragma once
#include <string>

namespace millrace::config {

// The whole configuration with comments and defaults; loading it gives `Config{}`.
std::string defaults_yaml();

// The text of docs/config.md.
std::string docs_markdown();

}  // namespace millrace::config
