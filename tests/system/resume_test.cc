// Readers that are cut off again and again while messages pour in: event streams and browsers.
#include <boost/json/parse.hpp>
#include <charconv>
#include <gtest/gtest.h>
#include <random>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/publisher.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

constexpr int kCuts = 200;

/// What came, in the order of its coming.
class Log {
  public:
    const std::vector<std::uint64_t>& seqs() const { return seqs_; }
    std::uint64_t last() const { return seqs_.empty() ? 0 : seqs_.back(); }
    void add(std::uint64_t seq) { seqs_.push_back(seq); }
    /// Where the history begins, of each time that the reader was told its position is gone.
    const std::vector<std::uint64_t>& resets() const { return resets_; }
    /// How many messages had come when the latest reset came.
    std::size_t before_reset() const { return before_reset_; }
    void add_reset(std::uint64_t first) {
        resets_.push_back(first);
        before_reset_ = seqs_.size();
    }

  private:
    std::vector<std::uint64_t> seqs_;
    std::vector<std::uint64_t> resets_;
    std::size_t before_reset_ = 0;
};

/// What a browser's EventSource does: remembers the last id, and comes back with it.
class EventReader {
  public:
    EventReader(std::uint16_t port, std::string channel) : port_(port), channel_(std::move(channel)) {}

    /// Reads until `until` says so or time is up, and cuts the connection, in the middle of an event or not.
    template <class Until>
    bool read(Clock::duration time, Until until) {
        TcpSocket socket(port_);
        std::string request = "GET /v1/channels/" + channel_ + "/stream?after=0 HTTP/1.1\r\nHost: here\r\n";
        if (!last_id_.empty()) request += "Last-Event-ID: " + last_id_ + "\r\n";
        socket.send(request + "\r\n");
        const Deadline deadline(time);
        bool in_body = false;
        while (!until() && socket.receive(deadline)) {
            const std::size_t head = in_body ? 0 : socket.received().find("\r\n\r\n");
            if (head == std::string_view::npos) continue;
            if (!std::exchange(in_body, true)) socket.take(head + 4);
            take_events(socket);
        }
        return until();
    }

    const Log& log() const { return log_; }

  private:
    void take_events(TcpSocket& socket) {
        for (;;) {
            const std::size_t end = socket.received().find("\n\n");
            if (end == std::string_view::npos) return;
            take_event(socket.received().substr(0, end + 1));
            socket.take(end + 2);
        }
    }
    static std::string field(std::string_view event, std::string_view name) {
        const std::size_t at = event.find(name);
        if (at == std::string_view::npos) return {};
        const std::size_t begin = at + name.size();
        return std::string(event.substr(begin, event.find('\n', begin) - begin));
    }
    void take_event(std::string_view event) {
        const std::string id = field(event, "id: ");
        if (!id.empty()) last_id_ = id;
        const std::string kind = field(event, "event: ");
        if (kind == "reset") {
            log_.add_reset(boost::json::parse(field(event, "data: ")).at("first").to_number<std::uint64_t>());
        } else if (kind == "event" || kind == "message") {
            std::uint64_t seq = 0;
            const std::string_view digits = std::string_view(id).substr(id.find(':') + 1);
            std::from_chars(digits.data(), digits.data() + digits.size(), seq);
            log_.add(seq);
        }
    }

    const std::uint16_t port_;
    const std::string channel_;
    std::string last_id_;
    Log log_;
};

/// A browser that remembers the options of the last frame, and comes back with them in its join.
class BrowserReader {
  public:
    BrowserReader(std::uint16_t port, std::string channel) : port_(port), channel_(std::move(channel)) {}

    /// As EventReader::read.
    template <class Until>
    bool read(Clock::duration time, Until until) {
        BridgeClient browser(port_);
        boost::json::object position{{"after", log_.last()}};
        if (!epoch_.empty()) position["epoch"] = epoch_;
        browser.send("join", channel_, {{"history", false}, {"presence", false}}, std::move(position));
        const Deadline deadline(time);
        while (!until()) {
            const auto frame = browser.next(deadline);
            if (!frame) break;
            take(*frame);
        }
        return until();
    }

