// TLS without a socket: our side against OpenSSL's client, byte by byte where that matters.
#include "core/net/tls_stream.h"

#include <array>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <openssl/ssl.h>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/tls_client.h"

namespace millrace::tls {
namespace {

using testing::Certificates;
using testing::TlsClient;
using testing::TlsClientOptions;

/// What every test uses: made once, since keys take time.
struct Material {
    Material() {
        made.issue("server", "millrace.test");
        made.issue("device", "device-7");
        foreign.issue("device", "device-7");
    }
    Files files(bool clients = false) const {
        return {made.certificate("server"), made.key("server"), clients ? made.authority() : ""};
    }
    Certificates made;
    Certificates foreign;
};

const Material& material() {
    static const Material made;
    return made;
}

class TlsStreamTest : public ::testing::Test {
  protected:
    void begin(ClientCertificate wanted = ClientCertificate::none) {
        context_ = std::make_unique<Context>(material().files(wanted != ClientCertificate::none));
        stream_ = std::make_unique<Stream>(*context_, pool_, "mqtt", wanted);
        plain_.clear();
    }
    TlsClientOptions trusting(int version = 0) const {
        return {.authority = material().made.authority(), .version = version};
    }
    TlsClientOptions with_certificate(const Certificates& of, int version) const {
        TlsClientOptions options = trusting(version);
        options.certificate = of.certificate("device");
        options.key = of.key("device");
        return options;
    }

    void to_server(std::string_view sealed) {
        const Stream::Opened opened = stream_->open(as_bytes(sealed), space_);
        plain_.append(as_text(ByteView(space_).first(opened.size)));
        state_ = opened.state;
    }
    std::string from_server(std::size_t at_most = SIZE_MAX) {
        std::string sealed(std::min(at_most, stream_->sealed().bytes()), '\0');
        stream_->sealed().take(std::as_writable_bytes(std::span(sealed)));
        return sealed;
    }
    /// Carries bytes to and fro until nobody has any, in pieces of at most `piece`.
    void settle(TlsClient& client, std::size_t piece = SIZE_MAX) {
        for (;;) {
            const std::string up = client.take_sealed();
            for (std::size_t at = 0; at < up.size(); at += std::min(piece, up.size() - at))
                to_server(std::string_view(up).substr(at, piece));
            bool any = !up.empty();
            while (!stream_->sealed().empty()) {
                client.receive(from_server(piece));
                any = true;
            }
            if (!any) return;
        }
    }
    void say(std::string_view text) {
        Outbox out(pool_);
        out.append(as_bytes(text));
        stream_->seal(out, scratch_);
        EXPECT_TRUE(out.empty());
    }

    BufferPool pool_;
    std::unique_ptr<Context> context_;
    std::unique_ptr<Stream> stream_;
    std::vector<std::byte> space_ = std::vector<std::byte>(2 << 20);
    std::vector<std::byte> scratch_ = std::vector<std::byte>(Stream::kRecordBytes);
    std::string plain_;
    Stream::State state_ = Stream::State::open;
};

TEST_F(TlsStreamTest, SpeaksBothVersionsWhateverTheBytesAreCutInto) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
            begin();
            TlsClient client(trusting(version));
            settle(client, piece);
            ASSERT_TRUE(client.established() && stream_->established());
            EXPECT_EQ(client.version(), version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
            EXPECT_EQ(client.server_name(), "millrace.test");
            client.send("question");
            settle(client, piece);
            EXPECT_EQ(plain_, "question");
            say("answer");
            settle(client, piece);
            EXPECT_EQ(client.plain(), "answer");
            EXPECT_EQ(stream_->peer_name(), "");
        }
    }
}

TEST_F(TlsStreamTest, NothingIsEncryptedBeforeTheHandshakeHasEnded) {
    begin();
    TlsClient client(trusting());
    Outbox out(pool_);
    out.append(as_bytes("early"));
    stream_->seal(out, scratch_);
    EXPECT_EQ(out.bytes(), 5U);
    EXPECT_TRUE(stream_->sealed().empty());
    settle(client);
    stream_->seal(out, scratch_);
    settle(client);
    EXPECT_EQ(client.plain(), "early");
}

