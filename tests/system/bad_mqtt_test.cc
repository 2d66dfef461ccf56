// MQTT that no proper client sends. Each case ends its own connection and nothing else.
#include <gtest/gtest.h>

#include "tests/system/support/http_client.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

using std::string_literals::operator""s;

constexpr int kAnyReason = -1;

struct BadPacket {
    const char* name;
    std::string bytes;
    int reason = kAnyReason;  // of the DISCONNECT in 5.0
};

const std::string kBadUtf8 = mqtt_u16(2) + "\xc3\x28";
const std::string kSurrogate = mqtt_u16(3) + "\xed\xa0\x80";
const std::string kNul = mqtt_u16(3) + "a\0b"s;

/// The first bytes of a connection, whatever the version.
std::vector<BadPacket> bad_first_packets() {
    const std::string name = mqtt_string("MQTT");
    const std::string alive = mqtt_u16(60);
    return {
        {"not MQTT at all", "GET / HTTP/1.1\r\n\r\n"},
        {"a packet other than CONNECT", mqtt_packet(0xc0, {})},
        {"reserved packet type 0", mqtt_packet(0x00, {})},
        {"PUBLISH first", mqtt_publish(kMqtt311, "t", "x", 0, 0)},
        {"CONNECT with flags in the first byte",
         mqtt_packet(0x11, name + "\x04\x02" + alive + mqtt_string("a"))},
        {"wrong protocol name",
         mqtt_packet(0x10, mqtt_string("MQTX") + "\x04\x02" + alive + mqtt_string("a"))},
        {"protocol level 9", mqtt_packet(0x10, name + "\x09\x02" + alive + mqtt_string("a"))},
        {"reserved connect flag", mqtt_packet(0x10, name + "\x04\x03" + alive + mqtt_string("a"))},
        {"will QoS 3", mqtt_packet(0x10, name + "\x04\x1e" + alive + mqtt_string("a") + mqtt_string("w") +
                                             mqtt_string("x"))},
        {"will retain without will", mqtt_packet(0x10, name + "\x04\x22" + alive + mqtt_string("a"))},
        {"will QoS without will", mqtt_packet(0x10, name + "\x04\x0a" + alive + mqtt_string("a"))},
        {"password without user name in 3.1.1",
         mqtt_packet(0x10, name + "\x04\x42" + alive + mqtt_string("a") + mqtt_string("p"))},
        {"empty client id without clean session",
         mqtt_packet(0x10, name + "\x04\0"s + alive + mqtt_string(""))},
        {"client id that is not UTF-8", mqtt_packet(0x10, name + "\x04\x02" + alive + kBadUtf8)},
        {"will topic that is not UTF-8",
         mqtt_packet(0x10, name + "\x04\x06" + alive + mqtt_string("a") + kBadUtf8 + mqtt_string("x"))},
        {"will topic with a wildcard", mqtt_packet(0x10, name + "\x04\x06" + alive + mqtt_string("a") +
                                                             mqtt_string("w/#") + mqtt_string("x"))},
        {"CONNECT that ends early", mqtt_packet(0x10, name + "\x04\x02")},
        {"CONNECT with bytes behind its end",
         mqtt_packet(0x10, name + "\x04\x02" + alive + mqtt_string("a") + "junk")},
        {"string longer than the packet",
         mqtt_packet(0x10, name + "\x04\x02" + alive + mqtt_u16(5000) + "a")},
        {"remaining length of five bytes", "\x10\xff\xff\xff\xff\x01"},
        {"remaining length of 256 MiB", "\x10\xff\xff\xff\x7f"},
        {"5.0: unknown property",
         mqtt_packet(0x10, name + "\x05\x02" + alive + "\x02\x7f\x01" + mqtt_string("a"))},
        {"5.0: receive maximum 0",
         mqtt_packet(0x10, name + "\x05\x02" + alive + "\x03\x21\0\0"s + mqtt_string("a"))},
        {"5.0: maximum packet size 0",
         mqtt_packet(0x10, name + "\x05\x02" + alive + "\x05\x27\0\0\0\0"s + mqtt_string("a"))},
        {"5.0: property given twice",
         mqtt_packet(0x10, name + "\x05\x02" + alive + "\x0a\x11\0\0\0\1\x11\0\0\0\1"s + mqtt_string("a"))},
        {"5.0: property length beyond the packet",
         mqtt_packet(0x10, name + "\x05\x02" + alive + "\x7f" + mqtt_string("a"))},
        {"5.0: authentication data without method",
         mqtt_packet(0x10, name + "\x05\x02" + alive + "\x04\x16\0\1x"s + mqtt_string("a"))},
    };
}

