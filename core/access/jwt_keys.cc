#include "core/access/jwt_keys.h"

#include <array>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/access/sha256.h"

namespace millrace::access {
namespace {

constexpr int kRsaBitsMin = 2048;  // RFC 7518 3.3
constexpr std::size_t kCoordinateBytes = 32;
constexpr std::size_t kEd25519SignatureBytes = 64;

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* thing) const {
        Free(thing);
    }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

bool verify_hmac(std::string_view secret, std::string_view text, std::string_view signature) {
    return equal_secrets(hmac_sha256(secret, text), signature);
}

/// Two coordinates, as a token has them, in the form OpenSSL wants (RFC 7518 3.4). Empty: they are not.
std::string to_der(std::string_view signature) {
    if (signature.size() != 2 * kCoordinateBytes) return {};
    const EcSignature pair(ECDSA_SIG_new());
    BIGNUM* r = BN_bin2bn(octets(signature), kCoordinateBytes, nullptr);
    BIGNUM* s = BN_bin2bn(octets(signature) + kCoordinateBytes, kCoordinateBytes, nullptr);
    if (!pair || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return {};
    }
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &der);
    if (size <= 0) return {};
    std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return text;
}

bool verify_public(const JwtKey& key, std::string_view text, std::string_view signature) {
    const EVP_MD* digest = key.algorithm == Algorithm::eddsa ? nullptr : EVP_sha256();
    const DigestContext context(EVP_MD_CTX_new());
    const bool good =
        context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.public_key.get()) == 1 &&
        EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(text), text.size()) == 1;
    // A signature that does not fit leaves its reason in this thread's queue, which somebody else would read.
    ERR_clear_error();
    return good;
}

bool is_p256(const EVP_PKEY* key) {
    std::array<char, 80> name{};
    std::size_t size = 0;
    return EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) == 1 &&
           OBJ_txt2nid(name.data()) == NID_X9_62_prime256v1;
}

}  // namespace

std::optional<Algorithm> algorithm_of(std::string_view name) {
    if (name == "HS256") return Algorithm::hs256;
    if (name == "RS256") return Algorithm::rs256;
    if (name == "ES256") return Algorithm::es256;
    if (name == "EdDSA") return Algorithm::eddsa;
    return std::nullopt;
}

bool verify_signature(const JwtKey& key, std::string_view text, std::string_view signature) {
    switch (key.algorithm) {
        case Algorithm::hs256:
            return verify_hmac(key.secret, text, signature);
        case Algorithm::rs256:
            return verify_public(key, text, signature);
        case Algorithm::es256: {
            const std::string der = to_der(signature);
            return !der.empty() && verify_public(key, text, der);
        }
        case Algorithm::eddsa:
            return signature.size() == kEd25519SignatureBytes && verify_public(key, text, signature);
    }
    return false;
}

JwtKey key_from_secret(std::string_view secret) {
    JwtKey key;
    key.secret = secret;
    return key;
}

Parsed<JwtKey> key_of(std::shared_ptr<EVP_PKEY> public_key) {
    JwtKey key;
    switch (EVP_PKEY_get_base_id(public_key.get())) {
        case EVP_PKEY_RSA:
            if (EVP_PKEY_get_bits(public_key.get()) < kRsaBitsMin) {
                return FileProblem{0, "an RSA key for RS256 has at least 2048 bits (RFC 7518 3.3)"};
            }
            key.algorithm = Algorithm::rs256;
            break;
        case EVP_PKEY_EC:
            if (!is_p256(public_key.get())) return FileProblem{0, "the curve of an ES256 key is P-256"};
            key.algorithm = Algorithm::es256;
            break;
        case EVP_PKEY_ED25519:
            key.algorithm = Algorithm::eddsa;
            break;
        default:
            return FileProblem{0, "the key is neither RSA, P-256 nor Ed25519"};
    }
    key.public_key = std::move(public_key);
    return key;
}

Parsed<JwtKey> key_from_pem(std::string_view pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    EVP_PKEY* key = PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr);
    if (key == nullptr && BIO_reset(bio.get()) == 1) {
        const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (certificate) key = X509_get_pubkey(certificate.get());
    }
    ERR_clear_error();
    if (key == nullptr) return FileProblem{0, "there is no public key in it (PEM)"};
    return key_of(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

}  // namespace millrace::access
