// Tokens and keys as an issuer makes them.
#pragma once

#include <array>
#include <memory>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/access/base64.h"

namespace millrace::access {

/// `text` with its HS256 signature.
inline std::string sign_text(const std::string& text, std::string_view secret) {
    std::array<unsigned char, 32> made{};
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), made.data(), &size);
    return text + "." + encode_base64url({reinterpret_cast<const char*>(made.data()), size});
}

/// A fresh private key.
class TestKey {
  public:
    /// RSA, EC (P-256), P-384, ED25519 or X25519.
    explicit TestKey(const std::string& kind, std::size_t bits = 2048) : kind_(kind) {
        if (kind == "RSA") {
            key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits), EVP_PKEY_free);
        } else if (kind == "EC" || kind == "P-384") {
            const char* curve = kind == "EC" ? "P-256" : "P-384";
            key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve), EVP_PKEY_free);
        } else {
            key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, kind.c_str()), EVP_PKEY_free);
        }
        if (!key_) throw std::runtime_error("no key of the kind " + kind);
    }

    std::string public_pem() const {
        BIO* bio = BIO_new(BIO_s_mem());
        PEM_write_bio_PUBKEY(bio, key_.get());
        char* data = nullptr;
        const long size = BIO_get_mem_data(bio, &data);
        std::string pem(data, static_cast<std::size_t>(size));
        BIO_free(bio);
        return pem;
    }

    /// A token with the key's own algorithm in its header, or with the one given.
    std::string sign(std::string_view claims, std::string_view algorithm = {}) const {
        const std::string own = kind_ == "RSA" ? "RS256" : kind_ == "EC" ? "ES256" : "EdDSA";
        const std::string header =
            R"({"alg":")" + (algorithm.data() == nullptr ? own : std::string(algorithm)) + R"("})";
        const std::string text = encode_base64url(header) + "." + encode_base64url(claims);
        return text + "." + encode_base64url(signature(text));
    }

  private:
    std::string signature(const std::string& text) const {
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        EVP_DigestSignInit(context, nullptr, kind_ == "ED25519" ? nullptr : EVP_sha256(), nullptr,
                           key_.get());
        const auto* data = reinterpret_cast<const unsigned char*>(text.data());
        std::size_t size = 0;
        EVP_DigestSign(context, nullptr, &size, data, text.size());
        std::string made(size, '\0');
        EVP_DigestSign(context, reinterpret_cast<unsigned char*>(made.data()), &size, data, text.size());
        EVP_MD_CTX_free(context);
        made.resize(size);
        return kind_ == "EC" ? coordinates(made) : made;
    }

    /// RFC 7518 3.4
    static std::string coordinates(const std::string& der) {
        const auto* data = reinterpret_cast<const unsigned char*>(der.data());
        ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size()));
        std::array<unsigned char, 64> bytes{};
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), bytes.data(), 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), bytes.data() + 32, 32);
        ECDSA_SIG_free(pair);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    std::string kind_;
    std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace millrace::access
