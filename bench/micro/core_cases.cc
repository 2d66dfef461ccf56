// Messages, mailboxes, outboxes, timers.
#include <benchmark/benchmark.h>
#include <memory>
#include <string>

#include "bench/micro/case.h"
#include "bench/micro/samples.h"
#include "bench/micro/world.h"
#include "core/mailbox.h"
#include "core/net/outbox.h"
#include "core/timer_wheel.h"

namespace millrace::bench {
namespace {

constexpr std::size_t kTimes = 1000;

/// An outbox over a socket that is read at once.
struct Pipe {
    Socket::Pair ends = Socket::pair();
    Socket near{ends.near};
    Socket far{ends.far};
    BufferPool pool;
    Outbox out{pool};

    void flush(std::size_t expected) {
        out.flush(ends.near);
        far.expect(expected);
    }
};

void add_mailbox_cases(Cases& cases) {
    cases.push_back({"mailbox/post_and_open", kTimes, [] {
                         return repeat([box = std::make_unique<Mailbox>()] {
                             int opened = 0;
                             const auto open = [&opened] { ++opened; };
                             box->push(std::make_unique<FunctionLetter<decltype(open)>>(open));
                             box->drain();
                             benchmark::DoNotOptimize(opened);
                         });
                     }});
    cases.push_back({"mailbox/burst_of_100", kTimes, [] {
                         return repeat(
                             [box = std::make_unique<Mailbox>()] {
                                 int opened = 0;
                                 const auto open = [&opened] { ++opened; };
                                 for (int i = 0; i < 100; ++i)
                                     box->push(std::make_unique<FunctionLetter<decltype(open)>>(open));
                                 box->drain();
                                 benchmark::DoNotOptimize(opened);
                             },
                             100);
                     }});
}

void add_outbox_cases(Cases& cases) {
    cases.push_back({"outbox/append_64", kTimes * 10, [] {
                         return repeat(
                             [pipe = std::make_unique<Pipe>()] {
                                 for (int i = 0; i < 100; ++i) pipe->out.append(as_bytes(kPayload));
                                 pipe->flush(100 * kPayload.size());
                             },
                             100);
                     }});
    cases.push_back({"outbox/append_64_and_flush", kTimes, [] {
                         return repeat([pipe = std::make_unique<Pipe>()] {
                             pipe->out.append(as_bytes(kPayload));
                             pipe->flush(kPayload.size());
                         });
                     }});
    cases.push_back({"outbox/append_shared_and_flush", kTimes, [] {
                         const std::string payload(16'384, 'x');
                         return repeat(
                             [pipe = std::make_unique<Pipe>(), message = sample_message(kTopic, payload)] {
                                 pipe->out.append(as_bytes("header"));
                                 pipe->out.append_shared(message, message->payload());
                                 pipe->flush(6 + message->payload().size());
                             });
                     }});
    cases.push_back({"outbox/splice", kTimes, [] {
                         return repeat([pipe = std::make_unique<Pipe>()] {
                             Outbox inner(pipe->pool);
                             inner.append(as_bytes(kPayload));
                             pipe->out.splice(inner);
                             pipe->flush(kPayload.size());
                         });
                     }});
}

class SilentTimer final : public Timer {
  private:
    void on_timer(TimePoint) override {}
};

}  // namespace

void add_core_cases(Cases& cases) {
    cases.push_back({"message/create_and_destroy", kTimes,
                     [] { return repeat([] { benchmark::DoNotOptimize(sample_message().get()); }); }});
    add_mailbox_cases(cases);
    add_outbox_cases(cases);
    cases.push_back({"timer/arm_and_cancel", kTimes, [] {
                         auto wheel = std::make_unique<TimerWheel>(TimePoint{});
                         return repeat([wheel = std::move(wheel), timer = std::make_unique<SilentTimer>()] {
                             wheel->arm_in(*timer, Milliseconds{60'000});
                             wheel->cancel(*timer);
                         });
                     }});
    cases.push_back({"timer/advance_8_ms", kTimes, [] {
                         auto wheel = std::make_unique<TimerWheel>(TimePoint{});
                         return repeat([wheel = std::move(wheel), now = TimePoint{}]() mutable {
                             now += Milliseconds{8};
                             wheel->advance(now);
                         });
                     }});
}

}  // namespace millrace::bench
