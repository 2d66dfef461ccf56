#include "core/access/jwt.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "core/access/base64.h"
#include "core/access/claims.h"
#include "core/access/sha256.h"
#include "core/utf8.h"

namespace millrace::access {
namespace {

namespace json = boost::json;

constexpr std::size_t kTokenBytesMax = 16 * 1024;

struct Parts {
    std::string_view header;
    std::string_view claims;
    std::string_view signature;
    std::string_view signed_text;  ///< header and claims with the point between them
};

bool split(std::string_view token, Parts& parts) {
    const std::size_t first = token.find('.');
    const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
        return false;
    parts = {token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1),
             token.substr(0, second)};
    return true;
}

/// A JSON object in base64url; null when it is none.
json::value read_object(std::string_view part) {
    const auto text = decode_base64url(part);
    if (!text || !is_utf8(*text)) return nullptr;
    boost::system::error_code error;
    json::value value = json::parse(*text, error);
    return !error && value.is_object() ? value : json::value(nullptr);
}

std::string_view text_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return {};
    return {value->get_string().data(), value->get_string().size()};
}

/// Whether one of the keys, used for its own algorithm only, has signed.
bool is_signed(const Parts& parts, const json::object& header, const std::vector<JwtKey>& keys) {
    const auto algorithm = algorithm_of(text_of(header, "alg"));
    const auto signature = decode_base64url(parts.signature);
    if (!algorithm || !signature) return false;
    const std::string_view id = text_of(header, "kid");
    for (const JwtKey& key : keys) {
        if (key.algorithm != *algorithm) continue;
        if (!id.empty() && !key.id.empty() && key.id != id) continue;
        if (verify_signature(key, parts.signed_text, *signature)) return true;
    }
    return false;
}

}  // namespace

std::string_view why_refused(error_code error) {
    if (error == Errc::timed_out) return "The token has expired.";
    if (error == Errc::malformed) return "The token is malformed, or names nobody.";
    if (error == Errc::not_found) return "Tokens need auth.jwt in the server's configuration.";
    return "The token cannot be verified: its signature, issuer, audience or time does not fit.";
}

bool looks_like_token(std::string_view text) {
    Parts parts;
    return text.size() <= kTokenBytesMax && split(text, parts) && read_object(parts.header).is_object();
}

Result<Principal> verify_token(std::string_view token, const std::vector<JwtKey>& keys,
                               const TokenRules& rules, std::int64_t now_s) {
    Parts parts;
    if (token.size() > kTokenBytesMax || !split(token, parts)) return Errc::malformed;
    const json::value header = read_object(parts.header);
    if (!header.is_object()) return Errc::malformed;
    // RFC 7515 4.1.11: extensions that must be understood, and none is.
    if (header.get_object().contains("crit")) return Errc::not_authorised;
    if (!is_signed(parts, header.get_object(), keys)) return Errc::not_authorised;
    const json::value claims = read_object(parts.claims);
    if (!claims.is_object()) return Errc::malformed;
    return read_claims(claims.get_object(), rules, now_s);
}

std::string sign_token(std::string_view claims, std::string_view secret) {
    std::string text = encode_base64url(R"({"alg":"HS256","typ":"JWT"})") + "." + encode_base64url(claims);
    return text + "." + encode_base64url(hmac_sha256(secret, text));
}

}  // namespace millrace::access
