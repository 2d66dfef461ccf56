#include "core/access/jwt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "core/access/acl_file.h"
#include "core/access/base64.h"
#include "tests/core/access/tokens.h"

namespace millrace::access {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
const std::string kSecret(32, 's');

Result<Principal> verify(std::string_view token, const std::vector<JwtKey>& keys = {key_from_secret(kSecret)},
                         const TokenRules& rules = {}, std::int64_t now = kNow) {
    return verify_token(token, keys, rules, now);
}

Result<Principal> claims(std::string_view json, const TokenRules& rules = {}) {
    return verify(sign_token(json, kSecret), {key_from_secret(kSecret)}, rules);
}

error_code refusal(const Result<Principal>& result) {
    return result ? error_code() : result.error();
}

// RFC 7515 A.1, A.2 and A.3: the same claims, signed in three ways.
constexpr std::string_view kJoe =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
constexpr std::string_view kHs256Key =
    R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})";
constexpr std::string_view kRs256Key =
    R"({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJ)"
    R"(PMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbB)"
    R"(YUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9)"
    R"(iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})";
constexpr std::string_view kEs256Key =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
const std::string kHs256 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + std::string(kJoe) +
                           ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const std::string kRs256 =
    "eyJhbGciOiJSUzI1NiJ9." + std::string(kJoe) +
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
    "O8W2Fp5jujGbds9uJdbF9CU"
    "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"
    "eSN9383LcOLn6_dO--"
    "xi12jzDwusC-"
    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_Ioyp"
    "GlUPQGe77Rw";
const std::string kEs256 =
    "eyJhbGciOiJFUzI1NiJ9." + std::string(kJoe) +
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

std::vector<JwtKey> jwks(std::string_view keys) {
    auto parsed = keys_from_jwks("{\"keys\":[" + std::string(keys) + "]}");
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().what);
    return parsed ? *parsed : std::vector<JwtKey>{};
}

