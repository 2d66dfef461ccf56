#include "core/message.h"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace millrace {
namespace {

TEST(Message, KeepsEveryFieldInOneBlock) {
    MessageFields fields;
    fields.channel = "room/42";
    fields.payload = as_bytes("payload");
    fields.kind = MessageKind::event;
    fields.qos = 2;
    fields.retain = true;
    fields.id = "key-1";
    fields.client = R"({"socketId":"s"})";
    fields.properties = as_bytes("props");
    fields.expiry_s = 60;
    fields.audience = {true, 7, 42};
    int origin = 0;
    fields.origin = &origin;
    const MessagePtr message = Message::create(fields);
    EXPECT_EQ(message->channel(), "room/42");
    EXPECT_EQ(as_text(message->payload()), "payload");
    EXPECT_EQ(message->kind(), MessageKind::event);
    EXPECT_EQ(message->qos(), 2);
    EXPECT_TRUE(message->retain());
    EXPECT_EQ(message->id(), "key-1");
    EXPECT_EQ(message->client(), fields.client);
    EXPECT_EQ(as_text(message->properties()), "props");
    EXPECT_EQ(message->expiry_s(), 60U);
    EXPECT_EQ(message->audience().row_id, 42);
    EXPECT_EQ(message->origin(), &origin);
    EXPECT_EQ(message->footprint(), sizeof(Message) + 7 + 5 + 16 + 5 + 7);
    message->stamp(9, 1'000);
    EXPECT_EQ(message->seq(), 9U);
    EXPECT_EQ(message->at_us(), 1'000);
}

TEST(Message, LongFieldsStayWhole) {
    const std::string channel(70'000, 'c');
    const std::string id(70'001, 'i');
    const std::string client(70'002, 'w');
    const MessagePtr message = Message::create({.channel = channel,
                                                .payload = as_bytes("payload"),
                                                .id = id,
                                                .client = client,
                                                .properties = as_bytes("props")});
    EXPECT_EQ(message->channel(), channel);
    EXPECT_EQ(message->id(), id);
    EXPECT_EQ(message->client(), client);
    EXPECT_EQ(as_text(message->properties()), "props");
    EXPECT_EQ(as_text(message->payload()), "payload");
}

TEST(Message, ReferencesAreCountedAcrossThreads) {
    const MessagePtr message = Message::create({.channel = "c", .payload = as_bytes("p")});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([message] {
            for (int i = 0; i < 10'000; ++i) {
                const MessagePtr copy = message;
                ASSERT_EQ(copy->channel(), "c");
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(as_text(message->payload()), "p");
}

TEST(Message, ClassifiesPayloads) {
    EXPECT_EQ(classify(as_bytes(R"({"a":[1,2,null,true,"x"]})")), Encoding::json);
    EXPECT_EQ(classify(as_bytes("42")), Encoding::json);
    EXPECT_EQ(classify(as_bytes(" \"text\" ")), Encoding::json);
    EXPECT_EQ(classify(as_bytes("21.5 C")), Encoding::text);
    EXPECT_EQ(classify(as_bytes("{} {}")), Encoding::text);
    EXPECT_EQ(classify(as_bytes("{\"open\":")), Encoding::text);
    EXPECT_EQ(classify(as_bytes("")), Encoding::text);
    EXPECT_EQ(classify(as_bytes("\xFF\xFE")), Encoding::binary);
    EXPECT_EQ(classify(as_bytes("\"\xFF\"")), Encoding::binary);
    const MessagePtr message = Message::create({.channel = "c", .payload = as_bytes("[1]")});
    EXPECT_EQ(message->encoding(), Encoding::json);
}

TEST(Message, WritesTimeAsRfc3339) {
    const auto text = [](std::int64_t at_us) {
        const auto written = rfc3339(at_us);
        return std::string(written.data(), written.size());
    };
    EXPECT_EQ(text(1'795'464'839'123'456), "2026-11-23T20:13:59.123Z");
    EXPECT_EQ(text(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(text(-1), "1969-12-31T23:59:59.999Z");
    EXPECT_EQ(text(951'825'600'000'000), "2000-02-29T12:00:00.000Z");
    EXPECT_EQ(text(253'402'300'799'999'999), "9999-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace millrace
