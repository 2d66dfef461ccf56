// The tables of docs/channels.md, and a server with a rule for each of their rows.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/system/support/http_client.h"
#include "tests/system/support/server.h"
#include "tests/system/support/test_store.h"

namespace millrace::system_test {

using Rows = std::vector<std::vector<std::string>>;

/// The cells of the rows whose first cell begins so.
Rows table(const std::string& beginning);
/// Of a rule as a cell has it, `anonymous: true`, `publish: anyone`: the name of its channel.
std::string channel_of(const std::string& cell);
/// Percent-encoded.
std::string in_path(std::string_view channel);
std::string authorization(const std::string& credential);

/// A rule for each channel_of() and everything below it. Clients are "anonymous", "user", which is row 7 of
/// table 1, "other", row 8 of the same, and "backend".
class RulesTest : public ::testing::TestWithParam<StoreKind> {
  protected:
    void SetUp() override;
    void TearDown() override;

    std::uint16_t http() const { return server_->http_port(); }
    const std::string& credential_of(const std::string& who) const { return credentials_.at(who); }
    HttpAnswer ask(const std::string& credential, std::string_view method, const std::string& target,
                   const std::string& body = {}) const;
    std::size_t count_stored(const std::string& channel) const;
    /// By HTTP, as a client writes it. `more`: members of the body, each behind a comma.
    void publish(const std::string& who, const std::string& channel, const std::string& text,
                 const std::string& more = {}) const;
    /// `more`: arguments, each behind a comma.
    void publish_with_sql(const std::string& channel, const std::string& text,
                          const std::string& more = {}) const;

    TestStore store_{GetParam()};
    std::unique_ptr<Server> server_;

  private:
    std::map<std::string, std::string> credentials_;
};

}  // namespace millrace::system_test