TEST(Jwt, TheExamplesOfRfc7515Verify) {
    TokenRules rules;
    rules.user_claim = "iss";
    const std::string all =
        std::string(kHs256Key) + "," + std::string(kRs256Key) + "," + std::string(kEs256Key);
    for (const std::string& token : {kHs256, kRs256, kEs256}) {
        const auto user = verify(token, jwks(all), rules, 1'300'819'379);
        ASSERT_TRUE(user) << user.error().message();
        EXPECT_EQ(user->name, "joe");
        EXPECT_EQ(user->expires_at_s, 1'300'819'380);
        EXPECT_EQ(refusal(verify(token, jwks(all), rules, 1'300'819'380)), Errc::timed_out);
        std::string forged = token;
        forged[forged.size() - 5] ^= 1;
        EXPECT_EQ(refusal(verify(forged, jwks(all), rules, 0)), Errc::not_authorised);
    }
}

TEST(Jwt, TheExampleOfRfc8037Verifies) {
    const auto keys =
        jwks(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
    const std::string text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    const auto signature = decode_base64url(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
    ASSERT_TRUE(signature);
    EXPECT_TRUE(verify_signature(keys.at(0), text, *signature));
    EXPECT_FALSE(verify_signature(keys.at(0), text + "x", *signature));
    EXPECT_FALSE(verify_signature(keys.at(0), text, signature->substr(1)));
}

TEST(Jwt, EveryKindOfPublicKeySigns) {
    for (const char* kind : {"RSA", "EC", "ED25519"}) {
        const TestKey key(kind);
        const auto parsed = key_from_pem(key.public_pem());
        ASSERT_TRUE(parsed) << kind;
        const std::string token = key.sign(R"({"sub":"ada"})");
        EXPECT_TRUE(verify(token, {*parsed})) << kind;
        EXPECT_FALSE(verify(token, {*key_from_pem(TestKey(kind).public_pem())}))
            << kind << ": somebody else's";
    }
}

TEST(Jwt, AnAlgorithmTheKeyIsNotForIsRefused) {
    const TestKey rsa("RSA");
    const JwtKey key = *key_from_pem(rsa.public_pem());
    const std::string body = encode_base64url(R"({"sub":"ada"})");
    for (const char* algorithm : {"none", "None", "HS256", "HS512", "ES256", "RS512", "PS256", "EdDSA", ""}) {
        const std::string header = encode_base64url(R"({"alg":")" + std::string(algorithm) + R"("})");
        EXPECT_FALSE(verify(header + "." + body + ".", {key})) << algorithm;
        EXPECT_FALSE(verify(rsa.sign(R"({"sub":"ada"})", algorithm), {key})) << algorithm;
    }
    // The well-known confusion: the public key, which everybody has, as the secret of an HMAC.
    EXPECT_FALSE(verify(sign_token(R"({"sub":"ada"})", rsa.public_pem()), {key}));
    EXPECT_FALSE(verify(encode_base64url(R"({"alg":"none"})") + "." + body + "."));
    EXPECT_FALSE(verify(encode_base64url(R"({"alg":1})") + "." + body + "."));
}

TEST(Jwt, WhatIsNotATokenIsRefused) {
    const std::string good = sign_token(R"({"sub":"ada"})", kSecret);
    EXPECT_TRUE(verify(good));
    const std::vector<std::string> bad{"",
                                       ".",
                                       "..",
                                       "...",
                                       "a.b.c",
                                       good + ".",
                                       "." + good,
                                       good + "=",
                                       good + " ",
                                       good.substr(0, good.rfind('.') + 1),
                                       good.substr(0, good.rfind('.')),
                                       std::string(100'000, 'a') + good,
                                       good + std::string("\0", 1)};
    for (const std::string& token : bad) EXPECT_FALSE(verify(token)) << token.substr(0, 100);
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string flipped = good;
        flipped[i] = flipped[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(verify(flipped)) << i;
    }
    for (const char* json : {"[]", "1", "", "{", "{\"sub\":\"\xff\"}", "null"}) {
        EXPECT_EQ(refusal(claims(json)), Errc::malformed) << json;
    }
}

TEST(Jwt, AHeaderThatMustBeUnderstoodAndIsNotRefuses) {
    const std::string text = encode_base64url(R"({"alg":"HS256","crit":["b64"],"b64":false})") + "." +
                             encode_base64url(R"({"sub":"ada"})");
    EXPECT_FALSE(verify(sign_text(text, kSecret)));
}

TEST(Jwt, TheKeyIdChoosesAmongKeys) {
    JwtKey first = key_from_secret(std::string(32, 'a'));
    JwtKey second = key_from_secret(kSecret);
    first.id = "first";
    second.id = "second";
    const auto token = [](const std::string& id) {
        return sign_text(encode_base64url(R"({"alg":"HS256","kid":")" + id + R"("})") + "." +
                             encode_base64url(R"({"sub":"ada"})"),
                         kSecret);
    };
    EXPECT_TRUE(verify(token("second"), {first, second}));
    EXPECT_FALSE(verify(token("first"), {first, second}));
    EXPECT_FALSE(verify(token("third"), {first, second}));
    EXPECT_TRUE(verify(sign_token(R"({"sub":"ada"})", kSecret), {first, second})) << "no id: any key";
}

TEST(Claims, SayWhoItIs) {
    const auto user = claims(R"({"sub":"ada","dbo_id":7,"row_id":"42","extras":{"name":"Ada"}})");
    ASSERT_TRUE(user);
    EXPECT_EQ(user->kind, Principal::Kind::user);
    EXPECT_EQ(user->name, "ada");
    EXPECT_EQ(user->dbo_id, 7);
    EXPECT_EQ(user->row_id, 42);
    EXPECT_EQ(user->extras, R"({"name":"Ada"})");
    EXPECT_EQ(user->expires_at_s, 0);
    EXPECT_FALSE(user->grants);
}

TEST(Claims, NamesCanBeMapped) {
    TokenRules rules;
    rules.user_claim = "email";
    rules.row_id_claim = "sub";
    rules.extras_claim = "user_metadata";
    const auto user =
        claims(R"({"email":"a@b.c","sub":"12","user_metadata":{"n":1},"extras":{"n":2}})", rules);
    ASSERT_TRUE(user);
    EXPECT_EQ(user->name, "a@b.c");
    EXPECT_EQ(user->row_id, 12);
    EXPECT_EQ(user->dbo_id, 1);
    EXPECT_EQ(user->extras, R"({"n":1})");
}

TEST(Claims, ATokenWithoutASubjectIsNamedByItsRow) {
    EXPECT_EQ(claims(R"({"dbo_id":7,"row_id":42})")->name, "7:42");
    EXPECT_EQ(claims(R"({"sub":12})")->name, "12");
    EXPECT_EQ(refusal(claims(R"({"dbo_id":7})")), Errc::malformed);
    EXPECT_EQ(refusal(claims(R"({})")), Errc::malformed);
}

TEST(Claims, OfTheWrongKindAreRefused) {
    for (const char* json : {R"({"sub":""})",
                             R"({"sub":[]})",
                             "{\"sub\":\"a\\u0000b\"}",
                             "{\"sub\":\"a\\nb\"}",
                             R"({"sub":"a","row_id":-1})",
                             R"({"sub":"a","row_id":1.5})",
                             R"({"sub":"a","row_id":"1x"})",
                             R"({"sub":"a","dbo_id":99999999999999999999})",
                             R"({"sub":"a","extras":"x"})",
                             R"({"sub":"a","exp":"soon"})",
                             R"({"sub":"a","exp":-1})",
                             R"({"sub":"a","nbf":true})",
                             R"({"sub":"a","exp":0E95000100})",
                             R"({"sub":"a","nbf":0E95000100})",
                             R"({"sub":"a","acl":{}})",
                             R"({"sub":"a","acl":[1]})",
                             R"({"sub":"a","acl":[{"pub":true}]})",
                             R"({"sub":"a","acl":[{"filter":"a/#/b","pub":true}]})",
                             R"({"sub":"a","acl":[{"filter":"a","pub":1}]})",
                             R"({"sub":"a","acl":[{"filter":""}]})"}) {
        EXPECT_EQ(refusal(claims(json)), Errc::malformed) << json;
    }
}

TEST(Claims, TimesAreKeptWithTheLeeway) {
    TokenRules rules;
    rules.leeway_s = 10;
    const auto at = [&](const char* claim, std::int64_t difference) {
        return claims(
            R"({"sub":"a",")" + std::string(claim) + "\":" + std::to_string(kNow + difference) + "}", rules);
    };
    EXPECT_TRUE(at("exp", -9));
    EXPECT_EQ(refusal(at("exp", -10)), Errc::timed_out);
    EXPECT_TRUE(at("nbf", 10));
    EXPECT_EQ(refusal(at("nbf", 11)), Errc::not_authorised);
    EXPECT_EQ(at("exp", 5)->expires_at_s, kNow + 15);
    EXPECT_TRUE(claims(R"({"sub":"a","exp":1e300})")) << "as good as never";
    EXPECT_EQ(refusal(claims(R"({"sub":"a","exp":1.5})")), Errc::timed_out);
    EXPECT_EQ(claims(R"({"sub":"a","exp":0})")->expires_at_s, 0) << "0 is never, as in Xano's tokens";
}

TEST(Claims, IssuerAndAudienceAreComparedIfTheConfigurationNamesThem) {
    TokenRules rules;
    rules.issuer = "us";
    rules.audience = "millrace";
    EXPECT_TRUE(claims(R"({"sub":"a","iss":"us","aud":"millrace"})", rules));
    EXPECT_TRUE(claims(R"({"sub":"a","iss":"us","aud":["x","millrace"]})", rules));
    for (const char* json :
         {R"({"sub":"a"})", R"({"sub":"a","iss":"us"})", R"({"sub":"a","aud":"millrace"})",
          R"({"sub":"a","iss":"them","aud":"millrace"})", R"({"sub":"a","iss":["us"],"aud":"millrace"})",
          R"({"sub":"a","iss":"us","aud":"mill"})", R"({"sub":"a","iss":"us","aud":[]})"}) {
        EXPECT_EQ(refusal(claims(json, rules)), Errc::not_authorised) << json;
    }
    EXPECT_TRUE(claims(R"({"sub":"a","iss":"any","aud":["any"]})"));
}

TEST(Claims, AnAclIsTakenAsItIs) {
    const auto user = claims(R"({"sub":"a","acl":[{"filter":"a/#","pub":true},{"filter":"b","sub":true}]})");
    ASSERT_TRUE(user);
    ASSERT_TRUE(user->grants);
    EXPECT_TRUE(allowed_by(*user->grants, Permission::write, "a/x"));
    EXPECT_FALSE(allowed_by(*user->grants, Permission::read, "a/x"));
    EXPECT_TRUE(allowed_by(*user->grants, Permission::read, "b"));
    EXPECT_FALSE(allowed_by(*user->grants, Permission::write, "b"));
    EXPECT_TRUE(claims(R"({"sub":"a","acl":[]})")->grants)
        << "an empty list allows nothing, it is not absent";
}

TEST(Keys, ThatAreTooWeakOrOfAnotherKindAreRefused) {
    EXPECT_FALSE(key_from_pem(""));
    EXPECT_FALSE(key_from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
    EXPECT_FALSE(key_from_pem(TestKey("RSA", 1024).public_pem()));
    EXPECT_FALSE(key_from_pem(TestKey("X25519").public_pem()));
    EXPECT_FALSE(key_from_pem(TestKey("P-384").public_pem()));
}

TEST(Keys, ASetThatIsBrokenIsRefused) {
    for (const std::string json :
         {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[1]})",
          R"({"keys":[{"kty":"oct","k":"c2hvcnQ"}]})", R"({"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]})",
          R"({"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]})",
          R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"!"}]})", R"({"keys":[{"kty":"martian"}]})"}) {
        EXPECT_FALSE(keys_from_jwks(json)) << json;
    }
    const std::string off_curve =
        std::string(kEs256Key).replace(std::string(kEs256Key).find("f83"), 3, "g83");
    EXPECT_FALSE(keys_from_jwks("{\"keys\":[" + off_curve + "]}"));
    std::string confused(kRs256Key);
    confused.insert(1, R"("alg":"HS256",)");
    EXPECT_FALSE(keys_from_jwks("{\"keys\":[" + confused + "]}"));
}

