// MQTT clients that are cut off, away or slow while messages pour into a stored channel.
#include <algorithm>
#include <charconv>
#include <gmock/gmock.h>

#include "tests/system/support/http_client.h"
#include "tests/system/support/mosquitto_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/publisher.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// A client that acknowledges what it gets, and writes down the number of each message that it had not had.
class Follower {
  public:
    /// Reads until `until` says so or time is up.
    template <class Until>
    bool follow(MqttConnection& mqtt, Clock::duration time, Until until) {
        const Deadline deadline(time);
        while (!until()) {
            const auto packet = mqtt.read(deadline);
            if (!packet) break;
            if (packet->type() == PacketType::publish) take(mqtt, *packet);
        }
        return until();
    }
    bool follow_to(MqttConnection& mqtt, std::uint64_t last_number) {
        return follow(mqtt, kPatience * 3, [&] { return last() >= last_number; });
    }

    const std::vector<std::uint64_t>& numbers() const { return numbers_; }
    std::uint64_t last() const { return numbers_.empty() ? 0 : numbers_.back(); }
    /// Where messages with `reset` came, and the `first` of each.
    const std::vector<std::pair<std::size_t, std::uint64_t>>& resets() const { return resets_; }

  private:
    void take(MqttConnection& mqtt, const MqttPacket& packet) {
        MqttMessage message = parse_publish(packet, mqtt.level());
        if (message.id != 0) mqtt.send(mqtt_ack(PacketType::puback, message.id));
        const std::uint64_t got = number(message.payload);
        if (message.user_properties.contains("reset"))
            resets_.emplace_back(numbers_.size(), number(message.user_properties["first"]));
        if (got > last()) return numbers_.push_back(got);
        const bool redelivered = (packet.first & 0x08) != 0;
        EXPECT_TRUE(redelivered) << got << " after " << last();
    }

    std::vector<std::uint64_t> numbers_;
    std::vector<std::pair<std::size_t, std::uint64_t>> resets_;
};

class MqttResumeTest : public SystemTest {
  protected:
    /// Follows on one connection of `connect` after the other, until it has everything.
    template <class Connect>
    void follow_through_cuts(Publisher& publisher, Follower& follower, Connect connect) {
        const std::uint64_t published = cut_again_and_again(publisher, [&](Clock::duration stay) {
            MqttConnection mqtt = connect();
            follower.follow(mqtt, stay, [] { return false; });
        });
        MqttConnection mqtt = connect();
        EXPECT_TRUE(follower.follow_to(mqtt, published)) << follower.last() << " of " << published;
        EXPECT_EQ(follower.numbers().size(), published);
        expect_dense(follower.numbers(), 0, 1);
        EXPECT_TRUE(follower.resets().empty());
    }
};

TEST_P(MqttResumeTest, AClientThatRemembersItsPositionIsCutTwoHundredTimes) {
    Publisher publisher(server().http_port(), "cut");
    Follower follower;
    follow_through_cuts(publisher, follower, [&] {
        MqttConnection mqtt(server().mqtt_port(), kMqtt5, "reader");
        mqtt.send(mqtt_subscribe(kMqtt5, 1, "cut", 1, {{"after", std::to_string(follower.last())}}));
        return mqtt;
    });
}

TEST_P(MqttResumeTest, APersistentSessionIsCutTwoHundredTimes) {
    const auto connect = [&] { return MqttConnection(server().mqtt_port(), kMqtt311, "reader", {}, false); };
    ASSERT_EQ(connect().subscribe("cut", 1), 1);
    Publisher publisher(server().http_port(), "cut");
    Follower follower;
    follow_through_cuts(publisher, follower, connect);
    EXPECT_EQ(metric(server().http_port(), "millrace_positions_lost_total"), "0");
}

