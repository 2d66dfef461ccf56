// The keys that tokens are signed with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/access/text_file.h"

using EVP_PKEY = struct evp_pkey_st;

namespace millrace::access {

/// How a token is signed (RFC 7518 3.1, RFC 8037 3.1); what is not here is refused, `none` first of all.
enum class Algorithm : std::uint8_t { hs256, rs256, es256, eddsa };
std::optional<Algorithm> algorithm_of(std::string_view name);

/// One key, good for one algorithm: what a token says of itself never decides how a key is used. Immutable;
/// any thread.
struct JwtKey {
    Algorithm algorithm = Algorithm::hs256;
    std::string id;      ///< `kid`; empty: none
    std::string secret;  ///< of HS256
    std::shared_ptr<EVP_PKEY> public_key;
};

/// Whether `signature` is the key's over `text`.
bool verify_signature(const JwtKey& key, std::string_view text, std::string_view signature);

/// A PEM public key, or a certificate's: RSA of 2048 bits or more, P-256 or Ed25519.
Parsed<JwtKey> key_from_pem(std::string_view pem);
/// A JSON Web Key Set (RFC 7517). Keys for other uses, and of unknown kinds, are passed over.
Parsed<std::vector<JwtKey>> keys_from_jwks(std::string_view json);
/// The algorithm that an OpenSSL key is for, if it is one of ours and strong enough.
Parsed<JwtKey> key_of(std::shared_ptr<EVP_PKEY> public_key);
JwtKey key_from_secret(std::string_view secret);

}  // namespace millrace::access
