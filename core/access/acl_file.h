// Mosquitto's access control list.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/access/principal.h"
#include "core/access/text_file.h"

namespace millrace::access {

enum class Permission : std::uint8_t { read = 1, write = 2 };

/// Which user may read and write which topics. `topic` lines hold for the `user` they stand under, those
/// above the first `user` for clients without a name, `pattern` lines for everybody. What no line allows is
/// refused, and of one user's lines a `deny` that fits goes first. Immutable; any thread.
class AclFile {
  public:
    /// A file without any rule is as wrong as a broken one.
    static Parsed<AclFile> parse(std::string_view text);

    bool may(const Principal& principal, Permission permission, std::string_view topic) const;
    /// Whether one line allows to read all that the filter matches. What a `deny` takes out of it is kept
    /// back on delivery.
    bool may_subscribe(const Principal& principal, std::string_view filter) const;

  private:
    friend class AclParser;
    struct Entry {
        std::string filter;
        std::uint8_t permissions = 0;  ///< of Permission; 0: deny
    };
    using Entries = std::vector<Entry>;

    template <class Fits>
    bool judge(const Principal& principal, Permission permission, Fits fits) const;

    Entries nameless_;
    std::unordered_map<std::string, Entries> users_;
    Entries patterns_;  ///< denials first in each of the three
};

/// The pattern with the client's names put in; empty when a name is missing, or is such that it could match
/// more than itself.
std::string fill_pattern(std::string_view pattern, const Principal& principal);

/// The same two questions to the claim `acl` of a token.
bool allowed_by(const std::vector<Grant>& grants, Permission permission, std::string_view topic);
bool subscribable_by(const std::vector<Grant>& grants, std::string_view filter);

}  // namespace millrace::access
