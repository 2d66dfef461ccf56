// Shared subscriptions and delayed wills, with real clients, on two shards.
#include <csignal>
#include <gtest/gtest.h>
#include <optional>
#include <set>

#include "tests/system/support/mosquitto_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/paho_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

class SharedTest : public SystemTest {};

TEST_P(SharedTest, NothingIsLostWhenAMemberIsKilledWithMinusNine) {
    for (const std::string topic : {"live/jobs", "jobs"}) {
        const std::string filter = "$share/workers/" + topic;
        PahoClient steady(server().mqtt_port(), 5, "steady");
        steady.subscribe(filter, 1);
        MosquittoSub second(server().mqtt_port(), {"-V", "mqttv5", "-q", "1", "-t", filter, "-F", "%p"});
        ASSERT_TRUE(second.subscribed());
        const std::string script = (source_directory() / "tests/system/python/member.py").string();
        Process mortal(
            Command{.argv = {"/usr/bin/python3", script, std::to_string(server().mqtt_port()), filter}});
        ASSERT_EQ(mortal.read_line(), "ready");
        PahoClient publisher(server().mqtt_port(), 5, "publisher");
        constexpr int kMessages = 600;
        for (int i = 0; i < kMessages; ++i) {
            ASSERT_TRUE(publisher.publish(topic, std::to_string(i), 1));
            if (i == kMessages / 2) mortal.signal(SIGKILL);
        }
        std::set<std::string> seen;
        std::size_t by_mortal = 0;
        while (const auto line = mortal.read_line(1s)) by_mortal += seen.insert(*line).second ? 1 : 0;
        while (const auto message = steady.next(1s)) seen.insert(message->to_string());
        std::size_t by_second = 0;
        while (seen.size() < kMessages) {
            const auto line = second.next(2s);
            if (!line) break;
            by_second += seen.insert(*line).second ? 1 : 0;
        }
        EXPECT_EQ(seen.size(), std::size_t{kMessages}) << topic;
        // Each had its turn.
        EXPECT_GT(by_mortal, std::size_t{kMessages / 10});
        EXPECT_GT(by_second, std::size_t{kMessages / 5});
    }
}

TEST_P(SharedTest, DelayedWillComesAfterItsDelayAndNotAfterAReturn) {
    PahoClient witness(server().mqtt_port(), 5, "witness");
    witness.subscribe("wills/#", 1);
    const auto connect = [&](TcpSocket& socket, const std::string& id) {
        // Session expiry 100 s; will delay 2 s.
        const std::string session("\x05\x11\x00\x00\x00\x64", 6);
        const std::string delay("\x05\x18\x00\x00\x00\x02", 6);
        socket.send(mqtt_packet(0x10, mqtt_string("MQTT") + "\x05\x0C" + mqtt_u16(0) + session +
                                          mqtt_string(id) + delay + mqtt_string("wills/" + id) +
                                          mqtt_string("gone")));
    };
    std::optional<TcpSocket> mortal(server().mqtt_port());
    connect(*mortal, "mortal");
    std::optional<TcpSocket> returning(server().mqtt_port());
    connect(*returning, "returning");
    for (TcpSocket* socket : {&*mortal, &*returning}) {
        ASSERT_TRUE(socket->receive(Deadline(kPatience)));  // the CONNACK
    }
    const Clock::time_point lost = Clock::now();
    mortal.reset();
    returning.reset();
    TcpSocket again(server().mqtt_port());
    connect(again, "returning");
    const mqtt::const_message_ptr will = witness.next();
    ASSERT_TRUE(will);
    EXPECT_EQ(will->get_topic(), "wills/mortal");
    EXPECT_GE(Clock::now() - lost, 2s);
    EXPECT_FALSE(witness.next(1s));
}

MILLRACE_ON_BOTH_STORES(SharedTest);

}  // namespace
}  // namespace millrace::system_test