/// Sent after a good CONNECT, to both versions; `level` only changes what a packet must have in front.
std::vector<BadPacket> bad_later_packets(int level) {
    const std::string none = level == kMqtt5 ? "\0"s : ""s;  // no properties
    const std::string id = mqtt_u16(7);
    return {
        {"second CONNECT", mqtt_connect(level, "again"), 0x82},
        {"reserved packet type 0", mqtt_packet(0x00, {}), 0x81},
        {"CONNACK from a client", mqtt_packet(0x20, "\0\0"s)},
        {"SUBACK from a client", mqtt_packet(0x90, id + none + "\0"s)},
        {"PINGRESP from a client", mqtt_packet(0xd0, {})},
        {"PINGREQ with flags", mqtt_packet(0xc1, {}), 0x81},
        {"PINGREQ with a body", mqtt_packet(0xc0, "x"), 0x81},
        {"PUBLISH of QoS 3", mqtt_packet(0x36, mqtt_string("t") + id + none), 0x81},
        {"PUBLISH of QoS 0 with DUP", mqtt_packet(0x38, mqtt_string("t") + none + "x")},
        {"PUBLISH of QoS 1 with packet id 0", mqtt_packet(0x32, mqtt_string("t") + mqtt_u16(0) + none + "x")},
        {"PUBLISH that ends in its topic", mqtt_packet(0x30, mqtt_u16(9) + "abc"), 0x81},
        {"PUBLISH without a packet id", mqtt_packet(0x32, mqtt_string("t") + "x"), 0x81},
        {"PUBLISH of nothing at all", mqtt_packet(0x30, {}), 0x81},
        {"PUBLISH to a wildcard", mqtt_packet(0x30, mqtt_string("a/#") + none + "x")},
        {"PUBLISH to an empty topic", mqtt_packet(0x30, mqtt_string("") + none + "x")},
        {"topic that is not UTF-8", mqtt_packet(0x30, kBadUtf8 + none + "x"), 0x81},
        {"topic with a surrogate", mqtt_packet(0x30, kSurrogate + none + "x"), 0x81},
        {"topic with NUL", mqtt_packet(0x30, kNul + none + "x")},
        {"PUBREL with wrong flags", mqtt_packet(0x60, id), 0x81},
        {"PUBACK of one byte", mqtt_packet(0x40, "x"), 0x81},
        {"SUBSCRIBE with wrong flags", mqtt_packet(0x80, id + none + mqtt_string("t") + "\0"s), 0x81},
        {"SUBSCRIBE to nothing", mqtt_packet(0x82, id + none)},
        {"SUBSCRIBE with packet id 0", mqtt_packet(0x82, mqtt_u16(0) + none + mqtt_string("t") + "\0"s)},
        {"SUBSCRIBE of QoS 3", mqtt_packet(0x82, id + none + mqtt_string("t") + "\x03")},
        {"SUBSCRIBE without options", mqtt_packet(0x82, id + none + mqtt_string("t")), 0x81},
        {"filter that is not UTF-8", mqtt_packet(0x82, id + none + kBadUtf8 + "\0"s), 0x81},
        {"UNSUBSCRIBE from nothing", mqtt_packet(0xa2, id + none)},
        {"UNSUBSCRIBE with wrong flags", mqtt_packet(0xa0, id + none + mqtt_string("t")), 0x81},
        {"DISCONNECT with flags", mqtt_packet(0xe1, {}), 0x81},
        {"remaining length of five bytes", "\x30\xff\xff\xff\xff\x01", 0x81},
        {"remaining length of 256 MiB", "\x30\xff\xff\xff\x7f", 0x95},
        {"reserved type 15 in 3.1.1, AUTH out of place in 5.0", mqtt_packet(0xf0, {}), 0x82},
    };
}

