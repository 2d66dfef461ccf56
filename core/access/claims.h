// What a verified token claims.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>

#include "core/access/jwt.h"

namespace millrace::access {

/// As verify_token(), once the signature is known to be good.
Result<Principal> read_claims(const boost::json::object& claims, const TokenRules& rules, std::int64_t now_s);

}  // namespace millrace::access
