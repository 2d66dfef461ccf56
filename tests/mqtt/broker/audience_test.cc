// Who gets what MQTT clients write, where the rule says `audience: authenticated`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/access/jwt.h"
#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

using ::testing::ElementsAre;

constexpr const char* kSecret = "the-secret-of-the-tests-is-32-bytes";
constexpr const char* kKey = "the-key-of-a-backend";

void add_rules(config::Config& config) {
    config.auth.api_keys = {kKey};
    config.auth.jwt.secret = kSecret;
    config::ChannelRule stored{.match = "stored/#", .store = true};
    config::ChannelRule live{.match = "#", .store = false};
    stored.audience = live.audience = config::Audience::authenticated;
    config.channels = {stored, live};
}

/// On a live channel and on a stored one.
class AudienceTest : public ::testing::TestWithParam<const char*> {
  protected:
    AudienceTest() {
        come(stranger, "stranger", "");
        come(member, "member", token());
        for (TestClient* reader : {&stranger, &member}) reader->subscribe(GetParam(), 0);
        server.turn();
    }

    static std::string token() { return access::sign_token(R"({"sub":"ada"})", kSecret); }
    void come(TestClient& client, std::string_view id, const std::string& password, bool with_will = false) {
        Connect connect;
        connect.client_id = id;
        if (!password.empty()) connect.password = as_bytes(password);
        if (with_will) {
            connect.will.emplace();
            connect.will->topic = GetParam();
            connect.will->payload = as_bytes("will");
        }
        client.connect_with(connect);
        server.turn();
    }
    /// Everybody writes, the backend last.
    void write() {
        TestClient user{server, 0};
        TestClient nobody{server, 0};
        TestClient backend{server, 0};
        come(user, "user", token(), true);
        come(nobody, "nobody", "");
        come(backend, "backend", kKey);
        user.publish(GetParam(), "user", 1);
        server.turn();
        user.drop();
        server.turn();
        nobody.publish(GetParam(), "nobody", 1);
        server.turn();
        backend.publish(GetParam(), "backend", 1);
        const auto last = [&] {
            stranger.read();
            member.read();
            return stranger.payloads().size() > 1 && member.payloads().size() > 3;
        };
        server.turn_until(last, Milliseconds{2000});
    }

    TestServer server{1, add_rules};
    TestClient stranger{server, 0};
    TestClient member{server, 0};
};

TEST_P(AudienceTest, WhatUsersWriteIsForAuthenticatedClients) {
    write();
    EXPECT_THAT(stranger.payloads(), ElementsAre("nobody", "backend"));
    EXPECT_THAT(member.payloads(), ElementsAre("user", "will", "nobody", "backend"));
}

TEST_P(AudienceTest, WhatUsersRetainLeavesTheOthersWhatTheyHad) {
    TestClient user{server, 0};
    TestClient backend{server, 0};
    come(user, "user", token());
    come(backend, "backend", kKey);
    backend.publish(GetParam(), "open", 1, 1, true);
    const auto comes = [&](TestClient& reader, std::size_t count) {
        return server.turn_until([&] {
            reader.read();
            return reader.payloads().size() >= count;
        });
    };
    ASSERT_TRUE(comes(member, 1));
    user.publish(GetParam(), "inner", 1, 1, true);
    ASSERT_TRUE(comes(member, 2));
    for (TestClient* reader : {&stranger, &member}) {
        reader->messages.clear();
        reader->subscribe(GetParam(), 0);
        EXPECT_TRUE(comes(*reader, 1));
    }
    EXPECT_THAT(stranger.payloads(), ElementsAre("open"));
    EXPECT_THAT(member.payloads(), ElementsAre("inner"));
}

INSTANTIATE_TEST_SUITE_P(Channels, AudienceTest, ::testing::Values("live", "stored/a"));

}  // namespace
}  // namespace millrace::mqtt
