// A directory of a test's own.
#pragma once

#include <filesystem>

namespace millrace::system_test {

/// Made empty under the system's temporary directory, removed with everything in it. Belongs to one owner.
class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace millrace::system_test
