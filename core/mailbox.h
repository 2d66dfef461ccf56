// How one thread tells another something.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace millrace {

/// One letter. Made by the sender, run once on the receiving thread, destroyed there.
class Letter {
  public:
    virtual ~Letter() = default;
    virtual void open() = 0;

  private:
    friend class Mailbox;
    Letter* next_ = nullptr;
};

template <class Function>
class FunctionLetter final : public Letter {
  public:
    explicit FunctionLetter(Function function) : function_(std::move(function)) {}
    void open() override { function_(); }

  private:
    Function function_;
};

/// Many senders, one receiver, no lock: an intrusive list that the receiver takes whole. Letters of one
/// sender are opened in the order they were posted.
class Mailbox {
  public:
    Mailbox() = default;
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox();

    /// Any thread. True: the box was empty, so the receiver has to be woken.
    bool push(std::unique_ptr<Letter> letter);
    /// The receiving thread: opens everything that is there. False: there was nothing.
    bool drain();
    bool empty() const { return head_.load(std::memory_order_acquire) == nullptr; }

  private:
    static Letter* reverse(Letter* newest_first);

    std::atomic<Letter*> head_{nullptr};
};

}  // namespace millrace
