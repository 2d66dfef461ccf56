#include "store/reader_pool.h"

#include <pthread.h>

#include "core/shard.h"

namespace millrace::store {

ReaderPool::ReaderPool(Backend& backend, unsigned threads, std::size_t queue) : queue_(queue) {
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

void ReaderPool::run(Reader& reader) {
    while (true) {
        Job job;
        {
            auto state = state_.lock();
            state.wait([](const State& now) { return now.stopping || !now.jobs.empty(); });
            if (state->jobs.empty()) return;
            job = std::move(state->jobs.front());
            state->jobs.pop_front();
        }
        Result<Page> page = reader.read(job.range);
        reachable_ = page.has_value() || page.error() != Errc::store_unavailable;
        answer(std::move(job), std::move(page));
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
