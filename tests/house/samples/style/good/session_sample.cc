// Everything here is allowed. The words strand, use_awaitable and std::mutex in a comment or a string are no use of them.
// A sentence may end in a semicolon; the rule asks for code before it;
// https://example.org/a(b); and "quoted (text);" stay prose too, as do lists: one, two (three)
#include "core/bytes.h"

namespace sample {

constexpr std::array<int, 3> kTable{1, 2, 3};
const char* const kText = "awaitable_operators // no comment { \" (";
const char* const kRaw = R"x(use_awaitable { )" { )x";
constexpr char kBrace = '{';
constexpr auto kMillion = 1'000'000;
std::function<void(int)> on_change{[](int value) { (void)value; }};

template <typename T, typename = std::enable_if_t<(sizeof(T) > 1)>>
concept Small = requires(T t) { t.size(); };

enum class Kind : std::uint8_t { kOne, kTwo };

class [[nodiscard]] Session final : public Base<std::pair<int, int>>, private Other {
  public:
    Session(int first, std::vector<int> rest) : Base<std::pair<int, int>>{first, 1}, first_{first}, rest_(std::move(rest)) {
        rest_.push_back(first);
    }
    ~Session() { close(); }
    Session& operator=(Session&& other) noexcept {
        first_ = other.first_;
        return *this;
    }
    bool operator<(const Session& other) const { return first_ < other.first_; }
    bool operator()() const { return true; }
    auto size() const noexcept(true) -> std::size_t { return rest_.size(); }

    struct Options {
        int keep_alive_s = 60;
        std::string name{"x"};
    };

    int published = 0;

  private:
    void run();
    static constexpr int kLimit = 5;
    static inline int count_ = 0;
    int first_, second_ = 2;
    std::vector<int> rest_{};
    std::array<char, 16> bytes_;
    std::unique_ptr<char[]> buffer_{new char[3]};
    unsigned flag_ : 1 = 0;
    alignas(64) std::atomic<int> head_{0};
    std::function<void(int, int)> callback_;
    union {
        int number_;
        float real_;
    };
    using Map = std::map<int, int>;
    friend class Broker;
};

awaitable<void> Session::run() {
    const Options options{5, "name"};
    auto on_done = [this, options](int code) { finish(code); };
    co_await write(options, on_done);
    co_await read([](int code) { return code; });
    auto [error, size] = co_await socket.async_read_some(asio::buffer(bytes_), as_tuple(deferred));
    if (auto line = co_await next_line(); !line) {
        Options fallback{1, "fallback"};
        use(fallback);
    }
    while (co_await more()) {
        counts[index] = table[3];
    }
    Outcome outcome{co_await compute()};
    auto later = [&]() -> awaitable<void> { co_await close_all(); };
    for (auto part : co_await parts()) {
        use(Options{1, part});
    }
    switch (co_await kind()) {
        case Kind::kOne: {
            use({1, 2});
            break;
        }
        default:
            break;
    }
    co_return;
}

}  // namespace sample