TEST_F(TlsStreamTest, MuchIsSealedOnlyAsFarAheadAsTheSocketNeeds) {
    begin();
    TlsClient client(trusting());
    settle(client);
    std::string expected;
    Outbox out(pool_);
    for (int i = 0; i < 4000; ++i) expected += "line " + std::to_string(i) + std::string(200, 'x') + "\n";
    out.append(as_bytes(expected));
    const MessagePtr shared = Message::create({.channel = "a", .payload = as_bytes(expected)});
    out.append_shared(shared, shared->payload());
    expected += expected;
    while (!out.empty()) {
        stream_->seal(out, scratch_);
        EXPECT_LE(stream_->sealed().bytes(), 64U * 1024 + 2 * Stream::kRecordBytes);
        client.receive(from_server(10'000));
    }
    settle(client);
    EXPECT_TRUE(client.plain() == expected);
}

TEST_F(TlsStreamTest, BigMessagesComeInWhole) {
    begin();
    TlsClient client(trusting());
    settle(client);
    const std::string big(1'000'000, 'b');
    client.send(big);
    settle(client, 50'000);
    EXPECT_TRUE(plain_ == big);
}

TEST_F(TlsStreamTest, GoodbyesAreSaidAndHeard) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        begin();
        TlsClient client(trusting(version));
        settle(client);
        client.send("last words");
        client.say_goodbye();
        settle(client);
        EXPECT_EQ(plain_, "last words");
        EXPECT_EQ(state_, Stream::State::ended);
        say("mine");
        stream_->say_goodbye();
        stream_->say_goodbye();
        settle(client);
        EXPECT_EQ(client.plain(), "mine");
        EXPECT_TRUE(client.ended());
        EXPECT_FALSE(client.failed());
    }
}

TEST_F(TlsStreamTest, ApplicationProtocolIsAgreedToOrRefused) {
    begin();
    TlsClientOptions options = trusting();
    options.application = "mqtt";
    TlsClient fitting(options);
    settle(fitting);
    EXPECT_EQ(fitting.application(), "mqtt");
    begin();
    options.application = "h2";
    TlsClient other(options);
    settle(other);
    EXPECT_EQ(stream_->failure(), Failure::application);
    EXPECT_TRUE(other.failed());
}

TEST_F(TlsStreamTest, ClientCertificatesNameTheClient) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        begin(ClientCertificate::required);
        TlsClient known(with_certificate(material().made, version));
        settle(known);
        EXPECT_TRUE(stream_->established());
        EXPECT_EQ(stream_->peer_name(), "device-7");

        begin(ClientCertificate::required);
        TlsClient nameless(trusting(version));
        settle(nameless);
        EXPECT_EQ(stream_->failure(), Failure::no_certificate);
        EXPECT_TRUE(nameless.failed());

        for (const ClientCertificate wanted : {ClientCertificate::required, ClientCertificate::optional}) {
            begin(wanted);
            TlsClient stranger(with_certificate(material().foreign, version));
            settle(stranger);
            EXPECT_EQ(stream_->failure(), Failure::certificate);
            EXPECT_TRUE(stranger.failed());
            EXPECT_EQ(plain_, "");
        }

        begin(ClientCertificate::optional);
        TlsClient shy(trusting(version));
        settle(shy);
        EXPECT_TRUE(stream_->established());
        EXPECT_EQ(stream_->peer_name(), "");
    }
}

TEST_F(TlsStreamTest, SessionsAreResumedByTicketAndKeepTheirName) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        begin(ClientCertificate::required);
        TlsClient first(with_certificate(material().made, version));
        settle(first);
        EXPECT_FALSE(first.resumed());
        stream_ = std::make_unique<Stream>(*context_, pool_, "mqtt", ClientCertificate::required);
        TlsClientOptions again = trusting(version);
        again.resumes = &first;
        TlsClient second(again);
        settle(second);
        EXPECT_TRUE(stream_->established() && second.resumed());
        EXPECT_EQ(stream_->peer_name(), "device-7");
        // Another set of authorities may not know that certificate any more.
        begin(ClientCertificate::required);
        TlsClient after_reload(again);
        settle(after_reload);
        EXPECT_EQ(stream_->failure(), Failure::no_certificate);
    }
}