TEST(Keys, ASetsOtherKeysArePassedOver) {
    std::string encryption(kRs256Key);
    encryption.insert(1, R"("use":"enc",)");
    const auto keys =
        jwks(encryption + R"(,{"kty":"martian"},{"kty":"EC","crv":"P-521"},)" + std::string(kEs256Key));
    ASSERT_EQ(keys.size(), 1U);
    EXPECT_EQ(keys[0].algorithm, Algorithm::es256);
}

TEST(Base64, HasOneTextForEachValue) {
    EXPECT_EQ(decode_base64url("Zg"), "f");
    EXPECT_EQ(decode_base64url("Zh"), std::nullopt);
    EXPECT_EQ(decode_base64url("Z"), std::nullopt);
    EXPECT_EQ(decode_base64url("Zg=="), std::nullopt);
    EXPECT_EQ(decode_base64url("-_-_"), "\xfb\xff\xbf");
    EXPECT_EQ(decode_base64("+/+/"), "\xfb\xff\xbf");
    EXPECT_EQ(decode_base64("Zg=="), "f");
    EXPECT_EQ(decode_base64("Zg="), std::nullopt);
    for (const std::string text : {"", "f", "fo", "foo", "foob"}) {
        EXPECT_EQ(decode_base64url(encode_base64url(text)), text);
    }
}

}  // namespace
}  // namespace millrace::access
