// The order of what waits for hooks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>

#include "core/hooks/call.h"
#include "core/shard.h"

namespace millrace::hooks {

/// Whose order is to be kept: an MQTT session or a connection. Empty: nobody's.
struct Sender {
    const void* session = nullptr;  ///< never dereferenced
    std::uint64_t connection = 0;
    bool empty() const { return session == nullptr && connection == 0; }
    bool operator==(const Sender&) const = default;
};

/// Asks hooks for the clients of one shard. The questions of one sender are under way all at once; what is to
/// be done with the answers is done in the order of the questions. Belongs to the shard's thread; outlives
/// whoever answers.
class Gate {
  public:
    using Done = std::function<void(Verdict)>;

    Gate(Shard& shard, Asker& asker) : shard_(shard), asker_(asker) {}
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    /// How many of this sender have not been done.
    std::size_t waiting(const Sender& sender) const;
    void ask(Sender sender, Call call, Done done);
    /// Nothing has to be asked, but what the sender sent before comes first.
    void follow(const Sender& sender, Done done);

  private:
    using Clock = std::chrono::steady_clock;

    struct Entry {
        Done done;
        std::optional<Verdict> verdict;
    };
    struct Line {
        std::deque<Entry> entries;
        std::uint64_t first = 0;  ///< the number of the entry in front
    };
    struct Hash {
        std::size_t operator()(const Sender& sender) const {
            return std::hash<const void*>{}(sender.session) ^ std::hash<std::uint64_t>{}(sender.connection);
        }
    };

    void settle(const Sender& sender, std::uint64_t number, Clock::time_point asked_at, Verdict verdict);
    void count(const Verdict& verdict, Clock::time_point asked_at);
    void release(const Sender& sender);

    Shard& shard_;
    Asker& asker_;
    std::unordered_map<Sender, Line, Hash> lines_;
    std::uint64_t unordered_ = ~std::uint64_t{0};  ///< counts down: no connection has such a number
};

}  // namespace millrace::hooks