    const Log& log() const { return log_; }

  private:
    void take(const boost::json::object& frame) {
        const boost::json::object& options = frame.at("options").as_object();
        if (frame.at("action") == "event") {
            log_.add(options.at("seq").to_number<std::uint64_t>());
            epoch_ = options.at("epoch").as_string().c_str();
        } else if (options.contains("reset")) {
            log_.add_reset(options.at("first").to_number<std::uint64_t>());
        }
    }

    const std::uint16_t port_;
    const std::string channel_;
    std::string epoch_;
    Log log_;
};

class ResumeTest : public SystemTest {
  protected:
    template <class Reader>
    void expect_complete_in_the_end() {
        Publisher publisher(server().http_port(), "cut");
        Reader reader(server().http_port(), "cut");
        std::mt19937 random(20261124);
        std::uniform_int_distribution<int> stay_ms(2, 60);
        for (int cut = 0; cut < kCuts; ++cut) {
            reader.read(std::chrono::milliseconds(stay_ms(random)), [] { return false; });
        }
        const std::uint64_t published = publisher.stop();
        EXPECT_TRUE(reader.read(kPatience, [&] { return reader.log().last() >= published; }));
        EXPECT_GT(published, 5000U);
        EXPECT_EQ(reader.log().seqs().size(), published);
        expect_dense(reader.log().seqs(), 0, 1);
        EXPECT_TRUE(reader.log().resets().empty());
    }
};

TEST_P(ResumeTest, AStreamCutTwoHundredTimesIsCompleteInTheEnd) {
    expect_complete_in_the_end<EventReader>();
}

TEST_P(ResumeTest, ABrowserCutTwoHundredTimesIsCompleteInTheEnd) {
    expect_complete_in_the_end<BrowserReader>();
}

MILLRACE_ON_BOTH_STORES(ResumeTest);

/// Keeps less than is published while a reader is away.
class RetentionTest : public SystemTest {
  protected:
    std::string more_yaml() const override {
        return "    retention: {messages: 500}\nlimits:\n  retention_interval: 100ms\n";
    }
    std::uint64_t first() {
        const auto page = http_get(server().http_port(), "/v1/channels/short/messages?limit=1").json();
        return page.at("first").to_number<std::uint64_t>();
    }
    template <class Reader>
    void expect_told() {
        Publisher publisher(server().http_port(), "short");
        Reader reader(server().http_port(), "short");
        const Log& log = reader.log();
        ASSERT_TRUE(reader.read(kPatience, [&] { return log.last() >= 10; }));
        const std::uint64_t left_at = log.last();
        // Retention goes on while messages come: this reader has lost its place long before the publisher
        // stops.
        ASSERT_TRUE(eventually([&] { return first() > left_at + 1000; }));
        ASSERT_TRUE(reader.read(kPatience, [&] { return log.last() > left_at + 1000; }));
        ASSERT_GE(log.resets().size(), 1U);
        expect_dense({log.seqs().begin(), log.seqs().begin() + static_cast<std::ptrdiff_t>(left_at)}, 0, 1);
        EXPECT_EQ(log.resets().back(), log.seqs().at(log.before_reset()));
        expect_dense(log.seqs(), log.before_reset(), log.resets().back());
        const std::uint64_t published = publisher.stop();
        EXPECT_TRUE(eventually([&] { return first() == published - 499; })) << first() << " of " << published;
        EXPECT_EQ(store()
                      .query("select count(*), min(seq), max(seq) from " + store().messages() +
                             " where channel = 'short'")
                      .at(0),
                  "500|" + std::to_string(published - 499) + "|" + std::to_string(published));
    }
};

TEST_P(RetentionTest, AStreamThatWasAwayTooLongIsTold) {
    expect_told<EventReader>();
}

TEST_P(RetentionTest, ABrowserThatWasAwayTooLongIsTold) {
    expect_told<BrowserReader>();
}

MILLRACE_ON_BOTH_STORES(RetentionTest);

}  // namespace
}  // namespace millrace::system_test
