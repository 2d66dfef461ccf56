// What a TestServer stores, for tests that look at it.
#pragma once

#include "tests/support/memory_log.h"

namespace millrace::mqtt {

struct TestMemory : millrace::testing::MemoryStore {};

}  // namespace millrace::mqtt
