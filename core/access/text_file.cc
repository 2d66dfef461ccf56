#include "core/access/text_file.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "core/utf8.h"

namespace millrace::access {
namespace {

constexpr std::uintmax_t kBytesMax = std::uintmax_t{64} << 20;

}  // namespace

std::string format(std::string_view path, const FileProblem& problem) {
    std::string text(path);
    if (problem.line != 0) text += ":" + std::to_string(problem.line);
    return text + ": " + problem.what;
}

Parsed<std::string> read_text_file(const std::string& path) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path, error);  // fails for what is no file
    if (error) return FileProblem{0, "cannot read: " + error.message()};
    if (size > kBytesMax) return FileProblem{0, "larger than 64 MiB"};
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file && size != 0) text << file.rdbuf();
    if (file && text) return std::move(text).str();
    return FileProblem{0, "cannot read: " + std::generic_category().message(errno == 0 ? EIO : errno)};
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t";
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_plain_text(std::string_view text) {
    return is_utf8(text) && std::ranges::none_of(text, [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
           });
}

}  // namespace millrace::access
