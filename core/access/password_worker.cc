#include "core/access/password_worker.h"

#include <openssl/crypto.h>
#include <utility>

#include "core/shard.h"

namespace millrace::access {

PasswordWorker::PasswordWorker(std::size_t queue_max) : queue_max_(queue_max), thread_([this] { run(); }) {}

PasswordWorker::~PasswordWorker() {
    state_.lock()->stopping = true;
    state_.notify_all();
    thread_.join();
}

bool PasswordWorker::check(PasswordCheck check) {
    {
        auto state = state_.lock();
        if (state->queue.size() >= queue_max_) return false;
        state->queue.push_back(std::move(check));
    }
    state_.notify_one();
    return true;
}

void PasswordWorker::run() {
    for (;;) {
        PasswordCheck next;
        {
            auto state = state_.lock();
            state.wait([](const State& now) { return now.stopping || !now.queue.empty(); });
            if (state->stopping) return;
            next = std::move(state->queue.front());
            state->queue.pop_front();
        }
        if (steady_now() >= next.until) continue;
        const bool right = next.file->verify(next.user, next.password);
        OPENSSL_cleanse(next.password.data(), next.password.size());
        next.shard->post([done = std::move(next.done), right] { done(right); });
    }
}

}  // namespace millrace::access