TEST_F(TlsStreamTest, ATicketOfOneListenerOpensNoOther) {
    using enum ClientCertificate;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (const ClientCertificate before : {none, optional}) {
            begin(optional);
            stream_ = std::make_unique<Stream>(*context_, pool_, "mqtt", before);
            TlsClient nameless(trusting(version));
            settle(nameless);
            ASSERT_TRUE(stream_->established());
            stream_ = std::make_unique<Stream>(*context_, pool_, "mqtt", required);
            TlsClientOptions again = trusting(version);
            again.resumes = &nameless;
            TlsClient intruder(again);
            settle(intruder);
            EXPECT_EQ(stream_->failure(), Failure::no_certificate);
        }
    }
}

TEST_F(TlsStreamTest, FailuresAreToldApart) {
    begin();
    to_server("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(stream_->failure(), Failure::not_tls);
    begin();
    to_server(std::string_view("\x10\x0e\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x01x", 17));
    EXPECT_EQ(stream_->failure(), Failure::not_tls);
    begin();
    TlsClient old(trusting(TLS1_1_VERSION));
    settle(old);
    EXPECT_EQ(stream_->failure(), Failure::version);
    begin();
    TlsClient distrustful(TlsClientOptions{.version = TLS1_3_VERSION});
    settle(distrustful);
    EXPECT_EQ(stream_->failure(), Failure::alert);
    EXPECT_NE(std::string_view(stream_->failure_text()), "");
    begin();
    EXPECT_FALSE(stream_->cut_off()) << "nothing had begun";
    TlsClient hasty(trusting());
    to_server(hasty.take_sealed());
    EXPECT_TRUE(stream_->cut_off());
    EXPECT_FALSE(stream_->cut_off()) << "once is enough";
}

TEST_F(TlsStreamTest, EveryTruncatedOrChangedHelloIsSurvived) {
    TlsClient client(trusting());
    const std::string hello = client.take_sealed();
    for (std::size_t at = 0; at < hello.size(); ++at) {
        begin();
        std::string changed = hello;
        changed[at] = static_cast<char>(changed[at] ^ 0x55);
        to_server(std::string_view(hello).substr(0, at));
        to_server(changed);
        EXPECT_FALSE(stream_->established());
    }
}

TEST_F(TlsStreamTest, RenegotiationIsRefused) {
    begin();
    TlsClient client(trusting(TLS1_2_VERSION));
    settle(client);
    client.renegotiate();
    to_server(client.take_sealed());
    EXPECT_EQ(stream_->failure(), Failure::none) << "a wish is no fault";
    say("not again");
    client.receive(from_server());
    EXPECT_TRUE(client.failed()) << "it was told no_renegotiation";
}

TEST_F(TlsStreamTest, WhoAsksAndNeverReadsIsCutOff) {
    begin();
    TlsClient client(trusting(TLS1_3_VERSION));
    settle(client);
    for (int i = 0; i < 100'000 && stream_->failure() == Failure::none; ++i) {
        client.ask_for_key_update();
        to_server(client.take_sealed());
        ASSERT_LT(stream_->sealed().bytes(), 300U * 1024);
    }
    // OpenSSL may well answer many requests with one update; then there is nothing to grow.
    EXPECT_TRUE(stream_->failure() != Failure::none || stream_->sealed().bytes() < 300U * 1024);
}

TEST(TlsContext, SaysWhichFileIsWrong) {
    const auto reason = [](const Files& files) -> std::string {
        try {
            const Context context(files);
            return "fine";
        } catch (const std::runtime_error& failure) {
            return failure.what();
        }
    };
    const Files good = material().files(true);
    EXPECT_EQ(reason(good), "fine");
    Files bad = good;
    bad.certificate = "/nowhere.pem";
    EXPECT_EQ(reason(bad).find("tls.certificate /nowhere.pem: "), 0U) << reason(bad);
    bad = good;
    bad.private_key = material().made.key("device");
    EXPECT_EQ(reason(bad).find("tls.private_key "), 0U) << reason(bad);
    bad = good;
    bad.client_ca = material().made.file("empty.pem");
    std::ofstream(bad.client_ca) << "\n";
    EXPECT_EQ(reason(bad).find("tls.client_ca "), 0U) << reason(bad);
}

}  // namespace
}  // namespace millrace::tls
