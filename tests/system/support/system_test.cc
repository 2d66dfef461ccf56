#include "tests/system/support/system_test.h"

#include <iostream>
#include <sstream>

namespace millrace::system_test {

void SystemTest::SetUp() {
    store_ = std::make_unique<TestStore>(GetParam());
    server_ = std::make_unique<Server>(store_->url(), more_yaml());
    server_->start();
}

void SystemTest::TearDown() {
    if (server_ && !stopped_by_test_) {
        EXPECT_TRUE(server_->running()) << "the server died";
        EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
    }
    if (server_ && HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
}

std::string store_name(const testing::TestParamInfo<StoreKind>& info) {
    std::ostringstream name;
    name << info.param;
    return name.str();
}

}  // namespace millrace::system_test
