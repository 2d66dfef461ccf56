// JSON Web Tokens (RFC 7519): who somebody is, signed by an issuer that the configuration trusts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/access/jwt_keys.h"
#include "core/access/principal.h"
#include "core/result.h"

namespace millrace::access {

/// What a token has to satisfy beside its signature, and where in it the identity stands.
struct TokenRules {
    std::string issuer;    ///< empty: any
    std::string audience;  ///< empty: any
    std::int64_t leeway_s = 0;
    std::string user_claim = "sub";
    std::string dbo_id_claim = "dbo_id";
    std::string row_id_claim = "row_id";
    std::string extras_claim = "extras";
};

/// The user that a token stands for at `now_s`, seconds since 1970. Errors: malformed; timed_out (it has
/// expired); not_authorised (the signature, or a claim, does not fit).
Result<Principal> verify_token(std::string_view token, const std::vector<JwtKey>& keys,
                               const TokenRules& rules, std::int64_t now_s);

/// Why verify_token() refused, in words for the token's owner.
std::string_view why_refused(error_code error);

/// Whether it could be a token, so that a password which is none is not taken for one.
bool looks_like_token(std::string_view text);

/// A token signed with HS256. `claims`: a JSON object.
std::string sign_token(std::string_view claims, std::string_view secret);

}  // namespace millrace::access
