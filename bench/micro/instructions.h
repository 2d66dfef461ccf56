// Counting instructions under callgrind.
#pragma once

#include <string>

#include "bench/micro/case.h"

namespace millrace::bench {

/// What the counts depend on beside the sources: a baseline made with something else says nothing.
std::string toolchain();

/// Runs each case whose name contains `filter` once unmeasured and once measured. callgrind leaves one file
/// per case, whose description is `<times> <name>`. False: callgrind is not there, or no case was meant.
bool count_instructions(const Cases& cases, const std::string& filter);

}  // namespace millrace::bench
