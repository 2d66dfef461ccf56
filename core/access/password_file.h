// Users and their hashed passwords.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/access/password_hash.h"
#include "core/access/text_file.h"

namespace millrace::access {

/// A password file, as `millrace passwd` and mosquitto_passwd write it: `user:hash` on each line. Immutable;
/// any thread.
class PasswordFile {
  public:
    /// A file without any user is as wrong as a broken one.
    static Parsed<PasswordFile> parse(std::string_view text);

    /// Slow on purpose, and as slow for a user who is not there.
    bool verify(std::string_view user, std::string_view password) const;
    std::size_t size() const { return users_.size(); }
    /// Another number when the user's line is another one; 0: there is no such user.
    std::uint64_t credential_of(std::string_view user) const;

    /// Whether any user has what SCRAM needs.
    bool has_scram() const { return !shapes_.empty(); }
    /// For somebody who has not, a verifier that looks like those of the others, and the same each time: what
    /// it is made of is `secret` or, without one, the text of the file. Needs has_scram().
    ScramUser scram_user(std::string_view user, std::string_view secret) const;

  private:
    /// What anybody who begins an authentication sees of a verifier.
    struct Shape {
        unsigned iterations = 0;
        std::size_t salt_bytes = 0;
    };

    struct User {
        PasswordHash hash;
        std::uint64_t credential = 0;
    };

    const PasswordHash* dearest() const;
    ScramVerifier make_up(std::string_view user, std::string_view secret) const;

    std::unordered_map<std::string, User> users_;
    std::vector<Shape> shapes_;  ///< in the file's order
    std::string text_hash_;
};

/// What a Principal keeps of a secret's hash: never 0.
std::uint64_t credential_number(std::string_view hash);

using PasswordFilePtr = std::shared_ptr<const PasswordFile>;

/// The file's text with the user's line put in or replaced, every other line as it was.
std::string with_user(std::string_view text, std::string_view user, std::string_view hash);
/// A name that a line of the file can hold.
bool is_user_name(std::string_view name);

}  // namespace millrace::access
