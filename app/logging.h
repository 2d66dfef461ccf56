// The log: lines on stderr.
#pragma once

#include "config/config.h"

namespace millrace::app {

/// Sets the default logger up; call before any other thread runs.
void set_up_logging(const config::Log& log);
/// Any thread.
void set_log_level(config::LogLevel level);

}  // namespace millrace::app
