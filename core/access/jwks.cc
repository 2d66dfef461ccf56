// JSON Web Key Sets (RFC 7517).
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "core/access/base64.h"
#include "core/access/jwt_keys.h"

namespace millrace::access {

namespace {

namespace json = boost::json;

constexpr std::size_t kSecretBytesMin = 32;  // RFC 7518 3.2
constexpr std::size_t kEd25519Bytes = 32;
constexpr std::size_t kCoordinateBytes = 32;
constexpr std::size_t kRsaBytesMax = 2048;

std::string_view text_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return {};
    return {value->get_string().data(), value->get_string().size()};
}

std::optional<std::string> bytes_of(const json::object& object, std::string_view name) {
    auto bytes = decode_base64url(text_of(object, name));
    return bytes && !bytes->empty() ? bytes : std::nullopt;
}

std::shared_ptr<EVP_PKEY> own(EVP_PKEY* key) {
    ERR_clear_error();
    return key == nullptr ? nullptr : std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
}

std::shared_ptr<EVP_PKEY> from_parameters(const char* kind, OSSL_PARAM_BLD* builder) {
    OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr);
    EVP_PKEY* key = nullptr;
    if (parameters != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context) == 1) {
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    return own(key);
}

std::shared_ptr<EVP_PKEY> rsa_key(const std::string& modulus, const std::string& exponent) {
    if (modulus.size() > kRsaBytesMax || exponent.size() > sizeof(std::uint64_t)) return nullptr;
    const auto number = [](const std::string& bytes) {
        return BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()),
                         nullptr);
    };
    BIGNUM* n = number(modulus);
    BIGNUM* e = number(exponent);
    OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
    std::shared_ptr<EVP_PKEY> key = from_parameters("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return key;
}

std::shared_ptr<EVP_PKEY> p256_key(const std::string& x, const std::string& y) {
    if (x.size() != kCoordinateBytes || y.size() != kCoordinateBytes) return nullptr;
    const std::string point =
        '\x04' + x + y;  // uncompressed, SEC 1 2.3.3; OpenSSL checks that it is on the curve
    OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    std::shared_ptr<EVP_PKEY> key = from_parameters("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

std::shared_ptr<EVP_PKEY> ed25519_key(const std::string& x) {
    if (x.size() != kEd25519Bytes) return nullptr;
    return own(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                           reinterpret_cast<const unsigned char*>(x.data()), x.size()));
}

/// The public key of an asymmetric JWK; nullptr: its members do not make one.
std::shared_ptr<EVP_PKEY> public_key_of(const json::object& jwk, std::string_view kind) {
    if (kind == "RSA") {
        const auto n = bytes_of(jwk, "n");
        const auto e = bytes_of(jwk, "e");
        return n && e ? rsa_key(*n, *e) : nullptr;
    }
    const auto x = bytes_of(jwk, "x");
    if (kind == "OKP") return x ? ed25519_key(*x) : nullptr;
    const auto y = bytes_of(jwk, "y");
    return x && y ? p256_key(*x, *y) : nullptr;
}

/// Whether a token of ours could be signed with such a key at all (RFC 7517 4.2, 4.3 and 5).
bool is_for_signatures(const json::object& jwk) {
    const std::string_view use = text_of(jwk, "use");
    const std::string_view algorithm = text_of(jwk, "alg");
    const std::string_view kind = text_of(jwk, "kty");
    const std::string_view curve = text_of(jwk, "crv");
    if (!use.empty() && use != "sig") return false;
    if (!algorithm.empty() && !algorithm_of(algorithm)) return false;
    return kind == "oct" || kind == "RSA" || (kind == "EC" && curve == "P-256") ||
           (kind == "OKP" && curve == "Ed25519");
}

Parsed<JwtKey> key_of_jwk(const json::object& jwk) {
    const std::string_view kind = text_of(jwk, "kty");
    JwtKey key;
    if (kind == "oct") {
        const auto secret = bytes_of(jwk, "k");
        if (!secret || secret->size() < kSecretBytesMin) {
            return FileProblem{0, "a secret for HS256 has at least 32 bytes (RFC 7518 3.2)"};
        }
        key = key_from_secret(*secret);
    } else {
        std::shared_ptr<EVP_PKEY> public_key = public_key_of(jwk, kind);
        if (!public_key) return FileProblem{0, "a key's members do not make a public key"};
        Parsed<JwtKey> checked = key_of(std::move(public_key));
        if (!checked) return checked;
        key = std::move(*checked);
    }
    key.id = text_of(jwk, "kid");
    const std::string_view algorithm = text_of(jwk, "alg");
    if (!algorithm.empty() && algorithm_of(algorithm) != key.algorithm)
        return FileProblem{0, "a key's `alg` does not go with its `kty`"};
    return key;
}

}  // namespace

Parsed<std::vector<JwtKey>> keys_from_jwks(std::string_view text) {
    boost::system::error_code error;
    const json::value document = json::parse(json::string_view(text.data(), text.size()), error);
    const json::object* set = error ? nullptr : document.if_object();
    const json::value* list = set == nullptr ? nullptr : set->if_contains("keys");
    if (list == nullptr || !list->is_array()) return FileProblem{0, "not a JSON Web Key Set (RFC 7517 5)"};
    std::vector<JwtKey> keys;
    for (const json::value& element : list->get_array()) {
        const json::object* jwk = element.if_object();
        if (jwk == nullptr) return FileProblem{0, "an element of `keys` is not an object"};
        if (!is_for_signatures(*jwk)) continue;
        Parsed<JwtKey> key = key_of_jwk(*jwk);
        if (!key) return key.error();
        keys.push_back(std::move(*key));
    }
    if (keys.empty()) return FileProblem{0, "there is no key for HS256, RS256, ES256 or EdDSA in it"};
    return keys;
}

}  // namespace millrace::access
