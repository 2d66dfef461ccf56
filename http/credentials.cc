#include "http/credentials.h"

#include <string>

#include "http/session.h"
#include "http/target.h"
#include "mqtt/broker/entrance.h"

namespace millrace::http {
namespace {

/// The token of `Bearer <token>`; empty when the header says something else.
std::string_view bearer_of(std::string_view header) {
    constexpr std::string_view kScheme = "bearer ";
    if (header.size() <= kScheme.size()) return {};
    for (std::size_t i = 0; i < kScheme.size(); ++i) {
        if ((header[i] | 0x20) != kScheme[i]) return {};
    }
    return header.substr(kScheme.size());
}

/// RFC 6750 3: what is wrong with a token is said to who gave one.
access::PrincipalPtr refuse(Exchange& exchange, std::string_view detail, bool is_token) {
    std::string headers = "WWW-Authenticate: Bearer";
    if (is_token)
        headers.append(R"( error="invalid_token", error_description=")").append(detail).append("\"");
    headers.append("\r\n");
    exchange.session.fail({.status = 401, .detail = std::string(detail), .limit = {}, .headers = headers});
    return nullptr;
}

access::PrincipalPtr by_token(Exchange& exchange, std::string_view token) {
    const access::Authoriser& authoriser = exchange.server.authoriser();
    const auto user = authoriser.user_of(token, exchange.server.shard().wall_clock_us());
    if (user) return *user;
    const bool tried = authoriser.takes_tokens() && access::looks_like_token(token);
    return refuse(exchange, tried ? access::why_refused(user.error()) : "the credentials are not known here",
                  tried);
}

}  // namespace

access::PrincipalPtr authenticate(Exchange& exchange, bool anonymous_allowed) {
    const Request& request = exchange.request;
    if (!request.authorization.empty()) {
        const std::string_view credentials = bearer_of(request.authorization);
        access::PrincipalPtr backend = exchange.server.authoriser().backend_of(credentials);
        return backend ? backend : by_token(exchange, credentials);
    }
    if (request.method == Method::get || request.method == Method::head) {
        // No API keys there: addresses end up in logs.
        if (const auto token = query_parameter(request.query, "access_token"))
            return by_token(exchange, *token);
    }
    if (access::PrincipalPtr certified = mqtt::certified_user(exchange.session.connection()))
        return certified;
    if (anonymous_allowed) return access::anonymous();
    return refuse(exchange, "this request needs `Authorization: Bearer <API key or token>`", false);
}

}  // namespace millrace::http
