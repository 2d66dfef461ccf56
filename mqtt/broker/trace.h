// Which clients are traced (log.trace_clients).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::mqtt {

/// A pattern is a client id, or `user:` and a user's name; with a `*` at its end, what begins so.
bool is_traced(const std::vector<std::string>& patterns, std::string_view client_id, std::string_view user);

}  // namespace millrace::mqtt
