// Who and what is there, and doing away with it.
#include <gmock/gmock.h>

#include "mqtt/broker/client_source.h"
#include "mqtt/broker/presence.h"
#include "tests/http/http_fixture.h"

namespace millrace::testing {
namespace {

namespace json = boost::json;

constexpr std::string_view kKey = "Authorization: Bearer s3cret\r\n";

class FakeClients final : public mqtt::ClientSource {
  public:
    void list_clients(mqtt::ClientPage& page) override {
        for (const std::string& id : ids) {
            if (!page.wants(id)) continue;
            ++asked;
            page.add(id, {.address = "127.0.0.1:7",
                          .protocol = "mqtt-5.0",
                          .transport = "tcp",
                          .user = id == "bo" ? "Bo" : "",
                          .connected_at_us = 1'792'000'000'123'000});
        }
    }
    bool disconnect_client(std::string_view id) override { return std::erase(ids, id) != 0; }

    std::vector<std::string> ids;
    int asked = 0;
};

class FakeSubscriber final : public mqtt::Subscriber {
  public:
    void deliver(const MessagePtr&, const mqtt::Match&) override {}
    std::size_t clients() const override { return 3; }
};

class FakePresence final : public mqtt::Presence {
  public:
    explicit FakePresence(Shard& shard) : shard_(shard) {}
    void list_members(std::string channel, std::string after, std::size_t limit,
                      std::function<void(mqtt::RosterPage)> done) override {
        const mqtt::RosterPage page{.members = "[{\"socketId\":\"" + channel + "\"}]",
                                    .total = limit,
                                    .next = after.empty() ? "5" : ""};
        shard_.post([page, done = std::move(done)] { done(page); });
    }
    void mqtt_entered(std::string_view, mqtt::MqttMember) override {}
    void mqtt_left(std::string_view, std::string_view, mqtt::Leaving) override {}

  private:
    Shard& shard_;
};

class AdministrationTest : public HttpFixture {
  protected:
    AdministrationTest() { start(); }
    HttpAnswer list(std::string_view target) { return get(target, kKey); }
    HttpAnswer remove(std::string_view target, std::string_view headers = kKey) {
        std::string text = "DELETE ";
        return ask(text.append(target).append(" HTTP/1.1\r\nHost: here\r\n").append(headers).append("\r\n"));
    }
    void fill(const std::string& channel, int count) {
        for (int i = 0; i < count; ++i) {
            ASSERT_EQ(post("/v1/publish", R"({"channel":")" + channel + R"(","data":1})").status, 201);
        }
    }
    static std::vector<std::string> names(const json::value& answer, const char* list, const char* member) {
        std::vector<std::string> found;
        for (const json::value& one : answer.at(list).as_array())
            found.emplace_back(one.at(member).as_string());
        return found;
    }
};

TEST_F(AdministrationTest, IsForApiKeys) {
    for (const char* target : {"/v1/clients", "/v1/channels"}) expect_problem(get(target), 401);
    for (const char* target : {"/v1/clients/a", "/v1/channels/a/messages"}) {
        expect_problem(remove(target, ""), 401);
        expect_problem(remove(target, "Authorization: Bearer wrong\r\n"), 401);
    }
}

TEST_F(AdministrationTest, ListsClientsPageByPage) {
    FakeClients one;
    FakeClients other;
    one.ids = {"d", "bo", "a"};
    other.ids = {"c", "e/\xc3\xa4"};
    broker_->add_clients(one);
    broker_->add_clients(other);
    const json::value all = list("/v1/clients").json();
    EXPECT_THAT(names(all, "clients", "id"), ::testing::ElementsAre("a", "bo", "c", "d", "e/\xc3\xa4"));
    EXPECT_TRUE(all.at("next").is_null());
    EXPECT_EQ(json::serialize(all.at("clients").at(1)),
              R"({"id":"bo","address":"127.0.0.1:7","protocol":"mqtt-5.0","transport":"tcp","user":"Bo",)"
              R"("connected_at":"2026-10-14T17:46:40.123Z"})");
    const json::value first = list("/v1/clients?limit=2").json();
    EXPECT_THAT(names(first, "clients", "id"), ::testing::ElementsAre("a", "bo"));
    EXPECT_EQ(first.at("next"), "bo");
    EXPECT_THAT(names(list("/v1/clients?limit=2&after=bo").json(), "clients", "id"),
                ::testing::ElementsAre("c", "d"));
    const json::value last = list("/v1/clients?limit=2&after=d").json();
    EXPECT_THAT(names(last, "clients", "id"), ::testing::ElementsAre("e/\xc3\xa4"));
    EXPECT_TRUE(last.at("next").is_null());
    expect_problem(list("/v1/clients?limit=0"), 400);
    expect_problem(list("/v1/clients?after=%x"), 400);
}

TEST_F(AdministrationTest, DisconnectsAClient) {
    FakeClients clients;
    clients.ids = {"a/b", "c"};
    broker_->add_clients(clients);
    EXPECT_EQ(remove("/v1/clients/a%2Fb").status, 204);
    EXPECT_THAT(clients.ids, ::testing::ElementsAre("c"));
    expect_problem(remove("/v1/clients/a%2Fb"), 404);
}

TEST_F(AdministrationTest, ListsStoredChannelsAndSubscribedOnes) {
    FakeSubscriber subscriber;
    broker_->subscribe("live/x", subscriber, {});
    broker_->subscribe("b", subscriber, {});
    broker_->subscribe("wild/#", subscriber, {});
    fill("b", 3);
    fill("wild/1", 1);
    EXPECT_EQ(remove("/v1/channels/b/messages?before=2").status, 200);
    const json::value all = list("/v1/channels").json();
    EXPECT_EQ(json::serialize(all),
              R"({"channels":[{"channel":"b","store":true,"first":2,"last":3,"messages":2,"subscribers":3},)"
              R"({"channel":"live/x","store":false,"subscribers":3},)"
              R"({"channel":"wild/1","store":true,"first":1,"last":1,"messages":1,"subscribers":3}],)"
              R"("next":null})");
    const json::value first = list("/v1/channels?limit=1").json();
    EXPECT_THAT(names(first, "channels", "channel"), ::testing::ElementsAre("b"));
    EXPECT_EQ(first.at("next"), "b");
    EXPECT_THAT(names(list("/v1/channels?limit=1&after=b").json(), "channels", "channel"),
                ::testing::ElementsAre("live/x"));
    EXPECT_THAT(names(list("/v1/channels?after=live%2Fx").json(), "channels", "channel"),
                ::testing::ElementsAre("wild/1"));
    memory_.away = true;
    expect_problem(list("/v1/channels"), 503);
    for (const char* filter : {"live/x", "b", "wild/#"}) broker_->unsubscribe(filter, subscriber);
}

TEST_F(AdministrationTest, APurgeLeavesTheNumbers) {
    fill("a", 4);
    EXPECT_EQ(remove("/v1/channels/a/messages?before=3").body, R"({"deleted":2,"first":3,"last":4})");
    EXPECT_EQ(remove("/v1/channels/a/messages").body, R"({"deleted":2,"first":0,"last":4})");
    EXPECT_EQ(post("/v1/publish", R"({"channel":"a","data":1})").json().at("seq"), 5);
    EXPECT_EQ(get("/v1/channels/a/messages").json().at("first"), 5);
    expect_problem(remove("/v1/channels/a/messages?before=0"), 400);
    expect_problem(remove("/v1/channels/%23/messages"), 400);
    memory_.away = true;
    expect_problem(remove("/v1/channels/a/messages"), 503);
}

TEST_F(AdministrationTest, ShowsTheRosterToWhoMaySeeIt) {
    expect_problem(get("/v1/channels/a/presence"), 404);
    FakePresence presence(shard_);
    broker_->set_presence(presence);
    EXPECT_EQ(get("/v1/channels/a/presence?limit=7").body,
              R"({"presence":[{"socketId":"a"}],"total":7,"next":"5"})");
    EXPECT_EQ(get("/v1/channels/a/presence?after=5").body,
              R"({"presence":[{"socketId":"a"}],"total":100,"next":null})");
    EXPECT_EQ(get("/v1/channels/a/presence?after=mqtt%3Athermostat").status, 200);
    expect_problem(get("/v1/channels/locked%2Fa/presence"), 403);
    EXPECT_EQ(list("/v1/channels/locked%2Fa/presence").status, 200);
    expect_problem(get("/v1/channels/a/presence?after=x"), 400);
}

}  // namespace
}  // namespace millrace::testing
