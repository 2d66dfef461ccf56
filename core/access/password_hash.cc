#include "core/access/password_hash.h"

#include <array>
#include <charconv>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdexcept>

#include "core/access/base64.h"

namespace millrace::access {
namespace {

constexpr std::string_view kPbkdf2 = "$7$";
constexpr std::string_view kArgon2id = "$argon2id$";
constexpr std::string_view kScram = "SCRAM-SHA-256$";
constexpr int kIterationsMax = 10'000'000;
/// What one check may cost at most, so that a line of the file cannot stop the server.
constexpr std::uint64_t kArgonMemoryKiBMax = 1 << 20;
constexpr std::uint64_t kArgonPassesMax = 64;
constexpr std::size_t kSha512Bytes = 64;

/// The field up to the next `separator`, taken off the front.
std::string_view take_field(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return field;
}

template <class Number>
bool read_number(std::string_view text, Number& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

/// `m=65536,t=2,p=1`
bool read_argon_cost(std::string_view text, std::uint64_t& memory, std::uint64_t& passes) {
    std::string_view m = take_field(text, ',');
    std::string_view t = take_field(text, ',');
    if (!m.starts_with("m=") || !t.starts_with("t=") || text != "p=1") return false;
    return read_number(m.substr(2), memory) && read_number(t.substr(2), passes);
}

void start_sodium() {
    static const int ready = sodium_init();
    if (ready < 0) throw std::runtime_error("libsodium does not start");
}

FileProblem broken(std::string what) {
    return {0, std::move(what)};
}

}  // namespace

Parsed<PasswordHash> PasswordHash::parse(std::string_view text) {
    if (text.starts_with(kPbkdf2)) return parse_pbkdf2(text.substr(kPbkdf2.size()));
    if (text.starts_with(kArgon2id)) return parse_argon2id(text);
    if (text.starts_with(kScram)) return parse_scram(text);
    return broken(
        "not a hash that is known here: $7$ (mosquitto_passwd), $argon2id$ or SCRAM-SHA-256$ (millrace "
        "passwd)");
}

Parsed<PasswordHash> PasswordHash::parse_pbkdf2(std::string_view fields) {
    PasswordHash result;
    const bool numbered = read_number(take_field(fields, '$'), result.iterations_);
    const auto salt = decode_base64(take_field(fields, '$'));
    const auto hash = decode_base64(fields);
    if (!numbered || result.iterations_ < 1 || result.iterations_ > kIterationsMax) {
        return broken("the iterations of a $7$ hash are a number from 1 to 10000000");
    }
    if (!salt || salt->empty() || !hash || hash->size() != kSha512Bytes) {
        return broken("a $7$ hash is $7$<iterations>$<salt>$<64 bytes>, both in base64");
    }
    result.salt_ = *salt;
    result.hash_ = *hash;
    result.cost_ = static_cast<std::uint64_t>(result.iterations_);
    return result;
}

Parsed<PasswordHash> PasswordHash::parse_argon2id(std::string_view text) {
    std::string_view rest = text.substr(kArgon2id.size());
    const std::string_view version = take_field(rest, '$');
    const std::string_view parameters = take_field(rest, '$');
    const auto salt = take_field(rest, '$');
    std::uint64_t memory = 0;
    std::uint64_t passes = 0;
    if (version != "v=19" || !read_argon_cost(parameters, memory, passes) || salt.empty() || rest.empty() ||
        text.size() >= crypto_pwhash_STRBYTES || text.find('\0') != std::string_view::npos) {
        return broken("an $argon2id$ hash is $argon2id$v=19$m=…,t=…,p=1$<salt>$<hash>");
    }
    if (memory > kArgonMemoryKiBMax || passes > kArgonPassesMax) {
        return broken("an $argon2id$ hash may take at most 1 GiB and 64 passes");
    }
    PasswordHash result;
    result.argon2id_ = text;
    result.cost_ = memory * passes * 1000;
    return result;
}

Parsed<PasswordHash> PasswordHash::parse_scram(std::string_view text) {
    Parsed<ScramVerifier> verifier = ScramVerifier::parse(text);
    if (!verifier) return verifier.error();
    PasswordHash result;
    result.cost_ = verifier->iterations;
    result.scram_ = std::move(*verifier);
    return result;
}

std::string PasswordHash::make(std::string_view password) {
    start_sodium();
    std::array<char, crypto_pwhash_STRBYTES> text{};
    if (crypto_pwhash_str_alg(text.data(), password.data(), password.size(),
                              crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        throw std::runtime_error("there is not enough memory to hash a password");
    }
    return text.data();
}

bool PasswordHash::matches(std::string_view password) const {
    if (scram_) return scram_->matches(password);
    if (!argon2id_.empty()) {
        start_sodium();
        return crypto_pwhash_str_verify(argon2id_.c_str(), password.data(), password.size()) == 0;
    }
    std::array<unsigned char, kSha512Bytes> made{};
    const auto* salt = reinterpret_cast<const unsigned char*>(salt_.data());
    const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt,
                                       static_cast<int>(salt_.size()), iterations_, EVP_sha512(),
                                       static_cast<int>(made.size()), made.data());
    return done == 1 && CRYPTO_memcmp(made.data(), hash_.data(), made.size()) == 0;
}

}  // namespace millrace::access
