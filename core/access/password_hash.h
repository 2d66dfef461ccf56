// Hashed passwords: Mosquitto's `$7$`, our argon2id, and what SCRAM needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/access/scram.h"
#include "core/access/text_file.h"

namespace millrace::access {

/// One hash as a file has it, checked to be one. Immutable; any thread.
class PasswordHash {
  public:
    /// `$7$<iterations>$<salt>$<hash>` in base64, `$argon2id$…`, or a ScramVerifier.
    static Parsed<PasswordHash> parse(std::string_view text);
    /// Of a new password, argon2id. About a tenth of a second and 64 MiB of memory.
    static std::string make(std::string_view password);

    /// Takes as long as the hash was meant to take.
    bool matches(std::string_view password) const;
    /// What SCRAM checks it by; nullptr: it is another kind of hash.
    const ScramVerifier* scram() const { return scram_ ? &*scram_ : nullptr; }
    /// To compare: what takes longer to check is greater.
    std::uint64_t cost() const { return cost_; }

  private:
    static Parsed<PasswordHash> parse_pbkdf2(std::string_view fields);
    static Parsed<PasswordHash> parse_argon2id(std::string_view text);
    static Parsed<PasswordHash> parse_scram(std::string_view text);

    std::string argon2id_;  ///< the whole text; empty: PBKDF2
    std::optional<ScramVerifier> scram_;
    std::string salt_;
    std::string hash_;
    int iterations_ = 0;
    std::uint64_t cost_ = 0;
};

}  // namespace millrace::access
