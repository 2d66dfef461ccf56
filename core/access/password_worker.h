// Passwords checked where they hold nobody up.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "core/access/password_file.h"
#include "core/clock.h"
#include "core/guarded.h"

namespace millrace {
class Shard;
}

namespace millrace::access {

/// A password that somebody waits to have checked.
struct PasswordCheck {
    PasswordFilePtr file;
    std::string user;
    std::string password;
    TimePoint until;  ///< nobody wants to know after that
    Shard* shard = nullptr;
    std::function<void(bool right)> done;  ///< runs on the shard
};

/// One thread that checks one password after the other, since each takes about a tenth of a second and much
/// memory. Made at start, destroyed before the shards, once nobody asks any more.
class PasswordWorker {
  public:
    explicit PasswordWorker(std::size_t queue_max);
    ~PasswordWorker();
    PasswordWorker(const PasswordWorker&) = delete;
    PasswordWorker& operator=(const PasswordWorker&) = delete;

    /// Any thread. False: too many are waiting, and `done` is never called; else once, unless it is too late.
    bool check(PasswordCheck check);

  private:
    struct State {
        std::deque<PasswordCheck> queue;
        bool stopping = false;
    };
    void run();

    const std::size_t queue_max_;
    Guarded<State> state_;
    std::thread thread_;
};

}  // namespace millrace::access
