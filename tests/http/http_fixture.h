// One shard with an HTTP door, a broker and a store in memory.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "http/server.h"
#include "mqtt/broker/broker.h"
#include "tests/support/memory_log.h"
#include "tests/support/shard_fixture.h"

namespace millrace::testing {

/// An answer taken apart.
struct HttpAnswer {
    int status = 0;
    std::map<std::string, std::string> headers;  ///< names in lower case
    std::string body;

    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string{} : found->second;
    }
    boost::json::value json() const { return boost::json::parse(body); }
};

/// Takes the first whole answer off `text`; nothing while it is not whole. `head_only`: no body follows.
std::optional<HttpAnswer> take_answer(std::string& text, bool head_only = false);

/// Accepts `/ws` with the first subprotocol offered, refuses `/closed`; afterwards answers bytes with
/// themselves.
class EchoUpgrades final : public http::UpgradeHandler {
  public:
    bool serves(std::string_view asked) const override { return asked == "/ws" || asked == "/closed"; }
    http::UpgradeAnswer on_upgrade(const http::UpgradeRequest& request) override;

    std::string path;
    std::string query;
    std::vector<std::string> subprotocols;
    std::string origin;
    access::Principal::Kind kind = access::Principal::Kind::user;
    bool loopback = false;
};

class HttpFixture : public ShardFixture {
  protected:
    HttpFixture();
    ~HttpFixture() override;

    /// Call after changing config_.
    void start();
    Peer open();

    /// Sends and returns the answer to it; status 0 when none came.
    HttpAnswer exchange(Peer& peer, std::string_view bytes, bool head_only = false);
    HttpAnswer ask(std::string_view bytes);
    HttpAnswer get(std::string_view target, std::string_view headers = {});
    HttpAnswer post(std::string_view target, std::string_view body, std::string_view headers = {});
    static std::string post_text(std::string_view target, std::string_view body,
                                 std::string_view headers = {});
    HttpAnswer next(Peer& peer);

    static void expect_problem(const HttpAnswer& answer, int status);

    config::Config config_;
    MemoryStore memory_;
    EchoUpgrades upgrades_;
    mqtt::BrokerContext context_;
    mqtt::Distributor distributor_{context_};
    std::optional<access::Authoriser> authoriser_;
    std::optional<store::Store> store_;
    std::optional<mqtt::Broker> broker_;
    std::optional<http::Server> server_;
};

}  // namespace millrace::testing