TEST_P(MqttResumeTest, MosquittosClientGetsHistoryFirst) {
    for (int i = 1; i <= 5; ++i)
        http_post(server().http_port(), "/v1/publish", {{"channel", "h/a"}, {"data", i}});
    http_post(server().http_port(), "/v1/publish", {{"channel", "h/b"}, {"data", 1}});
    MosquittoSub one(server().mqtt_port(), {"-V", "311", "-v", "-t", "$replay/2/h/a"});
    EXPECT_EQ(one.next(), "h/a 4");
    EXPECT_EQ(one.next(), "h/a 5");
    MosquittoSub all(server().mqtt_port(), {"-V", "311", "-v", "-q", "1", "-t", "$replay/1/h/+"});
    std::vector<std::string> got = {all.next().value_or(""), all.next().value_or("")};
    EXPECT_THAT(got, testing::UnorderedElementsAre("h/a 5", "h/b 1"));
    http_post(server().http_port(), "/v1/publish", {{"channel", "h/a"}, {"data", 6}});
    EXPECT_EQ(one.next(), "h/a 6");
    EXPECT_EQ(all.next(), "h/a 6");
}

MILLRACE_ON_BOTH_STORES(MqttResumeTest);

/// Keeps less than is published while a reader is away.
class MqttRetentionTest : public SystemTest {
  protected:
    std::string more_yaml() const override {
        return "    retention: {messages: 500}\nlimits:\n  retention_interval: 100ms\n";
    }
    std::uint64_t first() {
        const auto page = http_get(server().http_port(), "/v1/channels/short/messages?limit=1").json();
        return page.at("first").to_number<std::uint64_t>();
    }
};

TEST_P(MqttRetentionTest, WhoWasAwayTooLongIsTold) {
    const auto connect = [&] { return MqttConnection(server().mqtt_port(), kMqtt311, "session", {}, false); };
    ASSERT_EQ(connect().subscribe("short", 1), 1);
    Publisher publisher(server().http_port(), "short");
    ASSERT_TRUE(eventually([&] { return first() > 1000; }));
    Follower positioned;
    MqttConnection mqtt(server().mqtt_port(), kMqtt5, "reader");
    mqtt.send(mqtt_subscribe(kMqtt5, 1, "short", 1, {{"after", "10"}}));
    ASSERT_TRUE(positioned.follow_to(mqtt, 1600));
    ASSERT_GE(positioned.resets().size(), 1U);
    const auto [at, begins] = positioned.resets().back();
    EXPECT_EQ(positioned.numbers().at(at), begins);
    EXPECT_GT(begins, 1000U);
    expect_dense(positioned.numbers(), at, begins);

    Follower persistent;
    MqttConnection back = connect();
    const std::uint64_t published = publisher.stop();
    ASSERT_TRUE(persistent.follow_to(back, published));
    EXPECT_GT(persistent.numbers().front(), 1000U);
    EXPECT_NE(metric(server().http_port(), "millrace_positions_lost_total"), "0");
    EXPECT_THAT(server().log(), testing::HasSubstr("\"session\""));
}

MILLRACE_ON_BOTH_STORES(MqttRetentionTest);

class SmallQueueTest : public SystemTest {
  protected:
    std::string more_yaml() const override {
        return "limits:\n  session_queue_messages: 5\n  inflight_messages: 3\n";
    }
};

TEST_P(SmallQueueTest, ASlowReaderLosesNothing) {
    MqttConnection mqtt(server().mqtt_port(), kMqtt311, "slow");
    ASSERT_EQ(mqtt.subscribe("slow", 1), 1);
    Publisher publisher(server().http_port(), "slow");
    ASSERT_TRUE(eventually([&] { return publisher.acknowledged() > 3000; }));
    Follower follower;
    EXPECT_TRUE(follower.follow_to(mqtt, 3000));
    const std::uint64_t published = publisher.stop();
    EXPECT_TRUE(follower.follow_to(mqtt, published)) << follower.last() << " of " << published;
    EXPECT_EQ(follower.numbers().size(), published);
    expect_dense(follower.numbers(), 0, 1);
    EXPECT_EQ(metric(server().http_port(), "millrace_messages_dropped_total{reason=\"queue_full\"}"), "0");
}

MILLRACE_ON_BOTH_STORES(SmallQueueTest);

}  // namespace
}  // namespace millrace::system_test
