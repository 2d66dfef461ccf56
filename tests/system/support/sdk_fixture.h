// What the tests with the published Xano SDK have in common: where it runs, a server for it, and its members.
#pragma once

#include <boost/json/object.hpp>
#include <gtest/gtest.h>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/server.h"

namespace millrace::system_test {

/// A major version of the SDK, and where it runs.
struct Sdk {
    const char* name;
    int major;
    bool in_chromium;  ///< over TLS; in Node without
};

/// What the acceptance list is run with. They differ in what the list does not use: 3 knows
/// realtimeConnectionCanonical beside realtimeConnectionHash, 1 sends `authToken` where it has no
/// `realtimeAuthToken`.
inline constexpr Sdk kSdks[] = {
    {"Sdk1", 1, false}, {"Sdk2", 2, false}, {"Sdk3", 3, false}, {"Sdk3InChromium", 3, true}};

std::ostream& operator<<(std::ostream& out, const Sdk& sdk);

/// A server on http, and on https where the SDK dials port 443: connections are led from there to a free port
/// below TLS, so nobody has to own port 443. Anonymous clients may do what a rule says, users have tokens.
/// One Chromium serves all tests of the program, and is started when it is needed.
class SdkTest : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;
    /// Behind the rules, which are its first part.
    virtual std::string more_yaml() const { return {}; }

    /// A member of `channel`; as many may be under way at once as one likes.
    std::unique_ptr<SdkClient> client(const Sdk& sdk, const std::string& channel,
                                      std::vector<std::string> more = {}, const std::string& key = "default");
    /// The arguments that a member of that user has.
    std::vector<std::string> as_user(const std::string& row, std::vector<std::string> more = {}) const;
    std::string token(const std::string& row) const;
    /// Publishes an event as a backend.
    void post(const std::string& channel, const boost::json::value& data,
              boost::json::object more = {}) const;
    Server& server() { return *server_; }
    static std::string tls_port();
    static const ::millrace::testing::Certificates& certificates();

  private:
    std::unique_ptr<Server> server_;
};

}  // namespace millrace::system_test
