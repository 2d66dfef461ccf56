#include "core/access/sha256.h"

#include <array>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdexcept>

namespace millrace::access {
namespace {

using Octets = std::array<unsigned char, kSha256Bytes>;

/// Fetching an algorithm costs more than using it, so it is done once.
const EVP_MD* algorithm() {
    static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
    return fetched;
}

std::string text_of(bool done, const Octets& made) {
    if (!done) throw std::runtime_error("SHA-256 is not available");
    return {reinterpret_cast<const char*>(made.data()), made.size()};
}

}  // namespace

std::string sha256(std::string_view text) {
    Octets made{};
    const bool done = EVP_Digest(text.data(), text.size(), made.data(), nullptr, algorithm(), nullptr) == 1;
    return text_of(done, made);
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
    Octets made{};
    unsigned size = 0;
    const bool done =
        HMAC(algorithm(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), made.data(), &size) != nullptr;
    return text_of(done, made);
}

bool equal_secrets(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace millrace::access
