#include "core/access/claims.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>

#include "config/values.h"
#include "core/access/text_file.h"

namespace millrace::access {
namespace {

namespace json = boost::json;

/// Dates behind this are as good as never; so is what does not fit into 53 bits.
constexpr double kLatest = 9e15;

/// A NumericDate (RFC 7519 2), rounded down; `absent` when the claim is not there. Nothing: it is no number.
std::optional<std::int64_t> date_of(const json::object& claims, std::string_view name, std::int64_t absent) {
    const json::value* value = claims.if_contains(name);
    if (value == nullptr) return absent;
    if (!value->is_number()) return std::nullopt;
    const double seconds = value->to_number<double>();
    if (std::isnan(seconds)) return std::nullopt;  // what Boost.JSON makes of 0e999999999
    return static_cast<std::int64_t>(std::floor(std::clamp(seconds, -kLatest, kLatest)));
}

/// A whole number, as such or in digits. False: it is there and is none.
bool read_id(const json::object& claims, std::string_view name, std::int64_t& id) {
    const json::value* value = claims.if_contains(name);
    if (value == nullptr || value->is_null()) return true;
    if (value->is_int64()) {
        id = value->get_int64();
    } else if (value->is_string()) {
        const json::string& text = value->get_string();
        const char* end = text.data() + text.size();
        const auto read = std::from_chars(text.data(), end, id);
        if (text.empty() || read.ec != std::errc{} || read.ptr != end) return false;
    } else {
        return false;
    }
    return id >= 0;
}

bool is_text(const json::value* value, std::string_view wanted) {
    return value != nullptr && value->is_string() &&
           std::string_view(value->get_string().data(), value->get_string().size()) == wanted;
}

/// `aud` is one text or several (RFC 7519 4.1.3).
bool is_for(const json::value* audience, std::string_view wanted) {
    if (audience == nullptr || !audience->is_array()) return is_text(audience, wanted);
    return std::ranges::any_of(audience->get_array(),
                               [wanted](const json::value& one) { return is_text(&one, wanted); });
}

bool flag_of(const json::object& object, std::string_view name, bool& flag) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr) return true;
    if (!value->is_bool()) return false;
    flag = value->get_bool();
    return true;
}

/// `[{"filter","pub","sub"}]`; nothing when it is anything else.
std::optional<std::vector<Grant>> grants_of(const json::value& claim) {
    if (!claim.is_array()) return std::nullopt;
    std::vector<Grant> grants;
    for (const json::value& element : claim.get_array()) {
        const json::object* object = element.if_object();
        const json::value* filter = object == nullptr ? nullptr : object->if_contains("filter");
        if (filter == nullptr || !filter->is_string()) return std::nullopt;
        Grant grant;
        grant.filter.assign(filter->get_string().data(), filter->get_string().size());
        if (!config::check_filter(grant.filter).empty()) return std::nullopt;
        if (!flag_of(*object, "pub", grant.publish) || !flag_of(*object, "sub", grant.subscribe))
            return std::nullopt;
        grants.push_back(std::move(grant));
    }
    return grants;
}

/// The user's name. Nobody goes without one: without `sub` it is made of the two ids.
bool read_name(const json::object& claims, std::string_view claim, Principal& principal) {
    const json::value* value = claims.if_contains(claim);
    if (value != nullptr && !value->is_null()) {
        if (value->is_int64()) principal.name = std::to_string(value->get_int64());
        if (value->is_string()) principal.name.assign(value->get_string().data(), value->get_string().size());
        return !principal.name.empty() && is_plain_text(principal.name);
    }
    if (principal.row_id == 0) return false;
    principal.name = std::to_string(principal.dbo_id) + ":" + std::to_string(principal.row_id);
    return true;
}

bool read_identity(const json::object& claims, const TokenRules& rules, Principal& principal) {
    principal.kind = Principal::Kind::user;
    if (!read_id(claims, rules.dbo_id_claim, principal.dbo_id)) return false;
    if (!read_id(claims, rules.row_id_claim, principal.row_id)) return false;
    // A message to one user names a table and a row: who has no table is in the first.
    if (principal.row_id != 0 && principal.dbo_id == 0) principal.dbo_id = 1;
    if (!read_name(claims, rules.user_claim, principal)) return false;
    if (const json::value* extras = claims.if_contains(rules.extras_claim); extras && !extras->is_null()) {
        if (!extras->is_object()) return false;
        principal.extras = json::serialize(*extras);
    }
    if (const json::value* acl = claims.if_contains("acl")) {
        principal.grants = grants_of(*acl);
        return principal.grants.has_value();
    }
    return true;
}

}  // namespace

Result<Principal> read_claims(const json::object& claims, const TokenRules& rules, std::int64_t now_s) {
    const auto expires = date_of(claims, "exp", 0);  // RFC 7519 4.1.4; Xano's 0 is: never
    const auto begins = date_of(claims, "nbf", 0);   // RFC 7519 4.1.5
    if (!expires || !begins || *expires < 0) return Errc::malformed;
    if (*expires != 0 && now_s >= *expires + rules.leeway_s) return Errc::timed_out;
    if (now_s < *begins - rules.leeway_s) return Errc::not_authorised;
    if (!rules.issuer.empty() && !is_text(claims.if_contains("iss"), rules.issuer))
        return Errc::not_authorised;
    if (!rules.audience.empty() && !is_for(claims.if_contains("aud"), rules.audience)) {
        return Errc::not_authorised;
    }
    Principal principal;
    if (!read_identity(claims, rules, principal)) return Errc::malformed;
    if (*expires != 0) principal.expires_at_s = *expires + rules.leeway_s;
    return principal;
}

}  // namespace millrace::access
