# Puts files into the binary. Included, it gives
#   millrace_embed(target path=file...)
# which adds a generated source to the target: each file becomes an http::Asset under its request path, that of
# an index.html being its folder. Run as a script (cmake -P), it writes that source.
function(millrace_embed target)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded_assets.cc)
  string(REGEX REPLACE "(^|;)[^;=]*=" "\\1" inputs "${ARGN}")
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DFILES=${ARGN}" -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${inputs} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

function(millrace_content_type file result)
  set(types ".html=text/html" ".js=text/javascript" ".mjs=text/javascript" ".css=text/css" ".svg=image/svg+xml"
    ".json=application/json" ".yaml=application/yaml" ".png=image/png" ".ico=image/x-icon")
  get_filename_component(extension ${file} LAST_EXT)
  set(type application/octet-stream)
  foreach(entry IN LISTS types)
    string(REPLACE "=" ";" pair ${entry})
    list(GET pair 0 known)
    if(known STREQUAL extension)
      list(GET pair 1 type)
    endif()
  endforeach()
  if(type MATCHES "^text/|svg|json|yaml")
    string(APPEND type "; charset=utf-8")
  endif()
  set(${result} "${type}" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  set(arrays "")
  set(table "")
  set(count 0)
  foreach(entry IN LISTS FILES)
    string(REGEX MATCH "^([^=]*)=(.*)$" both "${entry}")
    set(path ${CMAKE_MATCH_1})
    set(file ${CMAKE_MATCH_2})
    file(READ ${file} hex HEX)
    file(SIZE ${file} size)
    file(SHA256 ${file} hash)
    string(SUBSTRING ${hash} 0 16 hash)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
    string(REGEX REPLACE "index.html$" "" name ${path})
    millrace_content_type(${file} type)
    string(APPEND arrays "constexpr char kBytes${count}[] = {${bytes}'\\0'};\n")
    string(APPEND table "    Asset{\"${name}\", \"${type}\", \"\\\"${hash}\\\"\", {kBytes${count}, ${size}}},\n")
    math(EXPR count "${count} + 1")
  endforeach()
  file(WRITE ${OUTPUT} "// Made by cmake/embed.cmake.
#include \"http/static_files.h\"

#include <array>

namespace millrace::http {
namespace {

${arrays}
constexpr std::array<Asset, ${count}> kAssets{{
${table}}};

}  // namespace

std::span<const Asset> embedded_assets() { return kAssets; }

}  // namespace millrace::http
")
endif()
