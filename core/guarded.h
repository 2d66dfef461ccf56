// The only place where a lock is taken: data that can be reached through its lock alone.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace millrace {

/// A T behind a mutex. Any thread; lives with its owner. For the control plane and for threads that wait for
/// work; each one is listed in docs/locks.md.
template <class T>
class Guarded {
  public:
    /// The lock and the data, for one scope. Holds the mutex from birth to death, except while it waits.
    class Locked {
      public:
        T* operator->() { return &owner_.data_; }
        T& operator*() { return owner_.data_; }

        /// Waits until `ready(data)`.
        template <class Ready>
        void wait(Ready ready) {
            owner_.changed_.wait(lock_, [&] { return ready(owner_.data_); });
        }
        /// Waits until `ready(data)`, at most `longest`. Returns ready(data).
        template <class Ready>
        bool wait_for(std::chrono::milliseconds longest, Ready ready) {
            return owner_.changed_.wait_for(lock_, longest, [&] { return ready(owner_.data_); });
        }

      private:
        friend class Guarded;
        explicit Locked(Guarded& owner) : owner_(owner), lock_(owner.mutex_) {}

        Guarded& owner_;
        std::unique_lock<std::mutex> lock_;
    };

    template <class... Arguments>
    explicit Guarded(Arguments&&... arguments) : data_(std::forward<Arguments>(arguments)...) {}
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    [[nodiscard]] Locked lock() { return Locked(*this); }
    void notify_one() { changed_.notify_one(); }
    void notify_all() { changed_.notify_all(); }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    T data_;
};

}  // namespace millrace
