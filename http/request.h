// One request as the handlers see it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace millrace::http {

enum class Method : std::uint8_t { get, head, post, put, patch, delete_, options, other };

/// Views into the bytes that were received; valid while the request is being served. Header values that are
/// absent are empty.
struct Request {
    Method method = Method::other;
    std::string_view path;   ///< as sent, still percent-encoded
    std::string_view query;  ///< behind '?'
    bool http_1_0 = false;
    bool keep_alive = true;
    bool upgrade = false;  ///< `Connection: upgrade` with an `Upgrade` header
    bool expects_continue = false;

    std::string_view host;
    std::string_view authorization;
    std::string_view content_type;
    std::string_view content_encoding;
    std::string_view idempotency_key;
    std::string_view last_event_id;
    std::string_view if_none_match;
    std::string_view origin;
    std::string_view preflight_method;  ///< Access-Control-Request-Method
    std::string_view upgrade_to;
    std::string_view websocket_key;
    std::string_view websocket_version;
    std::vector<std::string_view> websocket_protocols;  ///< one per header line

    std::string_view body;
};

}  // namespace millrace::http
