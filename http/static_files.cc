#include "http/static_files.h"

#include "http/session.h"

namespace millrace::http {
namespace {

const Asset* find_asset(std::string_view path) {
    for (const Asset& asset : embedded_assets()) {
        if (asset.path == path) return &asset;
    }
    return nullptr;
}

/// RFC 9110 13.1.2: any listed validator counts, compared weakly.
bool is_fresh(std::string_view if_none_match, std::string_view etag) {
    return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
}

void serve(Exchange& exchange, const Asset& asset) {
    std::string headers = "ETag: ";
    headers.append(asset.etag).append("\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n");
    const bool fresh = is_fresh(exchange.request.if_none_match, asset.etag);
    exchange.session.answer({.status = fresh ? 304U : 200U,
                             .content_type = asset.content_type,
                             .body = asset.bytes,
                             .headers = headers});
}

}  // namespace

bool has_static_file(std::string_view path) {
    return find_asset(path) != nullptr;
}

bool serve_static_file(Exchange& exchange) {
    const std::string_view path = exchange.request.path;
    if (const Asset* asset = find_asset(path)) {
        serve(exchange, *asset);
        return true;
    }
    const std::string folder = std::string(path) + "/";
    if (!has_static_file(folder)) return false;
    const std::string headers = "Location: " + folder + "\r\n";
    exchange.session.answer({.status = 308, .content_type = "text/plain", .body = {}, .headers = headers});
    return true;
}

}  // namespace millrace::http
