// Tokens and key sets: nothing is accepted that was not signed, whatever its claims are.
#include <string>

#include "core/access/jwt.h"
#include "core/access/jwt_keys.h"
#include "core/channel_name.h"
#include "tests/fuzz/check.h"

using namespace millrace;
using millrace::fuzz::check;

namespace {

constexpr std::string_view kSecret = "the-secret-of-the-tests-is-32-bytes";
constexpr std::int64_t kNow = 1'795'000'000;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static const std::vector<access::JwtKey> keys{access::key_from_secret(kSecret)};
    const access::TokenRules rules;
    check(access::verify_token(text, keys, rules, kNow).has_error());
    const auto set = access::keys_from_jwks(text);
    if (set) check(!set->empty() && access::verify_token(text, *set, rules, kNow).has_error());

    std::string token = access::sign_token(text, kSecret);
    const auto user = access::verify_token(token, keys, rules, kNow);
    if (user) {
        check(user->kind == access::Principal::Kind::user && !user->name.empty() &&
              !user->expired(kNow * 1'000'000));
        if (user->grants) {
            for (const access::Grant& grant : *user->grants) check(is_channel_filter(grant.filter));
        }
    }
    token[size % token.size()] ^= 1;
    const auto forged = access::verify_token(token, keys, rules, kNow);
    check(forged.has_error());
    return 0;
}
