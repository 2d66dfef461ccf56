#include "core/access/scram.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdexcept>

#include "core/access/base64.h"
#include "core/access/sha256.h"

namespace millrace::access {
namespace {

constexpr std::string_view kPrefix = "SCRAM-SHA-256$";
constexpr unsigned kIterationsMin = 4096;  // RFC 7677 4
constexpr unsigned kIterationsMax = 10'000'000;
constexpr unsigned kIterationsOfNewOnes = 100'000;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kSaltBytesMax = 64;
constexpr std::size_t kNonceBytes = 18;
constexpr std::size_t kMessageBytesMax = 2048;
constexpr std::size_t kClientNonceMax = 256;

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
        throw std::runtime_error("there is no randomness");
    return bytes;
}

/// RFC 5802 2.2: PBKDF2 with HMAC.
std::string salted_password(std::string_view password, std::string_view salt, unsigned iterations) {
    std::string made(kSha256Bytes, '\0');
    const int done =
        PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                          reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
                          static_cast<int>(iterations), EVP_sha256(), static_cast<int>(made.size()),
                          reinterpret_cast<unsigned char*>(made.data()));
    if (done != 1) throw std::runtime_error("PBKDF2 is not available");
    return made;
}

/// The field up to the next `separator`, taken off the front with it. Nothing: there is none.
std::optional<std::string_view> take_until(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(end + 1);
    return field;
}

FileProblem broken() {
    return {0,
            "a SCRAM verifier is SCRAM-SHA-256$<iterations, 4096 or more>:<salt>$<stored key>:<server key>, "
            "in base64"};
}

/// RFC 5802 5.1: `=2C` is a comma, `=3D` an equals sign, and no other of them may stand there.
std::optional<std::string> decode_name(std::string_view text) {
    std::string name;
    while (!text.empty()) {
        if (text.starts_with("=2C") || text.starts_with("=3D")) {
            name += text[1] == '2' ? ',' : '=';
            text.remove_prefix(3);
        } else if (text.front() == '=') {
            return std::nullopt;
        } else {
            name += text.front();
            text.remove_prefix(1);
        }
    }
    return name;
}

bool is_nonce(std::string_view text) {
    return !text.empty() && text.size() <= kClientNonceMax &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != ','; });
}

std::string exclusive_or(std::string_view a, std::string_view b) {
    std::string result(a);
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<char>(result[i] ^ b[i]);
    return result;
}

}  // namespace

Parsed<ScramVerifier> ScramVerifier::parse(std::string_view text) {
    ScramVerifier result;
    if (!text.starts_with(kPrefix)) return broken();
    text.remove_prefix(kPrefix.size());
    const auto count = take_until(text, ':');
    const auto salt = take_until(text, '$');
    const auto stored_key = take_until(text, ':');
    if (!count || !salt || !stored_key) return broken();
    const auto [end, error] =
        std::from_chars(count->data(), count->data() + count->size(), result.iterations);
    if (error != std::errc{} || end != count->data() + count->size()) return broken();
    if (result.iterations < kIterationsMin || result.iterations > kIterationsMax) return broken();
    result.salt = decode_base64(*salt).value_or("");
    result.stored_key = decode_base64(*stored_key).value_or("");
    result.server_key = decode_base64(text).value_or("");
    if (result.salt.empty() || result.salt.size() > kSaltBytesMax ||
        result.stored_key.size() != kSha256Bytes || result.server_key.size() != kSha256Bytes) {
        return broken();
    }
    return result;
}

std::string ScramVerifier::text() const {
    return std::string(kPrefix) + std::to_string(iterations) + ":" + encode_base64(salt) + "$" +
           encode_base64(stored_key) + ":" + encode_base64(server_key);
}

ScramVerifier ScramVerifier::make(std::string_view password, std::string_view salt, unsigned iterations) {
    const std::string salted = salted_password(password, salt, iterations);
    return {iterations, std::string(salt), sha256(hmac_sha256(salted, "Client Key")),
            hmac_sha256(salted, "Server Key")};
}

ScramVerifier ScramVerifier::make(std::string_view password) {
    return make(password, random_bytes(kSaltBytes), kIterationsOfNewOnes);
}

bool ScramVerifier::matches(std::string_view password) const {
    const bool same = equal_secrets(make(password, salt, iterations).stored_key, stored_key);
    return same && is_prepared(password);
}

bool is_prepared(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

std::optional<ScramExchange> ScramExchange::start(std::string_view client_first) {
    if (client_first.size() > kMessageBytesMax) return std::nullopt;
    std::string_view rest = client_first;
    const auto binding = take_until(rest, ',');
    const auto on_behalf = take_until(rest, ',');
    // `p=`: a channel binding that was not offered; `a=`: somebody who wants to be somebody else.
    if (!binding || (*binding != "n" && *binding != "y") || !on_behalf || !on_behalf->empty())
        return std::nullopt;
    ScramExchange exchange;
    exchange.gs2_header_ = client_first.substr(0, client_first.size() - rest.size());
    exchange.client_first_bare_ = rest;
    const auto name = take_until(rest, ',');
    if (!name || !name->starts_with("n=")) return std::nullopt;  // `m=`: extensions, and none is understood
    const auto user = decode_name(name->substr(2));
    const std::string_view nonce = rest.substr(0, rest.find(','));
    if (!user || !is_prepared(*user) || !nonce.starts_with("r=") || !is_nonce(nonce.substr(2)))
        return std::nullopt;
    exchange.user_ = *user;
    exchange.nonce_ = nonce.substr(2);
    return exchange;
}

const std::string& ScramExchange::challenge(ScramUser user, std::string_view nonce) {
    claimed_ = std::move(user);
    nonce_ += nonce;
    server_first_ = "r=" + nonce_ + ",s=" + encode_base64(claimed_.verifier.salt) +
                    ",i=" + std::to_string(claimed_.verifier.iterations);
    return server_first_;
}

std::optional<std::string> ScramExchange::finish(std::string_view client_final) const {
    if (server_first_.empty() || client_final.size() > kMessageBytesMax) return std::nullopt;
    const std::size_t at = client_final.rfind(",p=");
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view without_proof = client_final.substr(0, at);
    const auto proof = decode_base64(client_final.substr(at + 3));
    const std::string expected = "c=" + encode_base64(gs2_header_) + ",r=" + nonce_;
    // The nonce is ours: what answered another challenge is of no use here. Extensions may follow it.
    const bool fits = without_proof == expected || without_proof.starts_with(expected + ",");
    if (!fits || !proof || proof->size() != kSha256Bytes) return std::nullopt;
    const std::string message = client_first_bare_ + "," + server_first_ + "," + std::string(without_proof);
    const ScramVerifier& verifier = claimed_.verifier;
    const std::string client_key = exclusive_or(*proof, hmac_sha256(verifier.stored_key, message));
    const bool right = equal_secrets(sha256(client_key), verifier.stored_key);
    if (!right || !claimed_.known) return std::nullopt;
    return "v=" + encode_base64(hmac_sha256(verifier.server_key, message));
}

std::string make_scram_nonce() {
    return encode_base64(random_bytes(kNonceBytes));
}

}  // namespace millrace::access
