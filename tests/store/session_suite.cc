#include "tests/store/session_suite.h"

#include <algorithm>
#include <gmock/gmock.h>

#include "tests/store/session_changes.h"

namespace millrace::store::test {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

namespace {

KeptSession session(std::int64_t id, std::string_view client_id = "ada") {
    KeptSession session;
    session.id = id;
    session.client_id = client_id;
    session.owner = {1, "someone", 7, 8};
    session.expiry_s = 0xFFFFFFFF;
    session.disconnected_us = 1'792'000'000'000'001;
    session.caught_up_us = 1'792'000'000'000'002;
    session.packet_id = 65'535;
    return session;
}

std::vector<std::string> filters(const RestoredSession& session) {
    std::vector<std::string> filters;
    for (const KeptSubscription& kept : session.subscriptions) filters.push_back(kept.filter);
    return filters;
}

}  // namespace

void SessionSuite::SetUp() {
    LogSuite::SetUp();
    sessions_ = backend_->open_sessions();
}

void SessionSuite::restart() {
    sessions_.reset();
    reopen();
    sessions_ = backend_->open_sessions();
}

void SessionSuite::apply(const std::vector<SessionChange>& changes, bool durable) {
    EXPECT_EQ(sessions_->apply(changes, durable), error_code{});
}

std::vector<RestoredSession> SessionSuite::load() {
    Result<std::vector<RestoredSession>> loaded = sessions_->load();
    EXPECT_TRUE(loaded) << loaded.error().message();
    if (!loaded) return {};
    std::ranges::sort(*loaded, {}, [](const RestoredSession& restored) { return restored.session.id; });
    for (RestoredSession& restored : *loaded)
        std::ranges::sort(restored.subscriptions, {}, &KeptSubscription::filter);
    return *loaded;
}

TEST_P(SessionSuite, BringsBackWhatWasSaved) {
    KeptSubscription full = kept_subscription("sensors/+/\xc3\xa9#", 2);
    full.identifier = 268'435'455;
    full.no_local = true;
    full.retain_as_published = true;
    full.since_us = 1'792'000'000'000'003;
    apply({change_of(session(5), {full, kept_subscription("$share/g/a", 0)}), change_of(session(6, "bob"))});
    restart();
    const std::vector<RestoredSession> loaded = load();
    ASSERT_THAT(loaded, SizeIs(2));
    EXPECT_EQ(loaded[0].session, session(5));
    EXPECT_THAT(loaded[0].subscriptions, ElementsAre(kept_subscription("$share/g/a", 0), full));
    EXPECT_EQ(loaded[1].session, session(6, "bob"));
    EXPECT_THAT(loaded[1].subscriptions, IsEmpty());
}

TEST_P(SessionSuite, ALaterStateReplacesAnEarlierOne) {
    apply({change_of(session(5), {kept_subscription("a"), kept_subscription("b"), kept_subscription("c")})});
    KeptSession later = session(5);
    later.caught_up_us += 1000;
    later.disconnected_us = 0;
    apply({change_of(later, {kept_subscription("b", 2), kept_subscription("d")}, {"c", "never there"})},
          false);
    const std::vector<RestoredSession> loaded = load();
    ASSERT_THAT(loaded, SizeIs(1));
    EXPECT_EQ(loaded[0].session, later);
    EXPECT_THAT(loaded[0].subscriptions,
                ElementsAre(kept_subscription("a"), kept_subscription("b", 2), kept_subscription("d")));
}

TEST_P(SessionSuite, AnEndedSessionIsGoneWithItsSubscriptions) {
    apply({change_of(session(5), {kept_subscription("a")}),
           change_of(session(6, "bob"), {kept_subscription("b")})});
    apply({end_of(5), change_of(session(7), {kept_subscription("x")})});
    const std::vector<RestoredSession> loaded = load();
    ASSERT_THAT(loaded, SizeIs(2));
    EXPECT_EQ(loaded[0].session.client_id, "bob");
    EXPECT_THAT(filters(loaded[1]), ElementsAre("x"));
    EXPECT_EQ(place_->sql("select count(*) from millrace.session_subscription"), "2");
}

TEST_P(SessionSuite, ApplyingTwiceIsTheSameAsOnce) {
    apply({change_of(session(5), {kept_subscription("a"), kept_subscription("b")})});
    const std::vector<SessionChange> changes = {change_of(session(5), {kept_subscription("c")}, {"a"}),
                                                end_of(6)};
    apply(changes);
    apply(changes);
    EXPECT_THAT(filters(load().at(0)), ElementsAre("b", "c"));
}

TEST_P(SessionSuite, NamesAsLongAsMqttAllows) {
    const std::string long_name(65'535, 'n');
    const std::string other = long_name.substr(1) + 'x';
    apply({change_of(session(5, long_name), {kept_subscription(long_name), kept_subscription(other)})});
    apply({change_of(session(5, long_name), {}, {other})});
    const std::vector<RestoredSession> loaded = load();
    EXPECT_EQ(loaded.at(0).session.client_id, long_name);
    EXPECT_THAT(filters(loaded.at(0)), ElementsAre(long_name));
}

TEST_P(SessionSuite, NewsAreTheChannelsWithALaterMessage) {
    const auto stamp = [&](std::string_view channel) {
        return append({text_message(channel, "x")})[0].at_us;
    };
    stamp("old");
    const std::int64_t between = stamp("both");
    const std::int64_t newest = stamp("both");
    stamp("young");
    const Result<std::vector<ChannelNews>> news = sessions_->news(between);
    ASSERT_TRUE(news);
    std::map<std::string, std::int64_t> found;
    for (const ChannelNews& channel : *news) found[channel.name] = channel.newest_us;
    EXPECT_THAT(found,
                ElementsAre(testing::Pair("both", newest), testing::Pair("young", testing::Gt(newest))));
    EXPECT_THAT(*sessions_->news(wall_clock_us() + 1'000'000), IsEmpty());
}

TEST_P(SessionSuite, APositionIsTheNewestMessageOfItsTime) {
    std::vector<std::int64_t> stamps;
    for (int i = 0; i < 3; ++i) stamps.push_back(append({text_message("a", "x")})[0].at_us);
    const std::int64_t id = sessions_->news(0)->at(0).id;
    EXPECT_EQ(*sessions_->position(id, stamps[0] - 1), 0u);
    EXPECT_EQ(*sessions_->position(id, stamps[1]), 2u);
    EXPECT_EQ(*sessions_->position(id, stamps[2] - 1), 2u);
    EXPECT_EQ(*sessions_->position(id, stamps[2] + 1), 3u);
}

TEST_P(SessionSuite, StampsGoOnWhereTheyAreTold) {
    const std::int64_t ahead = wall_clock_us() + 3'600'000'000;
    log_->stamp_after(ahead);
    EXPECT_EQ(append({text_message("a", "x")})[0].at_us, ahead + 1);
    EXPECT_EQ(append({text_message("b", "x")})[0].at_us, ahead + 2);
}

}  // namespace millrace::store::test
