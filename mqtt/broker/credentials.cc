#include "mqtt/broker/credentials.h"

#include <memory>
#include <string>
#include <utility>

namespace millrace::mqtt {
namespace {

Identification refuse(ReasonCode code) {
    return {code, nullptr, false};
}

/// An access control list may ask for the client id, so each client gets a principal of its own.
access::PrincipalPtr named(const access::Authoriser& authoriser, access::PrincipalPtr principal,
                           std::string_view client_id) {
    if (!authoriser.needs_client_ids() || principal->kind == access::Principal::Kind::backend)
        return principal;
    access::Principal copy = *principal;
    copy.client_id = client_id;
    return std::make_shared<const access::Principal>(std::move(copy));
}

}  // namespace

access::PrincipalPtr claimed_user(const access::Authoriser& authoriser, std::string_view name,
                                  std::string_view client_id) {
    access::Principal user;
    user.kind = access::Principal::Kind::user;
    user.name = name;
    user.credential = authoriser.passwords()->credential_of(name);
    return named(authoriser, std::make_shared<const access::Principal>(std::move(user)), client_id);
}

Identification identify(const access::Authoriser& authoriser, const Connect& connect,
                        const Arriving& arriving) {
    const std::string_view client_id = arriving.client_id;
    if (arriving.certified) return {{}, named(authoriser, arriving.certified, client_id), false};
    const std::string_view password = connect.password ? as_text(*connect.password) : std::string_view{};
    if (connect.password) {
        if (access::PrincipalPtr backend = authoriser.backend_of(password))
            return {{}, std::move(backend), false};
    }
    if (authoriser.takes_tokens() && access::looks_like_token(password)) {
        if (const Result<access::PrincipalPtr> user = authoriser.user_of(password, arriving.now_us)) {
            return {{}, named(authoriser, *user, client_id), false};
        }
    }
    if (authoriser.passwords() && connect.user_name && connect.password) {
        return {{}, claimed_user(authoriser, *connect.user_name, client_id), true};
    }
    const bool given = connect.user_name || connect.password;
    if (given && authoriser.takes_credentials()) return refuse(ReasonCode::bad_user_name_or_password);
    if (arriving.anonymous_allowed) return {{}, named(authoriser, access::anonymous(), client_id), false};
    return refuse(connect.user_name ? ReasonCode::bad_user_name_or_password : ReasonCode::not_authorized);
}

}  // namespace millrace::mqtt
