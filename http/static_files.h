// Files that are a part of the binary.
#pragma once

#include <span>
#include <string_view>

namespace millrace::http {

struct Exchange;

/// One embedded file; made by cmake/embed.cmake.
struct Asset {
    std::string_view path;  ///< of the request; that of an index.html ends in '/'
    std::string_view content_type;
    std::string_view etag;  ///< with its quotes
    std::string_view bytes;
};

/// All of them, from the generated source.
std::span<const Asset> embedded_assets();

bool has_static_file(std::string_view path);
/// Answers a GET or HEAD when there is such a file, or a folder of that name; false: there is none.
bool serve_static_file(Exchange& exchange);

}  // namespace millrace::http
