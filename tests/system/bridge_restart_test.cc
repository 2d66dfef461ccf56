// What browsers go through when the server restarts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
class BridgeRestartTest : public SystemTest {};

TEST_P(BridgeRestartTest, SocketsAreClosedWith1012) {
    BridgeClient ada(server().http_port());
    ASSERT_TRUE(ada.join("room"));
    server().send_term();
    EXPECT_EQ(ada.socket().wait_closed(), 1012);
    EXPECT_EQ(server().wait(), 0);
    server_ends_in_test();
}

TEST_P(BridgeRestartTest, EverySdkComesBackAndJoinsAgain) {
    SdkClient sdk1(1, server().websocket_url(), "room", {"--history", "--presence"});
    SdkClient sdk2(2, server().websocket_url(), "room", {"--history", "--presence"});
    SdkClient sdk3(3, server().websocket_url(), "room", {"--history", "--presence"});
    for (SdkClient* sdk : {&sdk1, &sdk2, &sdk3}) ASSERT_TRUE(sdk->frame("join"));
    ASSERT_EQ(
        http_post(server().http_port(), "/v1/publish", {{"channel", "room"}, {"data", "before"}}).status,
        201);
    for (SdkClient* sdk : {&sdk1, &sdk2, &sdk3}) ASSERT_TRUE(sdk->frame("event"));
    ASSERT_EQ(server().stop(), 0);
    server().start();
    for (SdkClient* sdk : {&sdk1, &sdk2, &sdk3}) {
        EXPECT_TRUE(sdk->frame("join", 30s));
        const std::optional<json::object> history = sdk->frame("history");
        ASSERT_TRUE(history);
        EXPECT_EQ(at_path(history, "payload.history").as_array().size(), 1U);
        EXPECT_TRUE(sdk->frame("presence_full"));
    }
    ASSERT_EQ(http_post(server().http_port(), "/v1/publish", {{"channel", "room"}, {"data", "after"}}).status,
              201);
    for (SdkClient* sdk : {&sdk1, &sdk2, &sdk3}) {
        const std::optional<json::object> event = sdk->frame("event");
        EXPECT_EQ(at_path(event, "payload.data"), "after");
        EXPECT_EQ(at_path(event, "options.seq"), 2);
        EXPECT_TRUE(eventually([sdk] { return sdk->presence().size() == 3; }));
    }
}

MILLRACE_ON_BOTH_STORES(BridgeRestartTest);

}  // namespace
}  // namespace millrace::system_test
