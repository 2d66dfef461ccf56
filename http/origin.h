// Which web pages may talk to this server (the CORS protocol of the Fetch standard).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::http {

/// Whether a page of `origin` may use the server it reached as `host`. With no list: the same origin, and any
/// on loopback. The same origin is always allowed.
bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& allowed);

}  // namespace millrace::http
