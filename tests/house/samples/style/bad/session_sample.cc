// expect-next: mutex
std::mutex lock;
// expect-next: mutex
std::shared_mutex shared;
// expect-next: thread_local
thread_local int per_thread = 0;
// expect-next: strand
boost::asio::strand<Executor> executor;
// expect-next: strand
auto made = asio::make_strand(context);
// expect-next: awaitable_operators
using namespace asio::experimental::awaitable_operators;
// expect-next: awaitable_operators
#include <boost/asio/experimental/awaitable_operators.hpp>
// expect-next: note-to-self
// TODO remove this
// expect-next: note-to-self
/* FIXME */
// expect-next: commented-out
// auto x = compute(1);
// expect-next: commented-out
//     return value;
// expect-next: commented-out
// if (broken) {
// expect-next: commented-out
// close(socket);
// expect-next: commented-out
// #include <vector>
// expect-next: commented-out
// }

class Session {
    // expect-next: member-name
    int first = 0;
    int second_ = 0,
        // expect-next: member-name
        third;
    // expect-next: member-name
    std::vector<std::function<void(int)>> callbacks;

  public:
    int free_to_name = 0;

  private:
    // expect-next: member-name
    std::atomic<int> head{0};
    struct Nested {
        int plain = 0;
    };
    // expect-next: member-name
    static int shared_count;
};

awaitable<void> run() {
    // expect-next: use_awaitable
    co_await socket.async_wait(use_awaitable);
    // expect-next: co-await-lambda
    co_await post([name] { use(name); });
    // expect-next: co-await-lambda
    co_await post([&] { use(name); });
    co_await spawn(executor,
                   // expect-next: co-await-lambda
                   [shared = std::move(shared)]() mutable -> awaitable<void> { co_return; });
    // expect-next: co-await-list
    co_await write(Options{1, "name"});
    // expect-next: co-await-list
    co_await write({first, second});
    // expect-next: co-await-list
    auto result = co_await write(Options{.keep_alive_s = 1});
    // expect-next: co-await-list
    if (co_await write({first, second})) {
        use(Options{1, "fine here"});
    }
    // expect-next: co-await-list
    use(Options{1, "lives across the wait"}, co_await compute());
    // expect-next: co-await-list
    co_return Options{co_await compute(), "name"};
    auto inner = [&]() -> awaitable<void> {
        // expect-next: co-await-list
        co_await write(std::vector<int>{1, 2});
    };
}