std::vector<BadPacket> bad_packets_of_5() {
    const std::string id = mqtt_u16(7);
    return {
        {"unknown property", mqtt_packet(0x30, mqtt_string("t") + "\x02\x7f\x01" + "x"), 0x81},
        {"property of another packet", mqtt_packet(0x30, mqtt_string("t") + "\x05\x11\0\0\0\1"s + "x")},
        {"property length beyond the packet", mqtt_packet(0x30, mqtt_string("t") + "\x7f" + "x"), 0x81},
        {"payload format indicator 2", mqtt_packet(0x30, mqtt_string("t") + "\x02\x01\x02" + "x")},
        {"user property that is not UTF-8",
         mqtt_packet(0x30, mqtt_string("t") + "\x08\x26" + mqtt_string("k") + kBadUtf8 + "x"), 0x81},
        {"topic alias 0", mqtt_packet(0x30, mqtt_string("t") + "\x03\x23\0\0"s + "x"), 0x94},
        {"topic alias above the maximum", mqtt_packet(0x30, mqtt_string("t") + "\x03\x23\xff\xff" + "x"),
         0x94},
        {"topic alias never set", mqtt_packet(0x30, mqtt_string("") + "\x03\x23\0\1"s + "x")},
        {"subscription identifier from a client", mqtt_packet(0x30, mqtt_string("t") + "\x02\x0b\x01" + "x")},
        {"response topic with a wildcard",
         mqtt_packet(0x30, mqtt_string("t") + "\x06\x08" + mqtt_string("a/#") + "x")},
        {"content type given twice",
         mqtt_packet(0x30,
                     mqtt_string("t") + "\x08\x03" + mqtt_string("a") + "\x03" + mqtt_string("b") + "x"),
         0x82},
        {"subscription identifier 0", mqtt_packet(0x82, id + "\x02\x0b\0"s + mqtt_string("t") + "\0"s)},
        {"subscription options with reserved bits",
         mqtt_packet(0x82, id + "\0"s + mqtt_string("t") + "\xc0")},
        {"retain handling 3", mqtt_packet(0x82, id + "\0"s + mqtt_string("t") + "\x30")},
        {"no local on a shared subscription",
         mqtt_packet(0x82, id + "\0"s + mqtt_string("$share/g/t") + "\x04"), 0x82},
        {"DISCONNECT that raises the session expiry from 0", mqtt_packet(0xe0, "\0\x05\x11\0\0\0\x0a"s),
         0x82},
    };
}

/// A client beside that must not notice anything.
class Bystander {
  public:
    explicit Bystander(std::uint16_t port) : connection_(port, kMqtt5, "bystander") {
        connection_.subscribe("beside/#", 1);
    }
    bool works() {
        connection_.send(mqtt_publish(kMqtt5, "beside/1", "x", 1, 9));
        bool acknowledged = false;
        bool delivered = false;
        while (!acknowledged || !delivered) {
            const std::optional<MqttPacket> packet = connection_.read();
            if (!packet) return false;
            acknowledged |= packet->type() == PacketType::puback;
            if (packet->type() != PacketType::publish) continue;
            delivered = true;
            connection_.send(mqtt_ack(PacketType::puback, parse_publish(*packet, kMqtt5).id));
        }
        return true;
    }

  private:
    MqttConnection connection_;
};

class BadMqttTest : public SystemTest {
  protected:
    /// Sends it on a connection that has been accepted; the server must end that one, in 5.0 with a reason.
    void expect_refused(int level, const BadPacket& bad) {
        SCOPED_TRACE(bad.name);
        MqttConnection connection(server().mqtt_port(), level, "culprit");
        connection.send(bad.bytes);
        bool said_why = false;
        while (const std::optional<MqttPacket> packet = connection.read()) {
            if (packet->type() != PacketType::disconnect) continue;
            said_why = true;
            EXPECT_EQ(level, kMqtt5) << "3.1.1 has no DISCONNECT from the server";
            EXPECT_GE(packet->disconnect_reason(), 0x80);
            EXPECT_EQ(packet->disconnect_reason(),
                      bad.reason == kAnyReason ? packet->disconnect_reason() : bad.reason);
        }
        EXPECT_TRUE(connection.socket().is_closed()) << "still connected";
        EXPECT_EQ(said_why, level == kMqtt5);
    }
};

