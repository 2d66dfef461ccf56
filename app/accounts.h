// The commands that make users: `millrace passwd` and `millrace token`.
#pragma once

#include <string>

#include "app/command_line.h"

namespace millrace::app {

/// Adds the user to the file, which need not exist, or changes the password; every other line stays. The file
/// is replaced as a whole and is readable for its owner only. With `scram` it gets what SCRAM-SHA-256 needs.
Exit change_password(const std::string& file, const std::string& user, bool scram);

/// Prints a token. An ID that is a number becomes the row as well, of table 1.
Exit mint_token(const std::string& config_path, const TokenRequest& request);

}  // namespace millrace::app
