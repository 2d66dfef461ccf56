// SCRAM-SHA-256 (RFC 5802, RFC 7677): a client shows that it knows a password that is neither sent nor kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/access/text_file.h"

namespace millrace::access {

/// What a server keeps of a password: enough to check who knows it, not enough to log in elsewhere. A plain
/// value.
struct ScramVerifier {
    unsigned iterations = 0;
    std::string salt;
    std::string stored_key;
    std::string server_key;

    /// `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`, the last three in base64, as PostgreSQL
    /// writes it.
    static Parsed<ScramVerifier> parse(std::string_view text);
    std::string text() const;

    /// Slow on purpose: not on a shard. The password is_prepared().
    static ScramVerifier make(std::string_view password, std::string_view salt, unsigned iterations);
    /// With a fresh salt, and as many iterations as new passwords get.
    static ScramVerifier make(std::string_view password);
    /// As slow as make().
    bool matches(std::string_view password) const;

    bool operator==(const ScramVerifier&) const = default;
};

/// Whether the text is as SASLprep (RFC 4013) leaves it. Only of printable ASCII is that known here; a client
/// and we could prepare other text in different ways.
bool is_prepared(std::string_view text);

/// A verifier for somebody, and whether there is such a user: for others it is made up.
struct ScramUser {
    ScramVerifier verifier;
    bool known = false;
};

/// The server's side of one authentication (RFC 5802 5), without channel binding. Needs a few hashes only, so
/// it may run on a shard. Lives for its three messages.
class ScramExchange {
  public:
    ScramExchange() = default;
    /// Reads the client-first-message. Nothing: it is none, or asks for what is not offered.
    static std::optional<ScramExchange> start(std::string_view client_first);
    /// Who the client says it is.
    const std::string& user() const { return user_; }
    /// The server-first-message. `nonce` is what we add to the client's: printable ASCII without commas.
    const std::string& challenge(ScramUser user, std::string_view nonce);
    /// The server-final-message for a client-final-message that proves the password. Nothing: it does not.
    /// Called once, after challenge().
    std::optional<std::string> finish(std::string_view client_final) const;

  private:
    std::string user_;
    std::string gs2_header_;
    std::string client_first_bare_;
    std::string nonce_;
    std::string server_first_;
    ScramUser claimed_;
};

/// A nonce nobody has seen.
std::string make_scram_nonce();

}  // namespace millrace::access
