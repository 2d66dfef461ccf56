// SCRAM-SHA-256 over MQTT 5.0 (4.12), against a broker with a password file.
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/core/access/scram_client.h"
#include "tests/mqtt/broker/client_support.h"

namespace millrace::mqtt {
namespace {

using access::ScramClient;

class EnhancedAuthTest : public testing::Test {
  protected:
    /// A file with these lines. It is read when the server is made.
    class File {
      public:
        explicit File(const std::string& text) {
            char name[] = "/tmp/millrace-users-XXXXXX";
            const int descriptor = ::mkstemp(name);
            EXPECT_GE(descriptor, 0);
            ::close(descriptor);
            path = name;
            std::ofstream(path) << text;
        }
        ~File() { ::unlink(path.c_str()); }
        std::string path;
    };
    static std::string line(const std::string& user, const std::string& password) {
        return user + ":" + access::ScramVerifier::make(password, "sixteen bytes of", 4096).text() + "\n";
    }
    static ByteBuffer auth_properties(std::string_view method, std::string_view data) {
        ByteBuffer raw;
        PropertyWriter writer(raw);
        writer.text(PropertyId::authentication_method, method);
        writer.binary(PropertyId::authentication_data, as_bytes(data));
        return raw;
    }
    static Properties parsed(const ByteBuffer& raw, PropertyOwner owner) {
        return *parse_properties(raw.view(), owner, Sender::client);
    }

    void turn(TestClient& who) {
        server.turn();
        who.read();
    }
    void connect(TestClient& who, const ScramClient& scram, std::string_view method = "SCRAM-SHA-256") {
        const ByteBuffer raw = auth_properties(method, scram.first());
        Connect packet;
        packet.client_id = scram.name;
        packet.properties = parsed(raw, PropertyOwner::connect);
        who.connect_with(packet);
        turn(who);
    }
    void auth(TestClient& who, ReasonCode code, std::string_view data) {
        const ByteBuffer raw = auth_properties("SCRAM-SHA-256", data);
        ByteBuffer bytes;
        encode_auth(bytes, code, parsed(raw, PropertyOwner::auth));
        who.write(bytes.text());
        turn(who);
    }
    void answer(TestClient& who, const std::string& client_final) {
        auth(who, ReasonCode::continue_authentication, client_final);
    }
    static std::string data_of(const Properties& properties) {
        return std::string(as_text(properties.binary(PropertyId::authentication_data).value_or(ByteView{})));
    }
    static std::string challenge_of(const TestClient& who) {
        const TestClient::Packet* packet = who.last(PacketType::auth);
        if (packet == nullptr) return {};
        return data_of(decode_auth(packet->frame(), Version::v5, Sender::server)->properties);
    }
    static ReasonCode connack_of(const TestClient& who) {
        const TestClient::Packet* packet = who.last(PacketType::connack);
        return packet == nullptr ? ReasonCode::unspecified_error
                                 : decode_connack(packet->frame(), Version::v5)->code;
    }
    static ReasonCode disconnect_of(const TestClient& who) {
        const TestClient::Packet* packet = who.last(PacketType::disconnect);
        return packet == nullptr ? ReasonCode::success
                                 : decode_disconnect(packet->frame(), Version::v5, Sender::server)->code;
    }
    ReasonCode log_in(TestClient& who, const ScramClient& scram) {
        connect(who, scram);
        if (challenge_of(who).empty()) return connack_of(who);
        answer(who, scram.last(challenge_of(who)));
        return connack_of(who);
    }

