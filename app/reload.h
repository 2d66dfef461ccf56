// What of a configuration that is read again holds at once.
#pragma once

#include "config/config.h"

namespace millrace::app {

/// `fresh` with what a running server is built on as it is: listeners, threads, the store, trusted proxies,
/// and the limits of those.
config::Config with_foundations(config::Config fresh, const config::Config& running);

/// Logs which sections of what was asked for need a restart.
void warn_of_unapplied(const config::Config& wanted, const config::Config& applied);

}  // namespace millrace::app
