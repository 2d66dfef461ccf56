# Puts files into the binary. Included, it gives
#   millrace_embed(target prefix folder files...)
# which adds a generated source to the target: each file of the folder becomes an http::Asset under the
# request path prefix/file. Run as a script (cmake -P), it writes that source.
function(millrace_embed target prefix folder)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded_assets.cc)
  set(inputs "")
  foreach(file IN LISTS ARGN)
    list(APPEND inputs ${folder}/${file})
  endforeach()
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DPREFIX=${prefix} -DFOLDER=${folder} "-DFILES=${ARGN}"
            -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
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
  foreach(file IN LISTS FILES)
    file(READ ${FOLDER}/${file} hex HEX)
    file(SIZE ${FOLDER}/${file} size)
    file(SHA256 ${FOLDER}/${file} hash)
    string(SUBSTRING ${hash} 0 16 hash)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
    string(REGEX REPLACE "index.html$" "" name ${file})
    millrace_content_type(${file} type)
    string(APPEND arrays "constexpr char kBytes${count}[] = {${bytes}'\\0'};\n")
    string(APPEND table "    Asset{\"${PREFIX}/${name}\", \"${type}\", \"\\\"${hash}\\\"\", {kBytes${count}, ${size}}},\n")
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
