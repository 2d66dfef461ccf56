// The schema of the embedded store, by numbered steps.
#pragma once

#include "store/sqlite/database.h"

namespace millrace::store::sqlite {

/// Brings the schema up to date, one transaction per step; `PRAGMA user_version` says how far it is. False,
/// with the reason: a step failed, or a newer Millrace has been here.
bool migrate(Database& database, std::string& why);

}  // namespace millrace::store::sqlite
