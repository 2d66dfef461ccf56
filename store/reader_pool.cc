#include "store/reader_pool.h"

#include <pthread.h>

#include "core/shard.h"

namespace millrace::store {

ReaderPool::ReaderPool(Backend& backend, unsigned threads, std::size_t queue, Milliseconds probe_every)
    : queue_(queue), probe_every_(probe_every) {
    for (unsigned i = 0; i < threads; ++i) {
        threads_.emplace_back([this, reader = backend.open_reader()] { run(*reader); });
        pthread_setname_np(threads_.back().native_handle(), ("reader " + std::to_string(i)).c_str());
    }
}

ReaderPool::~ReaderPool() {
    stop();
}

void ReaderPool::read(Range range, Shard& shard, Done done) {
    Job job{std::move(range), &shard, std::move(done)};
    {
        auto state = state_.lock();
        if (!state->stopping && state->jobs.size() < queue_) {
            state->jobs.push_back(std::move(job));
            state_.notify_one();
            return;
        }
    }
    answer(std::move(job), make_error_code(Errc::overloaded));
}

void ReaderPool::answer(Job job, Result<Page> page) {
    job.shard->post(
        [done = std::move(job.done), page = std::move(page)]() mutable { done(std::move(page)); });
}

/// Without a job there is only the question whether the store is back. False: that was all.
bool ReaderPool::take(std::optional<Job>& job) {
    const auto ready = [](const State& now) { return now.stopping || !now.jobs.empty(); };
    job.reset();
    auto state = state_.lock();
    if (reachable()) {
        state.wait(ready);
    } else if (!state.wait_for(probe_every_, ready)) {
        return true;
    }
    if (state->jobs.empty()) return false;
    job = std::move(state->jobs.front());
    state->jobs.pop_front();
    return true;
}

void ReaderPool::run(Reader& reader) {
    std::optional<Job> job;
    while (take(job)) {
        Result<Page> page = reader.read(job ? job->range : Range{.limit = 1});
        reachable_ = page.has_value() || page.error() != Errc::store_unavailable;
        if (job) answer(std::move(*job), std::move(page));
    }
}

void ReaderPool::stop() {
    state_.lock()->stopping = true;
    state_.notify_all();
    for (std::thread& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
}

}  // namespace millrace::store
