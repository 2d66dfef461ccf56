// The suite that every SessionLog implementation passes.
#pragma once

#include <string_view>
#include <vector>

#include "tests/store/log_suite.h"

namespace millrace::store::test {

class SessionSuite : public LogSuite {
  protected:
    void SetUp() override;
    /// A process that ends and another one that begins.
    void restart();
    void apply(const std::vector<SessionChange>& changes, bool durable = true);
    /// By id, subscriptions by filter.
    std::vector<RestoredSession> load();

    std::unique_ptr<SessionLog> sessions_;
};

}  // namespace millrace::store::test
