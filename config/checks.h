#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

// What is settled once every key is read: values that follow from others, and rules about several keys.
namespace millrace::config {

struct Position {
    unsigned line = 0;
    unsigned column = 0;
};

// The keys a file gives and where, list elements by index: `auth.jwt`, `channels[0].history`,
// `auth.api_keys[1]`.
class GivenKeys {
  public:
    void add(const std::string& path, Position position) { positions_.emplace(path, position); }
    bool contains(const std::string& path) const { return positions_.contains(path); }
    Position position(const std::string& path) const;

  private:
    std::map<std::string, Position> positions_;
};

// Fills in what depends on other keys.
void derive(Config& config, const GivenKeys& given);

void check(const Config& config, const GivenKeys& given, std::vector<Problem>& problems);

}  // namespace millrace::config
