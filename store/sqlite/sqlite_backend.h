// The embedded store: one SQLite file.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "store/log.h"

namespace millrace::store::sqlite {

/// Opens the store in the file `path`: makes the directory (for its owner only) and the file when they are
/// missing, migrates, and locks the file for this process. On failure `why` is one line for the person who
/// started us.
Result<std::unique_ptr<Backend>> open(const std::string& path, std::string& why);

}  // namespace millrace::store::sqlite
