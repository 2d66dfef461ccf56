// Who a CONNECT says it comes from.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/access/authoriser.h"
#include "mqtt/codec/packets.h"
#include "mqtt/codec/reason_code.h"

namespace millrace::mqtt {

/// Who it is, or why it is nobody.
struct Identification {
    ReasonCode code = ReasonCode::success;
    access::PrincipalPtr principal;
    bool check_password = false;  ///< it is them only if the password is theirs
};

/// What is known of a client beside its CONNECT.
struct Arriving {
    std::string_view client_id;
    access::PrincipalPtr certified;  ///< by its TLS certificate; goes before what the CONNECT says
    bool anonymous_allowed = false;
    std::int64_t now_us = 0;
};

/// A user who is still to show that it is them, by a password. Needs Authoriser::passwords().
access::PrincipalPtr claimed_user(const access::Authoriser& authoriser, std::string_view name,
                                  std::string_view client_id);

/// API keys and tokens travel as the password. Credentials that are given have to be right, unless the server
/// knows none at all; without any, the client is anonymous where that is allowed.
Identification identify(const access::Authoriser& authoriser, const Connect& connect,
                        const Arriving& arriving);

}  // namespace millrace::mqtt
