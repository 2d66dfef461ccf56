// Readers that are cut off again and again while messages pour in: event streams, browsers of both
// generations.
#include <boost/json/parse.hpp>
#include <charconv>
#include <gtest/gtest.h>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/event_stream.h"
#include "tests/system/support/http_client.h"
#include "tests/system/support/publisher.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

/// The seq in a position, `<epoch>:<seq>` or `<epoch>-<seq>`.
std::uint64_t seq_behind(char mark, std::string_view position) {
    std::uint64_t seq = 0;
    std::from_chars(position.data() + position.rfind(mark) + 1, position.data() + position.size(), seq);
    return seq;
}
std::uint64_t seq_of(const boost::json::value& position) {
    return seq_behind('-', position.as_string());
}

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
        EventStreamClient stream(port_, "/v1/channels/" + channel_ + "/stream?after=0",
                                 last_id_.empty() ? std::string() : "Last-Event-ID: " + last_id_ + "\r\n");
        const Deadline deadline(time);
        while (!until()) {
            const auto event = stream.next(deadline);
            if (!event) break;
            take(*event);
        }
        return until();
    }

    const Log& log() const { return log_; }

  private:
    void take(const StreamEvent& event) {
        if (!event.id.empty()) last_id_ = event.id;
        if (event.name == "reset") {
            log_.add_reset(boost::json::parse(event.data).at("first").to_number<std::uint64_t>());
        } else if (event.name == "event" || event.name == "message") {
            log_.add(seq_behind(':', event.id));
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

/// Who knows where a reader of the second generation is: it, or the server, to which it acknowledges.
enum class Memory : std::uint8_t { own, by_name };

/// A browser of the second generation. It is in the channel for a moment before anything is said there.
template <Memory kMemory>
class SecondReader {
  public:
    SecondReader(std::uint16_t port, std::string channel) : port_(port), channel_(std::move(channel)) {
        SecondClient browser(port_);
        const auto answer = browser.join(channel_, {{"client_id", kName}});
        position_ = at_path(answer, "payload.cursor");
    }

    /// As EventReader::read.
    template <class Until>
    bool read(Clock::duration time, Until until) {
        SecondClient browser(port_);
        const boost::json::object options = kMemory == Memory::own
                                                ? boost::json::object{{"cursor", position_}}
                                                : boost::json::object{{"client_id", kName}};
        browser.send("join", channel_,
                     {{"options", options}, {"payload", boost::json::object{{"history", false}}}});
        const Deadline deadline(time);
        while (!until()) {
            const auto frame = browser.next(deadline);
            if (!frame) break;
            take(browser, *frame);
        }
        return until();
    }

    const Log& log() const { return log_; }

  private:
    static constexpr const char* kName = "reader";

    void take(SecondClient& browser, const boost::json::object& frame) {
        const boost::json::string& action = frame.at("action").as_string();
        if (action == "join") take_answer(frame);
        if (action == "ack") acknowledged_ = seq_of(at_path(frame, "payload.cursor"));
        if (action == "message" || action == "replay") take_message(browser, frame.at("id"));
        EXPECT_NE(action, "error");
    }
    void take_answer(const boost::json::object& frame) {
        at_ = seq_of(at_path(frame, "payload.cursor"));
        const boost::json::value first = at_path(frame, "payload.first");
        if (first.is_string()) {
            log_.add_reset(seq_of(first));
            acknowledged_ = 0;
            return;
        }
        const std::uint64_t earliest = kMemory == Memory::own ? log_.last() : acknowledged_;
        EXPECT_GE(at_, earliest);
        EXPECT_LE(at_, log_.last()) << "what never came must not be skipped";
        const bool known = kMemory == Memory::own || acknowledged_ != 0;
        EXPECT_TRUE(!known || at_path(frame, "payload.resumed") == boost::json::value(true));
    }
    void take_message(SecondClient& browser, const boost::json::value& id) {
        EXPECT_EQ(seq_of(id), ++at_);
        // What is behind the cursor that the server keeps comes again.
        if (at_ <= log_.last()) return;
        log_.add(at_);
        position_ = id;
        if (kMemory == Memory::by_name && at_ % 7 == 0) browser.send("ack", channel_, {{"id", id}});
    }

    const std::uint16_t port_;
    const std::string channel_;
    boost::json::value position_;     ///< the id of the newest message, or where the first join was
    std::uint64_t at_ = 0;            ///< the newest on this connection
    std::uint64_t acknowledged_ = 0;  ///< which the server has confirmed
    Log log_;
};

class ResumeTest : public SystemTest {
  protected:
    template <class Reader>
    void expect_complete_in_the_end() {
        Reader reader(server().http_port(), "cut");
        Publisher publisher(server().http_port(), "cut");
        const std::uint64_t published = cut_again_and_again(
            publisher, [&](Clock::duration stay) { reader.read(stay, [] { return false; }); });
        EXPECT_TRUE(reader.read(kPatience, [&] { return reader.log().last() >= published; }));
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

TEST_P(ResumeTest, ABrowserWithACursorOfItsOwnIsCompleteInTheEnd) {
    expect_complete_in_the_end<SecondReader<Memory::own>>();
}

TEST_P(ResumeTest, ABrowserThatAcknowledgesIsCompleteInTheEnd) {
    expect_complete_in_the_end<SecondReader<Memory::by_name>>();
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
        Reader reader(server().http_port(), "short");
        Publisher publisher(server().http_port(), "short");
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

TEST_P(RetentionTest, ABrowserWithACursorOfItsOwnIsTold) {
    expect_told<SecondReader<Memory::own>>();
}

TEST_P(RetentionTest, ABrowserThatAcknowledgesIsTold) {
    expect_told<SecondReader<Memory::by_name>>();
}

MILLRACE_ON_BOTH_STORES(RetentionTest);

}  // namespace
}  // namespace millrace::system_test
