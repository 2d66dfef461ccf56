// A database that can be reached and refuses: the operator is told, and nobody loses a message.
#include <gmock/gmock.h>

#include "tests/system/support/http_client.h"
#include "tests/system/support/server.h"
#include "tests/system/support/test_store.h"

namespace millrace::system_test {
namespace {

using testing::HasSubstr;

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

/// A server that is nobody in particular in its database: superusers may everything.
class DatabaseFaults : public testing::Test {
  protected:
    void SetUp() override {
        store_.query("create role keeper login");
        const std::string name = store_.url().substr(store_.url().rfind('/') + 1);
        store_.query("alter database " + name + " owner to keeper");
        std::string url = store_.url();
        url.replace(url.find("millrace@"), std::string("millrace").size(), "keeper");
        server_ = std::make_unique<Server>(url, "limits:\n  store_wait: 1s\n");
        server_->start();
    }
    void TearDown() override {
        EXPECT_EQ(server_->stop(), 0);
        if (HasFailure()) std::cerr << server_->log();
        store_.query("drop owned by keeper cascade");
    }
    HttpAnswer publish(int n) {
        return http_post(server_->http_port(), "/v1/publish", {{"channel", "a"}, {"data", n}});
    }
    HttpAnswer readiness() { return http_get(server_->http_port(), "/readyz"); }

    TestStore store_{StoreKind::postgres};
    std::unique_ptr<Server> server_;
};

TEST_F(DatabaseFaults, AMissingRightIsNamedAndPublishingGoesOnOnceItIsGiven) {
    ASSERT_EQ(publish(1).status, 201);
    store_.query("revoke insert on millrace.message from keeper");
    const HttpAnswer refused = publish(2);
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_NE(refused.header("retry-after"), "");
    EXPECT_EQ(http_post(server_->http_port(), "/v1/publish", {{"channel", "live/a"}, {"data", 0}}).status,
              202);
    // Nothing is under way any more; it is asked again all the same, and it is not ready in between.
    for (int i = 0; i < 2; ++i) {
        const HttpAnswer answer = readiness();
        EXPECT_EQ(answer.status, 503);
        EXPECT_THAT(answer.body, HasSubstr("permission denied for table message (SQLSTATE 42501)"));
        EXPECT_EQ(publish(3).status, 503);
    }
    EXPECT_EQ(http_get(server_->http_port(), "/v1/channels/a/messages").status, 200);
    const std::string log = server_->log();
    EXPECT_EQ(count(log, "error PostgreSQL refuses"), 1U) << log;
    EXPECT_EQ(count(log, "permission denied for table message (SQLSTATE 42501)"), 1U) << log;
    EXPECT_EQ(count(log, "the store is back"), 0U) << log;
    store_.query("grant insert on millrace.message to keeper");
    ASSERT_TRUE(eventually([this] { return readiness().status == 200; }));
    EXPECT_EQ(publish(4).status, 201);
    EXPECT_THAT(store_.query("select seq, data from millrace.messages order by seq"),
                testing::ElementsAre("1|1", "2|4"));
}

}  // namespace
}  // namespace millrace::system_test
