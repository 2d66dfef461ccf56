// Who sends a request.
#pragma once

#include "core/access/principal.h"

namespace millrace::http {

struct Exchange;

/// From `Authorization: Bearer <API key or token>`, or from the query parameter `access_token` of a GET (RFC
/// 6750 2.3), where a browser's EventSource can put a token, or from the client's TLS certificate. nullptr:
/// it was answered with 401.
access::PrincipalPtr authenticate(Exchange& exchange, bool anonymous_allowed);

}  // namespace millrace::http
