#include "core/mailbox.h"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace millrace {
namespace {

template <class Function>
bool push(Mailbox& mailbox, Function function) {
    return mailbox.push(std::make_unique<FunctionLetter<Function>>(std::move(function)));
}

TEST(Mailbox, OnlyTheFirstLetterInAnEmptyBoxWakes) {
    Mailbox mailbox;
    EXPECT_TRUE(push(mailbox, [] {}));
    EXPECT_FALSE(push(mailbox, [] {}));
    EXPECT_TRUE(mailbox.drain());
    EXPECT_FALSE(mailbox.drain());
    EXPECT_TRUE(push(mailbox, [] {}));
}

TEST(Mailbox, OpensInTheOrderOfPosting) {
    Mailbox mailbox;
    std::vector<int> opened;
    for (int i = 0; i < 100; ++i) push(mailbox, [&opened, i] { opened.push_back(i); });
    mailbox.drain();
    ASSERT_EQ(opened.size(), 100U);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(opened[static_cast<std::size_t>(i)], i);
}

TEST(Mailbox, ALetterMayPostAnother) {
    Mailbox mailbox;
    int opened = 0;
    push(mailbox, [&] {
        ++opened;
        push(mailbox, [&] { ++opened; });
    });
    mailbox.drain();
    EXPECT_EQ(opened, 1);
    mailbox.drain();
    EXPECT_EQ(opened, 2);
}

TEST(Mailbox, DestroysWhatWasNeverOpened) {
    const auto token = std::make_shared<int>(0);
    {
        Mailbox mailbox;
        push(mailbox, [token] {});
        EXPECT_EQ(token.use_count(), 2);
    }
    EXPECT_EQ(token.use_count(), 1);
}

TEST(Mailbox, ManySendersKeepTheirOwnOrder) {
    constexpr int kSenders = 4;
    constexpr int kLetters = 20'000;
    Mailbox mailbox;
    std::vector<int> next(kSenders);
    int opened = 0;
    bool in_order = true;
    std::vector<std::thread> senders;
    for (int sender = 0; sender < kSenders; ++sender) {
        senders.emplace_back([&, sender] {
            for (int i = 0; i < kLetters; ++i) {
                push(mailbox, [&, sender, i] {
                    in_order = in_order && next[static_cast<std::size_t>(sender)]++ == i;
                    ++opened;
                });
            }
        });
    }
    while (opened < kSenders * kLetters) {
        if (!mailbox.drain()) std::this_thread::yield();
    }
    for (std::thread& sender : senders) sender.join();
    EXPECT_TRUE(in_order);
    EXPECT_FALSE(mailbox.drain());
}

}  // namespace
}  // namespace millrace
