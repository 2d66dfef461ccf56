// MQTT as devices use it, through Mosquitto's clients, Paho and packets by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "tests/system/support/http_client.h"
#include "tests/system/support/mosquitto_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/node_client.h"
#include "tests/system/support/paho_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

using testing::ElementsAre;

class MqttTest : public SystemTest {
  protected:
    void publish(const std::vector<std::string>& arguments) {
        const Outcome outcome = mosquitto_pub(server().mqtt_port(), arguments);
        EXPECT_EQ(outcome.status, 0) << outcome.error;
    }
    /// Topic and payload of the next message.
    static std::string next(PahoClient& client) {
        const mqtt::const_message_ptr message = client.next();
        return message ? message->get_topic() + " " + message->to_string() : "nothing";
    }
};

TEST_P(MqttTest, RetainedMessageIsGivenToALateSubscriberUntilCleared) {
    for (const std::string topic : {"live/lamp", "lamp"}) {
        publish({"-q", "1", "-r", "-t", topic, "-m", "on"});
        MosquittoSub late(server().mqtt_port(), {"-t", topic, "-C", "1", "-F", "%r %p"});
        EXPECT_EQ(late.next(), "1 on") << topic;
        publish({"-q", "1", "-r", "-t", topic, "-n"});
        PahoClient later(server().mqtt_port(), 5, "later");
        later.subscribe(topic, 1);
        publish({"-q", "1", "-t", topic, "-m", "after"});
        EXPECT_EQ(next(later), topic + " after");
    }
}

TEST_P(MqttTest, RetainedMessageOutlivesARestart) {
    publish({"-q", "1", "-r", "-t", "lamp", "-m", "on"});
    ASSERT_EQ(server().stop(), 0);
    server().start();
    PahoClient late(server().mqtt_port(), 4, "late");
    late.subscribe("lamp", 1);
    EXPECT_EQ(next(late), "lamp on");
}

TEST_P(MqttTest, WillIsPublishedWhenTheClientDies) {
    PahoClient witness(server().mqtt_port(), 5, "witness");
    witness.subscribe("wills/#", 1);
    for (const std::string version : {"mqttv311", "mqttv5"}) {
        MosquittoSub mortal(server().mqtt_port(),
                            {"-V", version, "-t", "any", "--will-topic", "wills/" + version, "--will-payload",
                             "gone", "--will-qos", "1"});
        ASSERT_TRUE(mortal.subscribed());
        mortal.process().signal(SIGKILL);
        EXPECT_EQ(next(witness), "wills/" + version + " gone");
    }
}

TEST_P(MqttTest, WillIsNotPublishedAfterDisconnect) {
    PahoClient witness(server().mqtt_port(), 5, "witness");
    witness.subscribe("wills/#", 1);
    MosquittoSub polite(server().mqtt_port(),
                        {"-t", "any", "--will-topic", "wills/polite", "--will-payload", "gone"});
    ASSERT_TRUE(polite.subscribed());
    polite.process().signal(SIGTERM);
    ASSERT_TRUE(polite.process().wait());
    publish({"-q", "1", "-t", "wills/fence", "-m", "1"});
    EXPECT_EQ(next(witness), "wills/fence 1");
}

TEST_P(MqttTest, SecondClientOfTheSameIdTakesOver) {
    for (const int level : {kMqtt311, kMqtt5}) {
        MqttConnection first(server().mqtt_port(), level, "twin");
        MqttConnection second(server().mqtt_port(), level, "twin");
        if (level == kMqtt5) {
            const std::optional<MqttPacket> goodbye = first.read_type(PacketType::disconnect);
            ASSERT_TRUE(goodbye);
            EXPECT_EQ(goodbye->disconnect_reason(), 0x8e);  // Session taken over
        }
        EXPECT_TRUE(first.socket().closed_by_peer());
        EXPECT_TRUE(second.alive());
    }
}

