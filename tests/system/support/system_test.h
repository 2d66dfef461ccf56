// What most system tests have: a fresh store of the kind asked for, and a server on it.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "tests/system/support/server.h"
#include "tests/system/support/test_store.h"

namespace millrace::system_test {

/// Starts the server before the test. After it the server must still run and end with 0 at SIGTERM, unless
/// the test has stopped it; when the test failed, the server's log is printed.
class SystemTest : public testing::TestWithParam<StoreKind> {
  protected:
    void SetUp() override;
    void TearDown() override;
    /// Behind the keys of the rule '#', which is the last of the configuration.
    virtual std::string more_yaml() const { return {}; }

    TestStore& store() { return *store_; }
    Server& server() { return *server_; }
    /// The test ends the server itself.
    void server_ends_in_test() { stopped_by_test_ = true; }

  private:
    std::unique_ptr<TestStore> store_;
    std::unique_ptr<Server> server_;
    bool stopped_by_test_ = false;
};

std::string store_name(const testing::TestParamInfo<StoreKind>& info);

}  // namespace millrace::system_test

/// Runs every test of that fixture on SQLite and on PostgreSQL.
#define MILLRACE_ON_BOTH_STORES(Fixture)                                                    \
    INSTANTIATE_TEST_SUITE_P(Stores, Fixture,                                               \
                             testing::Values(::millrace::system_test::StoreKind::sqlite,    \
                                             ::millrace::system_test::StoreKind::postgres), \
                             ::millrace::system_test::store_name)
