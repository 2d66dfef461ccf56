// Files that say who may do what: read whole, and what is wrong in them said with its line.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::access {

/// What is wrong in a file, and where (1-based; 0: in the file as a whole).
struct FileProblem {
    std::size_t line = 0;
    std::string what;
};

template <class T>
using Parsed = boost::system::result<T, FileProblem>;

/// `users.txt:3: …`
std::string format(std::string_view path, const FileProblem& problem);

/// The whole of a regular file of at most 64 MiB.
Parsed<std::string> read_text_file(const std::string& path);

/// The next line without its end, taken off the front of `text`.
std::string_view take_line(std::string_view& text);
/// Without blanks at both ends.
std::string_view trimmed(std::string_view text);
/// A user name or client id as files and logs can hold it: UTF-8 without control characters.
bool is_plain_text(std::string_view text);

}  // namespace millrace::access
