// The schema `millrace`, by numbered steps.
#pragma once

#include "store/postgres/connection.h"

namespace millrace::store::postgres {

/// Brings the schema up to date, one transaction per step; `millrace.meta` says how far it is. For the
/// process that holds the database's lock. False, with the reason: a step failed, or a newer Millrace has
/// been here.
bool migrate(Connection& connection, std::string& why);

}  // namespace millrace::store::postgres
