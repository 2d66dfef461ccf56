#include <array>

#include "config/checks.h"

namespace millrace::config {
namespace {

struct Unsupported {
    std::string_view key;
    std::string_view message;
};

// The whole list: a key leaves it with the change that makes the server act on it.
constexpr std::array kUnsupported{
    Unsupported{"auth.jwt", "'auth.jwt': tokens are not offered by this version yet"},
    Unsupported{"auth.password_file", "'auth.password_file': passwords are not offered by this version yet"},
    Unsupported{"auth.acl_file", "'auth.acl_file': access control lists are not offered by this version yet"},
};

}  // namespace

void refuse_unsupported(const GivenKeys& given, std::vector<Problem>& problems) {
    for (const auto& [key, message] : kUnsupported) {
        const std::string path(key);
        if (given.contains(path)) {
            const Position at = given.position(path);
            problems.push_back({at.line, at.column, std::string(message)});
        }
    }
}

}  // namespace millrace::config