    const ScramClient ada{.name = "ada", .password = "lovelace"};
    File users{line("ada", "lovelace") + line("bob", "builder")};
    TestServer server{2, [this](config::Config& config) { config.auth.password_file = users.path; }};
    TestClient client{server, 0};
};

TEST_F(EnhancedAuthTest, WhoKnowsThePasswordIsLetInAndTheServerShowsThatItKnowsItToo) {
    connect(client, ada);
    const std::string challenge = challenge_of(client);
    EXPECT_EQ(client.count(PacketType::connack), 0);
    answer(client, ada.last(challenge));
    ASSERT_EQ(connack_of(client), ReasonCode::success);
    const auto connack = decode_connack(client.last(PacketType::connack)->frame(), Version::v5);
    EXPECT_EQ(connack->properties.text(PropertyId::authentication_method), "SCRAM-SHA-256");
    EXPECT_EQ(data_of(connack->properties), ada.server_final(challenge));
    client.subscribe("a", 1);
    client.publish("a", "x", 1);
    turn(client);
    EXPECT_EQ(client.payloads(), std::vector<std::string>{"x"});
}

TEST_F(EnhancedAuthTest, WrongPasswordsAndUnknownUsersAreTheSame) {
    EXPECT_EQ(log_in(client, {.name = "ada", .password = "wrong"}), ReasonCode::not_authorized);
    TestClient stranger(server, 1);
    EXPECT_EQ(log_in(stranger, {.name = "eve", .password = "wrong"}), ReasonCode::not_authorized);
    EXPECT_EQ(challenge_of(client).size(), challenge_of(stranger).size());
    EXPECT_EQ(server.sum(&Counters::closed_not_authorised), 2U);
    EXPECT_EQ(server.seats(), 0U);
    TestClient again(server, 0);
    connect(again, {.name = "eve"});
    const auto salt = [](const std::string& text) { return text.substr(text.find(",s=")); };
    EXPECT_EQ(salt(challenge_of(again)), salt(challenge_of(stranger)));
}

TEST_F(EnhancedAuthTest, Mqtt_4_12_0_1_UnknownAuthenticationMethodIsRefused) {
    connect(client, ada, "SCRAM-SHA-1");
    EXPECT_EQ(connack_of(client), ReasonCode::bad_authentication_method);
}

TEST_F(EnhancedAuthTest, WithoutScramUsersThereIsNoMethod) {
    const File plain("ada:$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA\n");
    TestServer other(1, [&](config::Config& config) { config.auth.password_file = plain.path; });
    TestClient visitor(other, 0);
    const ByteBuffer raw = auth_properties("SCRAM-SHA-256", ada.first());
    Connect packet;
    packet.client_id = "ada";
    packet.properties = parsed(raw, PropertyOwner::connect);
    visitor.connect_with(packet);
    other.turn();
    visitor.read();
    EXPECT_EQ(connack_of(visitor), ReasonCode::bad_authentication_method);
}

TEST_F(EnhancedAuthTest, AnAnswerHeardBeforeIsNoUse) {
    connect(client, ada);
    const std::string heard = ada.last(challenge_of(client));
    answer(client, heard);
    ASSERT_EQ(connack_of(client), ReasonCode::success);
    TestClient thief(server, 1);
    connect(thief, ada);
    answer(thief, heard);
    EXPECT_EQ(connack_of(thief), ReasonCode::not_authorized);
}

TEST_F(EnhancedAuthTest, BrokenFirstMessagesAreRefused) {
    for (const char* first : {"", "n,,n=ada", "p=tls-unique,,n=ada,r=abc"}) {
        TestClient visitor(server, 0);
        const ByteBuffer raw = auth_properties("SCRAM-SHA-256", first);
        Connect packet;
        packet.client_id = "x";
        packet.properties = parsed(raw, PropertyOwner::connect);
        visitor.connect_with(packet);
        turn(visitor);
        EXPECT_EQ(connack_of(visitor), ReasonCode::not_authorized) << first;
    }
}

TEST_F(EnhancedAuthTest, ReauthenticationWorksBesideMessages) {
    ASSERT_EQ(log_in(client, ada), ReasonCode::success);
    auth(client, ReasonCode::reauthenticate, ada.first());
    const std::string challenge = challenge_of(client);
    client.subscribe("a", 1);
    client.publish("a", "x", 1);
    turn(client);
    answer(client, ada.last(challenge));
    const auto last = decode_auth(client.last(PacketType::auth)->frame(), Version::v5, Sender::server);
    EXPECT_EQ(last->code, ReasonCode::success);
    EXPECT_EQ(data_of(last->properties), ada.server_final(challenge));
    EXPECT_EQ(client.payloads(), std::vector<std::string>{"x"});
    EXPECT_EQ(client.count(PacketType::disconnect), 0);
}

TEST_F(EnhancedAuthTest, Mqtt_4_12_1_2_FailedReauthenticationEndsTheConnection) {
    ASSERT_EQ(log_in(client, ada), ReasonCode::success);
    auth(client, ReasonCode::reauthenticate, ada.first());
    ScramClient wrong = ada;
    wrong.password = "wrong";
    answer(client, wrong.last(challenge_of(client)));
    EXPECT_EQ(disconnect_of(client), ReasonCode::not_authorized);
}

TEST_F(EnhancedAuthTest, ReauthenticationAsSomebodyElseEndsTheConnection) {
    ASSERT_EQ(log_in(client, ada), ReasonCode::success);
    auth(client, ReasonCode::reauthenticate, ScramClient{.name = "bob", .password = "builder"}.first());
    EXPECT_EQ(disconnect_of(client), ReasonCode::not_authorized);
}

TEST_F(EnhancedAuthTest, WhoDoesNotAnswerIsNotKept) {
    connect(client, ada);
    ASSERT_FALSE(challenge_of(client).empty());
    server.pass(11);
    client.read();
    EXPECT_EQ(server.sum(&Counters::closed_timed_out), 1U);
    EXPECT_EQ(server.seats(), 0U);
}

}  // namespace
}  // namespace millrace::mqtt