// Bug class 6.
TEST_P(BadMqttTest, BadFirstPacketEndsTheConnectionOnly) {
    Bystander bystander(server().mqtt_port());
    for (const BadPacket& bad : bad_first_packets()) {
        SCOPED_TRACE(bad.name);
        TcpSocket socket(server().mqtt_port());
        socket.send(bad.bytes);
        EXPECT_TRUE(socket.closed_by_peer());
        const std::string_view answer = socket.received();
        const bool connack = answer.size() >= 4 && answer[0] == '\x20';
        EXPECT_FALSE(connack && answer[3] == 0) << "a CONNACK that says yes";
    }
    EXPECT_TRUE(bystander.works());
}

// Bug classes 6 and 8.
TEST_P(BadMqttTest, BadLaterPacketEndsTheConnectionOnly) {
    Bystander bystander(server().mqtt_port());
    for (const int level : {kMqtt311, kMqtt5}) {
        SCOPED_TRACE("level " + std::to_string(level));
        for (const BadPacket& bad : bad_later_packets(level)) expect_refused(level, bad);
        EXPECT_TRUE(bystander.works());
    }
    for (const BadPacket& bad : bad_packets_of_5()) expect_refused(kMqtt5, bad);
    EXPECT_TRUE(bystander.works());
}

// Bug class 30.
TEST_P(BadMqttTest, TruncatedPacketsAndResetsAreSurvived) {
    Bystander bystander(server().mqtt_port());
    const std::string conversation = mqtt_connect(kMqtt5, "cut") + mqtt_subscribe(kMqtt5, 1, "cut/#", 2) +
                                     mqtt_publish(kMqtt5, "cut/1", "payload", 2, 3);
    for (std::size_t size = 0; size <= conversation.size(); ++size) {
        TcpSocket socket(server().mqtt_port());
        socket.send(std::string_view(conversation).substr(0, size));
        if (size % 2 == 0) socket.reset();
    }
    EXPECT_TRUE(bystander.works());
}

TEST_P(BadMqttTest, PacketByteByByteIsFine) {
    TcpSocket socket(server().mqtt_port());
    for (const char byte : mqtt_connect(kMqtt5, "slow") + mqtt_packet(0xc0, {})) {
        ASSERT_TRUE(socket.send({&byte, 1}));
    }
    const Deadline deadline(kPatience);
    while (!socket.received().ends_with("\xd0\0"s)) ASSERT_TRUE(socket.receive(deadline)) << "no PINGRESP";
}

// Bug class 1.
TEST_P(BadMqttTest, WhoNeverSendsConnectIsDisconnected) {
    const TestStore other(GetParam());
    Server impatient(other.url(), "limits: {connect_timeout: 1s}\n");
    impatient.start();
    EXPECT_TRUE(TcpSocket(impatient.mqtt_port()).closed_by_peer());
    EXPECT_EQ(impatient.stop(), 0);
}

/// Bug class 1: what a CONNECT claims to be long must not be kept ready for it, and half of one not for ever.
TEST_P(BadMqttTest, HalfAConnectIsEndedAndKeepsNoMemory) {
    const TestStore other(GetParam());
    Server impatient(other.url(), "limits: {connect_timeout: 3s}\n");
    impatient.start();
    const std::size_t before = resident_kib(impatient.pid());
    std::vector<TcpSocket> sockets;
    // Just below limits.mqtt_packet_bytes, which is 1 MiB.
    const std::string half = "\x10\xf0\xff\x3f" + mqtt_string("MQTT") + "\x05\x02";
    for (int i = 0; i < 400; ++i) {
        sockets.emplace_back(impatient.mqtt_port());
        sockets.back().send(half);
    }
    EXPECT_LT(resident_kib(impatient.pid()), before + 64 * 1024) << "400 claims of 1 MiB";
    for (TcpSocket& socket : sockets) EXPECT_TRUE(socket.closed_by_peer());
    EXPECT_EQ(impatient.stop(), 0);
}

TEST_P(BadMqttTest, NothingBadIsStored) {
    for (const BadPacket& bad : bad_later_packets(kMqtt5)) {
        MqttConnection(server().mqtt_port(), kMqtt5, "culprit").send(bad.bytes);
    }
    Bystander bystander(server().mqtt_port());
    EXPECT_TRUE(bystander.works());
    EXPECT_EQ(store().query("select distinct channel from " + store().messages()),
              std::vector<std::string>{"beside/1"});
}

MILLRACE_ON_BOTH_STORES(BadMqttTest);

}  // namespace
}  // namespace millrace::system_test
