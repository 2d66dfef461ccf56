#include "core/access/password_file.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/access/sha256.h"

namespace millrace::access {
namespace {

bool is_comment(std::string_view line) {
    return line.empty() || line.starts_with('#');
}

}  // namespace

bool is_user_name(std::string_view name) {
    return !name.empty() && name == trimmed(name) && name.find(':') == std::string_view::npos &&
           !name.starts_with('#') && is_plain_text(name);
}

Parsed<PasswordFile> PasswordFile::parse(std::string_view text) {
    PasswordFile file;
    file.text_hash_ = sha256(text);
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view line = trimmed(take_line(text));
        if (is_comment(line)) continue;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) return FileProblem{number, "expected user:hash"};
        const std::string_view name = trimmed(line.substr(0, colon));
        if (!is_user_name(name)) return FileProblem{number, "not a user name"};
        const std::string_view hash_text = trimmed(line.substr(colon + 1));
        Parsed<PasswordHash> hash = PasswordHash::parse(hash_text);
        if (!hash) return FileProblem{number, hash.error().what};
        if (const ScramVerifier* scram = hash->scram())
            file.shapes_.push_back({scram->iterations, scram->salt.size()});
        User user{std::move(*hash), credential_number(hash_text)};
        if (!file.users_.emplace(name, std::move(user)).second)
            return FileProblem{number, "the user '" + std::string(name) + "' is there twice"};
    }
    if (file.users_.empty()) return FileProblem{0, "there is no user in it"};
    return file;
}

const PasswordHash* PasswordFile::dearest() const {
    const auto less = [](const auto& a, const auto& b) {
        return a.second.hash.cost() < b.second.hash.cost();
    };
    return &std::ranges::max_element(users_, less)->second.hash;
}

bool PasswordFile::verify(std::string_view user, std::string_view password) const {
    const auto found = users_.find(std::string(user));
    const bool known = found != users_.end();
    // Else the time of the answer would tell who is a user.
    const PasswordHash& hash = known ? found->second.hash : *dearest();
    const bool right = hash.matches(password);
    // A PBKDF2 key and the same with zeros behind it are one: HMAC fills up with them (RFC 2104 2).
    return right && known && password.find('\0') == std::string_view::npos;
}

std::uint64_t credential_number(std::string_view hash) {
    return std::hash<std::string_view>{}(hash) | 1U;
}

std::uint64_t PasswordFile::credential_of(std::string_view user) const {
    const auto found = users_.find(std::string(user));
    return found == users_.end() ? 0 : found->second.credential;
}

ScramVerifier PasswordFile::make_up(std::string_view user, std::string_view secret) const {
    const auto keyed = [&](std::string_view what) {
        return hmac_sha256(secret.empty() ? std::string_view(text_hash_) : secret,
                           std::string(what) + std::string(user));
    };
    const Shape& shape = shapes_[static_cast<unsigned char>(keyed("shape:").front()) % shapes_.size()];
    std::string salt = keyed("salt:") + keyed("more salt:");
    salt.resize(shape.salt_bytes);
    return {shape.iterations, std::move(salt), keyed("stored:"), keyed("server:")};
}

ScramUser PasswordFile::scram_user(std::string_view user, std::string_view secret) const {
    // For those who are there too, so that it takes as long.
    ScramVerifier made_up = make_up(user, secret);
    const auto found = users_.find(std::string(user));
    const ScramVerifier* verifier = found == users_.end() ? nullptr : found->second.hash.scram();
    if (verifier == nullptr) return {std::move(made_up), false};
    return {*verifier, true};
}

std::string with_user(std::string_view text, std::string_view user, std::string_view hash) {
    const std::string fresh = std::string(user) + ":" + std::string(hash) + "\n";
    std::string result;
    bool done = false;
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        const std::size_t colon = line.find(':');
        const bool theirs = !is_comment(trimmed(line)) && colon != std::string_view::npos &&
                            trimmed(line.substr(0, colon)) == user;
        if (!theirs) result.append(line).append("\n");
        if (theirs && !std::exchange(done, true)) result += fresh;
    }
    return done ? result : result + fresh;
}

}  // namespace millrace::access