TEST_P(MqttTest, QosTwoArrivesExactlyOnceInOrder) {
    PahoClient subscriber3(server().mqtt_port(), 4, "subscriber-3");
    PahoClient subscriber5(server().mqtt_port(), 5, "subscriber-5");
    subscriber3.subscribe("exact/#", 2);
    subscriber5.subscribe("exact/#", 2);
    for (const int level : {4, 5}) {
        PahoClient publisher(server().mqtt_port(), level, "publisher");
        const std::string topic = "exact/" + std::to_string(level);
        for (int i = 0; i < 10; ++i) ASSERT_TRUE(publisher.publish(topic, std::to_string(i), 2));
        EXPECT_THAT(
            store().query("select count(*) from " + store().messages() + " where channel = '" + topic + "'"),
            ElementsAre("10"));
        for (PahoClient* subscriber : {&subscriber3, &subscriber5}) {
            for (int i = 0; i < 10; ++i) EXPECT_EQ(next(*subscriber), topic + " " + std::to_string(i));
        }
    }
    EXPECT_FALSE(subscriber3.next(0s));
    EXPECT_FALSE(subscriber5.next(0s));
}

TEST_P(MqttTest, WildcardsMatchAsTheyShould) {
    MosquittoSub plus(server().mqtt_port(), {"-t", "sensors/+/temp", "-F", "%t", "-C", "2"});
    MosquittoSub hash(server().mqtt_port(), {"-t", "sensors/#", "-F", "%t", "-C", "4"});
    ASSERT_TRUE(plus.subscribed());
    ASSERT_TRUE(hash.subscribed());
    const std::vector<std::string> topics = {"sensors", "sensors/a/temp", "sensors/a/b/temp",
                                             "sensors/c/temp"};
    for (const std::string& topic : topics) publish({"-q", "1", "-t", topic, "-m", "1"});
    for (const std::string& topic : topics) EXPECT_EQ(hash.next(), topic);
    EXPECT_EQ(plus.next(), "sensors/a/temp");
    EXPECT_EQ(plus.next(), "sensors/c/temp");
}

TEST_P(MqttTest, SessionKeepsWhatCameWhileTheClientWasAway) {
    for (const int level : {4, 5}) {
        const std::string topic = "away/" + std::to_string(level);
        {
            PahoClient device(server().mqtt_port(), level, "device-" + std::to_string(level), false);
            EXPECT_FALSE(device.session_present());
            device.subscribe(topic, 1);
        }
        publish({"-q", "1", "-t", topic, "-m", "while away"});
        http_post(server().http_port(), "/v1/publish", {{"channel", topic}, {"data", 7}});
        PahoClient back(server().mqtt_port(), level, "device-" + std::to_string(level), false);
        EXPECT_TRUE(back.session_present());
        EXPECT_EQ(next(back), topic + " while away");
        EXPECT_EQ(next(back), topic + " 7");
    }
}

TEST_P(MqttTest, MqttjsUnderstandsTheTopicAliasesItIsSent) {
    NodeClient client("mqttjs_client.mjs",
                      {"--url", "mqtt://127.0.0.1:" + std::to_string(server().mqtt_port()), "--version", "5",
                       "--topic", "live/#", "--qos", "1", "--aliases", "2"});
    ASSERT_TRUE(client.next("subscribed"));
    for (const char* payload : {"1", "2"}) {
        for (const char* topic : {"live/first", "live/second", "live/third"})
            publish({"-q", "1", "-t", topic, "-m", payload});
    }
    std::vector<std::string> got;
    for (int i = 0; i < 6; ++i) {
        const auto message = client.next("message");
        ASSERT_TRUE(message);
        const boost::json::value* alias = message->at("properties").as_object().if_contains("topicAlias");
        got.push_back(std::string(message->at("topic").as_string()) + " " +
                      std::string(message->at("payload").as_string()) +
                      (alias == nullptr ? "" : " by " + std::to_string(alias->to_number<int>())));
    }
    EXPECT_THAT(got, ElementsAre("live/first 1 by 1", "live/second 1 by 2", "live/third 1",
                                 "live/first 2 by 1", "live/second 2 by 2", "live/third 2"));
}

TEST_P(MqttTest, SilentClientIsDisconnectedAfterItsKeepAlive) {
    TcpSocket silent(server().mqtt_port());
    silent.send(mqtt_packet(0x10, mqtt_string("MQTT") + "\x04\x02" + mqtt_u16(1) + mqtt_string("silent")));
    const Clock::time_point start = Clock::now();
    EXPECT_TRUE(silent.closed_by_peer());
    EXPECT_GE(Clock::now() - start, 1s);
}

MILLRACE_ON_BOTH_STORES(MqttTest);

}  // namespace
}  // namespace millrace::system_test
