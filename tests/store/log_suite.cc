#include "tests/store/log_suite.h"

#include <gmock/gmock.h>
#include <map>
#include <thread>

namespace millrace::store::test {

using testing::ElementsAre;

void LogSuite::reopen() {
    reader_.reset();
    log_.reset();
    backend_.reset();
    std::string why;
    Result<std::unique_ptr<Backend>> opened = place_->open(why);
    ASSERT_TRUE(opened) << why;
    backend_ = std::move(*opened);
    log_ = backend_->open_log();
    reader_ = backend_->open_reader();
}

std::vector<Receipt> LogSuite::append(const std::vector<MessagePtr>& batch) {
    const Result<std::vector<Receipt>> receipts = log_->append(batch);
    EXPECT_TRUE(receipts) << receipts.error().message();
    return receipts ? *receipts : std::vector<Receipt>(batch.size());
}

Page LogSuite::read(const Range& range) {
    Result<Page> page = reader_->read(range);
    EXPECT_TRUE(page) << page.error().message();
    return page ? *page : Page{};
}

TEST_P(LogSuite, NumbersEachChannelFromOneWithoutHoles) {
    EXPECT_THAT(seqs(append({text_message("a", "1"), text_message("b", "2"), text_message("a", "3")})),
                ElementsAre(1, 1, 2));
    EXPECT_THAT(seqs(append({text_message("b", "4"), text_message("a", "5")})), ElementsAre(2, 3));
    EXPECT_THAT(seqs(read({.channel = "a"})), ElementsAre(1, 2, 3));
    EXPECT_THAT(seqs(read({.channel = "b"})), ElementsAre(1, 2));
}

TEST_P(LogSuite, StampsWhatItStored) {
    const std::int64_t before = wall_clock_us();
    const MessagePtr message = text_message("a", "x");
    const std::vector<Receipt> receipts = append({message});
    EXPECT_EQ(message->seq(), 1u);
    EXPECT_EQ(message->at_us(), receipts[0].at_us);
    EXPECT_GE(message->at_us(), before);
    EXPECT_LE(message->at_us(), wall_clock_us());
    EXPECT_EQ(read({.channel = "a"}).messages.at(0)->at_us(), receipts[0].at_us);
}

TEST_P(LogSuite, EpochAndSeqSurviveAReopening) {
    append({text_message("a", "1"), text_message("a", "2")});
    const std::string epoch = backend_->epoch();
    EXPECT_THAT(epoch, testing::MatchesRegex("[0-9A-Za-z]+"));
    reopen();
    EXPECT_EQ(backend_->epoch(), epoch);
    EXPECT_THAT(seqs(append({text_message("a", "3")})), ElementsAre(3));
}

TEST_P(LogSuite, AnotherPlaceHasAnotherEpoch) {
    std::string why;
    const Result<std::unique_ptr<Backend>> other_backend = GetParam()()->open(why);
    ASSERT_TRUE(other_backend) << why;
    EXPECT_NE((*other_backend)->epoch(), backend_->epoch());
}

TEST_P(LogSuite, RefusesASecondOwner) {
    std::string why;
    EXPECT_FALSE(place_->open(why));
    EXPECT_THAT(why, testing::HasSubstr("another Millrace is using"));
    EXPECT_EQ(why.find('\n'), std::string::npos);
}

TEST_P(LogSuite, AnIdRepeatedInABatchIsStoredOnce) {
    const std::vector<Receipt> receipts =
        append({text_message("a", "1", "k"), text_message("a", "2", "k"), text_message("b", "3", "k")});
    EXPECT_THAT(seqs(receipts), ElementsAre(1, 1, 1));
    EXPECT_FALSE(receipts[0].repeated);
    EXPECT_TRUE(receipts[1].repeated);
    EXPECT_EQ(receipts[1].at_us, receipts[0].at_us);
    EXPECT_FALSE(receipts[2].repeated);
    EXPECT_THAT(seqs(read({.channel = "a"})), ElementsAre(1));
}

TEST_P(LogSuite, AnIdRepeatedLaterGetsTheFirstReceipt) {
    const Receipt first = append({text_message("a", "0"), text_message("a", "1", "k")})[1];
    for (const bool reopened : {false, true}) {
        if (reopened) reopen();
        const Receipt again = append({text_message("a", "2", "k")})[0];
        EXPECT_TRUE(again.repeated);
        EXPECT_EQ(again.seq, first.seq);
        EXPECT_EQ(again.at_us, first.at_us);
    }
    EXPECT_THAT(seqs(append({text_message("a", "3", "k"), text_message("a", "4")})), ElementsAre(2, 3));
}

TEST_P(LogSuite, ARepeatedMessageIsNotStamped) {
    append({text_message("a", "1", "k")});
    const MessagePtr again = text_message("a", "2", "k");
    append({again});
    EXPECT_EQ(again->seq(), 0u);
}

void LogRange::SetUp() {
    LogSuite::SetUp();
    std::vector<MessagePtr> ten;
    for (int i = 1; i <= 10; ++i) ten.push_back(text_message("a", std::to_string(i)));
    append(ten);
}

TEST_P(LogRange, WithoutBoundsIsTheNewest) {
    const Page page = read({.channel = "a", .limit = 3});
    EXPECT_THAT(seqs(page), ElementsAre(8, 9, 10));
    EXPECT_TRUE(page.more);
    EXPECT_EQ(page.first, 1u);
    EXPECT_EQ(page.last, 10u);
    EXPECT_FALSE(read({.channel = "a", .limit = 10}).more);
}

TEST_P(LogRange, AfterIsTheOldestOfTheLater) {
    const Page page = read({.channel = "a", .after = 4, .limit = 3});
    EXPECT_THAT(seqs(page), ElementsAre(5, 6, 7));
    EXPECT_TRUE(page.more);
    const Page rest = read({.channel = "a", .after = 7, .limit = 3});
    EXPECT_THAT(seqs(rest), ElementsAre(8, 9, 10));
    EXPECT_FALSE(rest.more);
}

TEST_P(LogRange, BeforeIsTheNewestOfTheEarlier) {
    const Page page = read({.channel = "a", .before = 5, .limit = 3});
    EXPECT_THAT(seqs(page), ElementsAre(2, 3, 4));
    EXPECT_TRUE(page.more);
    EXPECT_FALSE(read({.channel = "a", .before = 4, .limit = 3}).more);
}

TEST_P(LogRange, BothBoundsAreOpenAndReadUpwards) {
    const Page page = read({.channel = "a", .after = 2, .before = 6, .limit = 2});
    EXPECT_THAT(seqs(page), ElementsAre(3, 4));
    EXPECT_TRUE(page.more);
    EXPECT_FALSE(read({.channel = "a", .after = 2, .before = 6, .limit = 3}).more);
}

TEST_P(LogRange, TimesAreBoundsToo) {
    const std::vector<MessagePtr> all = read({.channel = "a"}).messages;
    ASSERT_EQ(all.size(), 10u);
    const std::int64_t later = append({text_message("a", "later")})[0].at_us;
    const std::int64_t latest = append({text_message("a", "latest")})[0].at_us;
    EXPECT_THAT(seqs(read({.channel = "a", .since_us = later})), ElementsAre(11, 12));
    EXPECT_THAT(seqs(read({.channel = "a", .since_us = later, .limit = 1})), ElementsAre(11));
    EXPECT_THAT(seqs(read({.channel = "a", .since_us = later, .until_us = latest})), ElementsAre(11));
    EXPECT_THAT(seqs(read({.channel = "a", .until_us = later, .limit = 2})), ElementsAre(9, 10));
    EXPECT_THAT(seqs(read({.channel = "a", .after = 11, .since_us = later})), ElementsAre(12));
    EXPECT_THAT(seqs(read({.channel = "a", .before = 12, .since_us = later})), ElementsAre(11));
    EXPECT_TRUE(read({.channel = "a", .since_us = latest + 1}).messages.empty());
    EXPECT_TRUE(read({.channel = "a", .until_us = all.front()->at_us()}).messages.empty());
    EXPECT_EQ(read({.channel = "a", .since_us = 0}).messages.size(), 12u);
    EXPECT_TRUE(read({.channel = "nobody", .since_us = 0}).messages.empty());
    const std::unique_ptr<Maintenance> maintenance = backend_->open_maintenance();
    EXPECT_EQ(*maintenance->trim({.channel = "a", .before_seq = 12}), 11U);
    EXPECT_THAT(seqs(read({.channel = "a", .since_us = 0})), ElementsAre(12));
}

TEST_P(LogRange, EdgesAreEmptyPages) {
    constexpr std::uint64_t kMost = ~std::uint64_t{0};
    for (const Range& range :
         {Range{.channel = "a", .after = 10, .limit = 5}, Range{.channel = "a", .after = kMost},
          Range{.channel = "a", .before = 1}, Range{.channel = "a", .before = 0}}) {
        const Page page = read(range);
        EXPECT_TRUE(page.messages.empty());
        EXPECT_FALSE(page.more);
        EXPECT_EQ(page.last, 10u);
    }
    EXPECT_EQ(read({.channel = "a", .after = 0, .before = kMost}).messages.size(), 10u);
    EXPECT_TRUE(read({.channel = "a", .limit = 0}).messages.empty());
    EXPECT_TRUE(read({.channel = "a", .limit = 0}).more);
}

TEST_P(LogRange, AnUnknownChannelIsEmpty) {
    const Page page = read({.channel = "nobody"});
    EXPECT_TRUE(page.messages.empty());
    EXPECT_EQ(page.first, 0u);
    EXPECT_EQ(page.last, 0u);
    EXPECT_FALSE(page.more);
}

TEST_P(LogSuite, EveryFieldSurvives) {
    const std::string properties("\x03\x00\x01x\x00", 5);
    const MessagePtr sent = Message::create({.channel = "room/42",
                                             .payload = as_bytes("{\"x\":1}"),
                                             .kind = MessageKind::event,
                                             .encoding = Encoding::text,
                                             .qos = 2,
                                             .retain = true,
                                             .id = "key",
                                             .client = "{\"socket_id\":\"7\"}",
                                             .properties = as_bytes(properties),
                                             .expiry_s = 4'000'000'000,
                                             .audience = {true, 5'000'000'000, -7}});
    const MessagePtr brief = Message::create({.channel = "room/42", .expiry_s = 0});
    append({sent, text_message("room/42", "plain"), brief});
    const Page page = read({.channel = "room/42"});
    ASSERT_EQ(page.messages.size(), 3u);
    EXPECT_EQ(page.messages[2]->expiry_s(), 0u);
    const Message& got = *page.messages[0];
    EXPECT_EQ(got.channel(), "room/42");
    EXPECT_EQ(as_text(got.payload()), "{\"x\":1}");
    EXPECT_EQ(got.kind(), MessageKind::event);
    EXPECT_EQ(got.encoding(), Encoding::text);
    EXPECT_EQ(got.qos(), 2);
    EXPECT_TRUE(got.retain());
    EXPECT_EQ(got.id(), "key");
    EXPECT_EQ(got.client(), "{\"socket_id\":\"7\"}");
    EXPECT_EQ(as_text(got.properties()), properties);
    EXPECT_EQ(got.expiry_s(), 4'000'000'000);
    EXPECT_TRUE(got.audience().authenticated_only);
    EXPECT_EQ(got.audience().dbo_id, 5'000'000'000);
    EXPECT_EQ(got.audience().row_id, -7);
    const Message& plain = *page.messages[1];
    EXPECT_EQ(plain.kind(), MessageKind::message);
    EXPECT_EQ(plain.qos(), 0);
    EXPECT_FALSE(plain.retain());
    EXPECT_TRUE(plain.id().empty() && plain.client().empty() && plain.properties().empty());
    EXPECT_EQ(plain.expiry_s(), std::nullopt);
    EXPECT_TRUE(plain.audience().everyone());
}

TEST_P(LogSuite, EveryPayloadSurvives) {
    const std::string mebibyte(std::size_t{1} << 20, 'm');
    const std::string nul("a\0b", 3);
    const std::vector<std::pair<std::string, Encoding>> payloads = {{"", Encoding::text},
                                                                    {"{\"a\":[1,2]}", Encoding::json},
                                                                    {"\"\\u0000\"", Encoding::json},
                                                                    {"grüße", Encoding::text},
                                                                    {nul, Encoding::text},
                                                                    {"\xff\xfe", Encoding::binary},
                                                                    {mebibyte, Encoding::text}};
    std::vector<MessagePtr> batch;
    for (const auto& [payload, encoding] : payloads) batch.push_back(text_message("p", payload));
    append(batch);
    const Page page = read({.channel = "p"});
    ASSERT_EQ(page.messages.size(), payloads.size());
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        EXPECT_TRUE(as_text(page.messages[i]->payload()) == payloads[i].first) << i;
        EXPECT_EQ(page.messages[i]->encoding(), payloads[i].second) << i;
    }
    EXPECT_EQ(place_->sql("select count(data) from millrace.messages"), "7");
}

TEST_P(LogSuite, EveryChannelNameWorks) {
    std::vector<MessagePtr> batch;
    std::vector<std::string> names = {"день/日本/🎉",           " ", "a'b\"c\\d", "/", "{a,b}", "NULL",
                                      std::string(65'535, 'x')};
    for (unsigned i = 0; i < 1000; ++i) names.back()[i] = static_cast<char>('!' + (i * i * 7919U) % 90);
    for (const std::string& name : names) batch.push_back(text_message(name, name));
    append(batch);
    reopen();
    for (const std::string& name : names) {
        const Page page = read({.channel = name});
        ASSERT_EQ(page.messages.size(), 1u) << name.substr(0, 20);
        EXPECT_EQ(as_text(page.messages[0]->payload()), name);
        EXPECT_EQ(page.messages[0]->channel(), name);
    }
}

TEST_P(LogSuite, TenThousandChannels) {
    for (const std::uint64_t round : {1U, 2U}) {
        for (int part = 0; part < 10; ++part) {
            std::vector<MessagePtr> batch;
            for (int i = 0; i < 1000; ++i)
                batch.push_back(text_message("c/" + std::to_string(part * 1000 + i), "x"));
            EXPECT_THAT(seqs(append(batch)), testing::Each(round));
        }
        reopen();
    }
    EXPECT_EQ(place_->sql("select count(*) from millrace.channel"), "10000");
}

TEST_P(LogSuite, ALongPageEndsEarly) {
    const std::string payload(3 << 20, 'x');
    for (int i = 0; i < 4; ++i) append({text_message("a", payload)});
    const Page page = read({.channel = "a", .after = 0});
    EXPECT_THAT(seqs(page), ElementsAre(1, 2, 3));
    EXPECT_TRUE(page.more);
    EXPECT_THAT(seqs(read({.channel = "a", .after = 3})), ElementsAre(4));
    EXPECT_THAT(seqs(read({.channel = "a"})), ElementsAre(2, 3, 4));
}

TEST_P(LogSuite, WhatWasPurgedIsNotNumberedAgain) {
    append({text_message("a", "1"), text_message("a", "2")});
    place_->sql("update millrace.channel set floor = 2");
    place_->sql("delete from millrace.message");
    reopen();
    const Page page = read({.channel = "a"});
    EXPECT_EQ(page.first, 0u);
    EXPECT_EQ(page.last, 2u);
    EXPECT_THAT(seqs(append({text_message("a", "3")})), ElementsAre(3));
    EXPECT_EQ(read({.channel = "a"}).first, 3u);
}

TEST_P(LogSuite, TheNewestRetainedMessageOfEachChannelIsFound) {
    const auto retained = [](std::string_view channel, std::string_view text) {
        MessageFields fields;
        fields.channel = channel;
        fields.payload = as_bytes(text);
        fields.retain = true;
        return Message::create(fields);
    };
    append({retained("a", "old"), retained("a", "new"), text_message("a", "not retained")});
    append({retained("b", ""), text_message("c", "never")});
    reopen();
    const Result<std::vector<MessagePtr>> found = reader_->retained();
    ASSERT_TRUE(found);
    std::map<std::string, std::string> texts;
    for (const MessagePtr& message : *found) {
        texts[std::string(message->channel())] = as_text(message->payload());
        EXPECT_TRUE(message->retain());
    }
    EXPECT_EQ(texts, (std::map<std::string, std::string>{{"a", "new"}, {"b", ""}}));
    EXPECT_EQ(found->at(0)->seq(), found->at(0)->channel() == "a" ? 2U : 1U);
}

TEST_P(LogSuite, TheNewestRetainedMessageForEachAudienceIsFound) {
    const auto retained = [](std::string_view text, const Audience& audience) {
        return Message::create(
            {.channel = "a", .payload = as_bytes(text), .retain = true, .audience = audience});
    };
    const Audience authenticated{.authenticated_only = true};
    append({retained("old inner", authenticated), retained("old", {}), retained("inner", authenticated)});
    append({retained("open", {}), retained("for one", {.dbo_id = 1, .row_id = 7})});
    const auto found = [this] {
        reopen();
        std::vector<std::string> texts;
        for (const MessagePtr& message : *reader_->retained())
            texts.emplace_back(as_text(message->payload()));
        return texts;
    };
    EXPECT_THAT(found(), ElementsAre("inner", "open"));
    append({retained("later inner", authenticated)});
    EXPECT_THAT(found(), ElementsAre("open", "later inner"));
}

TEST_P(LogSuite, ReadersSeeWholeBatchesWhileOthersAreWritten) {
    append({text_message("a", "0"), text_message("a", "1")});
    std::atomic<bool> written{false};
    const auto follow = [&] {
        const std::unique_ptr<Reader> reader = backend_->open_reader();
        std::uint64_t seen = 0;
        while (true) {
            const bool last_round = written;
            const Result<Page> page = reader->read({.channel = "a", .after = seen, .limit = 1000});
            ASSERT_TRUE(page);
            for (const MessagePtr& message : page->messages) ASSERT_EQ(message->seq(), ++seen);
            ASSERT_EQ(seen % 2, 0u);
            if (last_round) break;
        }
        EXPECT_EQ(seen, 202u);
    };
    std::thread one(follow);
    std::thread two(follow);
    for (int i = 0; i < 100; ++i) append({text_message("a", "x"), text_message("a", "y")});
    written = true;
    one.join();
    two.join();
}

TEST_P(LogSuite, TheViewIsReadable) {
    append(
        {text_message("room", "{\"a\":1}", "k"), text_message("room", "hi"), text_message("room", "\xff")});
    EXPECT_EQ(place_->sql("select channel, seq, id, type, data from millrace.messages where seq = 1"),
              "room|1|k|message|{\"a\":1}");
    EXPECT_EQ(place_->sql("select id from millrace.messages where seq = 2"), backend_->epoch() + "-2");
    EXPECT_EQ(place_->sql("select encoding is not null from millrace.messages where seq = 3").substr(0, 1),
              place_->sql("select 1 = 1").substr(0, 1));
}

TEST_P(LogRange, TrimsTheOldestAndKeepsTheNumbersGoing) {
    const std::unique_ptr<Maintenance> maintenance = backend_->open_maintenance();
    EXPECT_EQ(*maintenance->trim({.channel = "a", .before_seq = 5}), 4U);
    Page page = read({.channel = "a", .after = 0});
    EXPECT_THAT(seqs(page), ElementsAre(5, 6, 7, 8, 9, 10));
    EXPECT_EQ(page.first, 5U);
    EXPECT_EQ(*maintenance->trim({.channel = "a", .before_seq = 5}), 0U);
    EXPECT_EQ(*maintenance->trim({.channel = "a", .before_seq = 99}), 6U);
    page = read({.channel = "a"});
    EXPECT_TRUE(page.messages.empty());
    EXPECT_EQ(page.first, 0U);
    EXPECT_EQ(page.last, 10U);
    EXPECT_THAT(seqs(append({text_message("a", "next")})), ElementsAre(11));
    EXPECT_EQ(*maintenance->trim({.channel = "a", .before_seq = 99}), 1U);
    reopen();
    EXPECT_THAT(seqs(append({text_message("a", "next")})), ElementsAre(12));
    EXPECT_EQ(read({.channel = "a"}).first, 12U);
}

TEST_P(LogRange, TrimsInSteps) {
    const std::unique_ptr<Maintenance> maintenance = backend_->open_maintenance();
    const Trim trim{.channel = "a", .before_seq = 8, .rows = 3};
    EXPECT_EQ(*maintenance->trim(trim), 3U);
    EXPECT_EQ(read({.channel = "a"}).first, 4U);
    EXPECT_EQ(*maintenance->trim(trim), 3U);
    EXPECT_EQ(*maintenance->trim(trim), 1U);
    EXPECT_EQ(read({.channel = "a"}).first, 8U);
    EXPECT_EQ(*maintenance->trim({.channel = "nowhere", .before_seq = 8}), 0U);
}

TEST_P(LogSuite, TrimsByAge) {
    const std::int64_t old = append({text_message("a", "1"), text_message("a", "2")})[0].at_us;
    const std::int64_t young = append({text_message("a", "3")})[0].at_us;
    ASSERT_GT(young, old);
    const std::unique_ptr<Maintenance> maintenance = backend_->open_maintenance();
    EXPECT_EQ(*maintenance->trim({.channel = "a", .before_us = young - 3'600'000'000}), 0U);
    EXPECT_EQ(*maintenance->trim({.channel = "a", .before_us = young}), 2U);
    EXPECT_THAT(seqs(read({.channel = "a"})), ElementsAre(3));
    EXPECT_EQ(*maintenance->trim({.channel = "a", .before_us = young + 1}), 1U);
}

TEST_P(LogSuite, AnIdIsKnownAsLongAsItsMessage) {
    append({text_message("a", "1", "k"), text_message("a", "2")});
    const std::unique_ptr<Maintenance> maintenance = backend_->open_maintenance();
    EXPECT_TRUE(append({text_message("a", "x", "k")})[0].repeated);
    EXPECT_EQ(*maintenance->trim({.channel = "a", .before_seq = 2}), 1U);
    const Receipt again = append({text_message("a", "x", "k")})[0];
    EXPECT_FALSE(again.repeated);
    EXPECT_EQ(again.seq, 3U);
}

TEST_P(LogSuite, ListsChannels) {
    append({text_message("b", "1"), text_message("b", "2"), text_message("a", "1"), text_message("B", "1")});
    const std::unique_ptr<Maintenance> maintenance = backend_->open_maintenance();
    ASSERT_EQ(*maintenance->trim({.channel = "b", .before_seq = 2}), 1U);
    ASSERT_EQ(*maintenance->trim({.channel = "a", .before_seq = 2}), 1U);
    const auto by_name = maintenance->channels_by_name("", 10);
    ASSERT_TRUE(by_name);
    ASSERT_EQ(by_name->size(), 3U);
    EXPECT_EQ(by_name->at(0).name, "B");
    EXPECT_EQ(by_name->at(1).name, "a");
    EXPECT_EQ(by_name->at(1).first, 0U);
    EXPECT_EQ(by_name->at(1).last, 1U);
    EXPECT_EQ(by_name->at(1).rows(), 0U);
    EXPECT_EQ(by_name->at(2).first, 2U);
    EXPECT_EQ(by_name->at(2).last, 2U);
    EXPECT_EQ(by_name->at(2).oldest_us, read({.channel = "b"}).messages.at(0)->at_us());
    EXPECT_EQ(maintenance->channels_by_name("B", 1)->at(0).name, "a");
    const auto first = maintenance->channels(0, 2);
    ASSERT_EQ(first->size(), 2U);
    const auto rest = maintenance->channels(first->back().id, 2);
    ASSERT_EQ(rest->size(), 1U);
    EXPECT_TRUE(maintenance->channels(rest->back().id, 2)->empty());
    EXPECT_EQ(maintenance->find("b")->first, 2U);
    EXPECT_EQ(maintenance->find("c")->id, 0);
}

TEST_P(LogSuite, WritingGoesOnWhileTheOldestGo) {
    const std::unique_ptr<Maintenance> maintenance = backend_->open_maintenance();
    std::uint64_t last = 0;
    std::uint32_t gone = 0;
    for (int round = 0; round < 50; ++round) {
        const std::vector<Receipt> receipts = append({text_message("a", "x"), text_message("a", "y")});
        EXPECT_THAT(seqs(receipts), ElementsAre(last + 1, last + 2));
        last += 2;
        if (last > 10) gone += *maintenance->trim({.channel = "a", .before_seq = last - 9});
    }
    const Page page = read({.channel = "a", .after = 0});
    EXPECT_EQ(page.messages.size(), 10U);
    EXPECT_EQ(page.first, last - 9);
    EXPECT_EQ(gone + 10, last);
}

}  // namespace millrace::store::test
