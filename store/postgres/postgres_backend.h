// The store in PostgreSQL, 15 or later: schema `millrace`.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "store/log.h"

namespace millrace::store::postgres {

/// Opens the store in the database that `url` (any libpq URL) names: takes its lock for this process,
/// migrates. On failure `why` is one line for the person who started us, without the password.
Result<std::unique_ptr<Backend>> open(const std::string& url, std::string& why);

}  // namespace millrace::store::postgres
