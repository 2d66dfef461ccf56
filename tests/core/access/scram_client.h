// The client's side of SCRAM-SHA-256, for tests.
#pragma once

#include <string>

#include "core/access/base64.h"
#include "core/access/scram.h"
#include "core/access/sha256.h"

namespace millrace::access {

/// A client of RFC 5802, with a nonce of its own and the answer to any challenge.
struct ScramClient {
    std::string name = "user";
    std::string password = "pencil";
    std::string header = "n,,";
    std::string nonce = "abcdefghij";

    std::string bare() const { return "n=" + name + ",r=" + nonce; }
    std::string first() const { return header + bare(); }
    ScramVerifier verifier(const std::string& challenge) const {
        const std::size_t salt = challenge.find(",s=");
        const std::size_t count = challenge.find(",i=");
        return ScramVerifier::make(password, *decode_base64(challenge.substr(salt + 3, count - salt - 3)),
                                   static_cast<unsigned>(std::stoul(challenge.substr(count + 3))));
    }
    std::string without_proof_of(const std::string& challenge) const {
        return "c=" + encode_base64(header) + "," + challenge.substr(0, challenge.find(",s="));
    }
    std::string last(const std::string& challenge, const std::string& extension = {}) const {
        const ScramVerifier mine = verifier(challenge);
        const std::string without_proof = without_proof_of(challenge) + extension;
        const std::string signature =
            hmac_sha256(mine.stored_key, bare() + "," + challenge + "," + without_proof);
        std::string proof = client_key(mine.salt, mine.iterations);
        for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ signature[i]);
        return without_proof + ",p=" + encode_base64(proof);
    }
    /// What a server that knows the password's verifier says last.
    std::string server_final(const std::string& challenge) const {
        const ScramVerifier mine = verifier(challenge);
        const std::string without_proof = without_proof_of(challenge);
        return "v=" +
               encode_base64(hmac_sha256(mine.server_key, bare() + "," + challenge + "," + without_proof));
    }
    /// What no verifier has: from the password itself.
    std::string client_key(const std::string& salt, unsigned iterations) const {
        std::string block = hmac_sha256(password, salt + std::string("\0\0\0\1", 4));
        std::string salted = block;
        for (unsigned i = 1; i < iterations; ++i) {
            block = hmac_sha256(password, block);
            for (std::size_t at = 0; at < salted.size(); ++at)
                salted[at] = static_cast<char>(salted[at] ^ block[at]);
        }
        return hmac_sha256(salted, "Client Key");
    }
};

}  // namespace millrace::access
