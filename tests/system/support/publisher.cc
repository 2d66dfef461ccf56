#include "tests/system/support/publisher.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>
#include <iostream>
#include <random>

#include "tests/system/support/http_client.h"

namespace millrace::system_test {
namespace {

constexpr std::uint64_t kBatch = 20;
constexpr Clock::duration kBatchTime = 10ms;
/// What 200 cuts see of 2,000 messages a second; where the machine is slower there are more cuts.
constexpr std::uint64_t kMessages = 12'000;

}  // namespace

Publisher::Publisher(std::uint16_t port, std::string channel)
    : port_(port), channel_(std::move(channel)), thread_([this] { run(); }) {}

std::uint64_t Publisher::stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return acknowledged_;
}

void Publisher::run() {
    HttpConnection http(port_);
    Clock::time_point next = Clock::now();
    while (!stopping_) {
        boost::json::array messages;
        for (std::uint64_t i = 1; i <= kBatch; ++i)
            messages.push_back({{"channel", channel_}, {"data", acknowledged_ + i}});
        const boost::json::value batch{{"messages", std::move(messages)}};
        if (http.post("/v1/publish/batch", batch).status != 200) return;
        acknowledged_ += kBatch;
        next += kBatchTime;
        std::this_thread::sleep_until(next);
    }
}

std::uint64_t cut_again_and_again(Publisher& publisher, const std::function<void(Clock::duration)>& read) {
    std::mt19937 random(20261124);
    std::uniform_int_distribution<int> stay_ms(2, 60);
    const Clock::time_point began = Clock::now();
    int cuts = 0;
    const auto said_a_lot = [&] { return publisher.acknowledged() >= kMessages; };
    for (; cuts < kCuts || (cuts < 10 * kCuts && !said_a_lot()); ++cuts)
        read(std::chrono::milliseconds(stay_ms(random)));
    const std::chrono::duration<double> took = Clock::now() - began;
    const std::uint64_t published = publisher.stop();
    EXPECT_TRUE(said_a_lot());
    std::cout << cuts << " cuts, " << static_cast<double>(published) / took.count() << " messages a second\n";
    return published;
}

void expect_dense(const std::vector<std::uint64_t>& seqs, std::size_t from, std::uint64_t first) {
    for (std::size_t i = from; i < seqs.size(); ++i) {
        ASSERT_EQ(seqs[i], first + (i - from)) << "at " << i << " of " << seqs.size();
    }
}

}  // namespace millrace::system_test
