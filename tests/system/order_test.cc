// 20,000 messages over 50 channels by HTTP, MQTT and the bridge at once: everybody sees the same order.
#include <gtest/gtest.h>
#include <set>

#include "tests/system/load.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

class OrderTest : public SystemTest {};

std::vector<std::string> keys(const std::vector<Seen>& messages) {
    std::vector<std::string> found;
    for (const Seen& seen : messages) found.push_back(seen.key);
    return found;
}

void expect_dense(const std::vector<Seen>& messages) {
    for (std::size_t i = 0; i < messages.size(); ++i) {
        ASSERT_EQ(messages[i].seq, i + 1) << messages[i].channel << " " << messages[i].key;
    }
}

/// That a subscriber saw every channel as it is stored; `with_seq` where the door tells it.
void expect_same(const SeenByChannel& seen, const SeenByChannel& stored, bool with_seq,
                 const std::string& who) {
    SCOPED_TRACE(who);
    ASSERT_EQ(seen.size(), stored.size());
    for (const auto& [channel, messages] : stored) {
        const std::vector<Seen>& got = seen.at(channel);
        ASSERT_EQ(got.size(), messages.size()) << channel;
        if (with_seq) {
            ASSERT_TRUE(got == messages) << channel;
        } else {
            ASSERT_EQ(keys(got), keys(messages)) << channel;
        }
    }
}

TEST_P(OrderTest, EverySubscriberSeesTheSameOrderThroughEveryDoor) {
    LoadPlan plan;
    plan.name = "order";
    ASSERT_EQ(plan.total(), 20000U);
    Load load(server(), plan);
    load.start();
    const LoadResult result = load.finish();
    ASSERT_EQ(result.acknowledged.size(), plan.total());

    SeenByChannel stored;
    std::set<std::string> keys_stored;
    std::map<std::string, std::uint64_t> seq_of;
    for (int i = 0; i < plan.channels; ++i) {
        std::vector<Seen> messages = read_channel(server().http_port(), plan.channel(i)).messages;
        expect_dense(messages);
        for (const Seen& seen : messages) {
            EXPECT_TRUE(keys_stored.insert(seen.key).second) << seen.key << " is stored twice";
            seq_of[seen.key] = seen.seq;
        }
        stored[plan.channel(i)] = std::move(messages);
    }
    ASSERT_FALSE(HasFailure());
    EXPECT_EQ(keys_stored.size(), plan.total());
    for (const Seen& seen : result.acknowledged) {
        ASSERT_TRUE(seq_of.contains(seen.key)) << seen.key;
        EXPECT_TRUE(seen.seq == 0 || seen.seq == seq_of[seen.key]) << seen.key;
    }
    for (std::size_t i = 0; i < result.mqtt5.size(); ++i) {
        expect_same(result.mqtt5[i], stored, true, "MQTT 5.0 subscriber " + std::to_string(i));
        expect_same(result.mqtt311[i], stored, false, "MQTT 3.1.1 subscriber " + std::to_string(i));
        expect_same(result.bridge[i], stored, true, "bridge subscriber " + std::to_string(i));
    }
    const std::string wrong = "select channel from " + store().messages() +
                              " group by channel having min(seq) <> 1 or max(seq) <> count(*)";
    EXPECT_EQ(store().query(wrong).size(), 0U);
    EXPECT_EQ(store().query("select count(*) from " + store().messages()).at(0), "20000");
}

MILLRACE_ON_BOTH_STORES(OrderTest);

}  // namespace
}  // namespace millrace::system_test
