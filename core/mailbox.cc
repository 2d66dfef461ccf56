#include "core/mailbox.h"

namespace millrace {

Mailbox::~Mailbox() {
    Letter* letter = head_.exchange(nullptr, std::memory_order_acquire);
    while (letter != nullptr) delete std::exchange(letter, letter->next_);
}

bool Mailbox::push(std::unique_ptr<Letter> letter) {
    Letter* mine = letter.release();
    Letter* head = head_.load(std::memory_order_relaxed);
    do {
        mine->next_ = head;
    } while (!head_.compare_exchange_weak(head, mine, std::memory_order_release, std::memory_order_relaxed));
    return head == nullptr;
}

Letter* Mailbox::reverse(Letter* newest_first) {
    Letter* oldest_first = nullptr;
    while (newest_first != nullptr) {
        Letter* next = newest_first->next_;
        newest_first->next_ = oldest_first;
        oldest_first = newest_first;
        newest_first = next;
    }
    return oldest_first;
}

bool Mailbox::drain() {
    Letter* letter = reverse(head_.exchange(nullptr, std::memory_order_acquire));
    if (letter == nullptr) return false;
    while (letter != nullptr) {
        const std::unique_ptr<Letter> opened(std::exchange(letter, letter->next_));
        opened->open();
    }
    return true;
}

}  // namespace millrace
