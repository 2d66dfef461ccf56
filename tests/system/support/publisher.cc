#include "tests/system/support/publisher.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "tests/system/support/http_client.h"

namespace millrace::system_test {
namespace {

constexpr int kBatch = 20;
constexpr Clock::duration kBatchTime = 10ms;

}  // namespace

Publisher::Publisher(std::uint16_t port, std::string channel)
    : port_(port), channel_(std::move(channel)), thread_([this] { run(); }) {}

std::uint64_t Publisher::stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return acknowledged_;
}

void Publisher::run() {
    boost::json::array messages;
    for (int i = 0; i < kBatch; ++i) messages.push_back({{"channel", channel_}, {"data", i}});
    const boost::json::value batch{{"messages", std::move(messages)}};
    HttpConnection http(port_);
    Clock::time_point next = Clock::now();
    while (!stopping_) {
        if (http.post("/v1/publish/batch", batch).status != 200) return;
        acknowledged_ += kBatch;
        next += kBatchTime;
        std::this_thread::sleep_until(next);
    }
}

}  // namespace millrace::system_test
