#include "store/session_keeper.h"

#include <algorithm>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <utility>

#include "core/printable.h"
#include "core/shard.h"
#include "core/topic_match.h"

namespace millrace::store {
namespace {

constexpr std::chrono::milliseconds kRetry{500};
/// In one transaction: a lane of SQLite waits for its end.
constexpr std::size_t kBatch = 1000;

}  // namespace

SessionKeeper::SessionKeeper(std::unique_ptr<SessionLog> log, Limits limits)
    : log_(std::move(log)), limits_(limits) {}

SessionKeeper::~SessionKeeper() {
    stop();
}

Result<std::vector<RestoredSession>> SessionKeeper::load() {
    Result<std::vector<RestoredSession>> sessions = log_->load();
    if (!sessions) return sessions;
    for (const RestoredSession& restored : *sessions)
        next_id_ = std::max(next_id_.load(), restored.session.id + 1);
    return sessions;
}

error_code SessionKeeper::learn_news(std::int64_t since_us) {
    Result<std::vector<ChannelNews>> news = log_->news(since_us);
    if (!news) return news.error();
    news_ = std::move(*news);
    return {};
}

void SessionKeeper::start() {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "session keeper");
}

bool SessionKeeper::save(SessionChange change) {
    return push(std::move(change), {});
}

bool SessionKeeper::save(SessionChange change, Shard& shard, Saved done) {
    std::vector<Waiter> waiters;
    waiters.push_back({&shard, std::move(done), steady_now()});
    return push(std::move(change), std::move(waiters));
}

bool SessionKeeper::push(SessionChange change, std::vector<Waiter> waiters) {
    const std::int64_t id = change.session.id;
    auto state = state_.lock();
    const auto known = state->pending.find(id);
    if (known != state->pending.end()) {
        merge(known->second.change, std::move(change));
        std::ranges::move(waiters, std::back_inserter(known->second.waiters));
        return true;
    }
    if (!change.ended && state->pending.size() >= limits_.changes) return false;
    state->pending.emplace(id, Pending{std::move(change), std::move(waiters)});
    state->order.push_back(id);
    state_.notify_one();
    return true;
}

void SessionKeeper::merge(SessionChange& older, SessionChange newer) {
    if (!newer.ended) {
        older.subscriptions.merge(newer.subscriptions);
        // What was there before has stayed, and the newer one was left behind.
        for (auto& [filter, subscription] : newer.subscriptions)
            older.subscriptions[filter] = std::move(subscription);
        newer.subscriptions = std::move(older.subscriptions);
    }
    older = std::move(newer);
}

void SessionKeeper::ask(std::vector<OwedFilter> filters, Shard& shard, Answered answer) {
    state_.lock()->questions.push_back({std::move(filters), &shard, std::move(answer)});
    state_.notify_one();
}

void SessionKeeper::stop() {
    state_.lock()->stopping = true;
    state_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void SessionKeeper::run() {
    std::vector<Pending> batch;
    std::vector<Question> questions;
    while (take(batch, questions)) {
        const bool reached = batch.empty() ? answer(questions) : write(batch);
        batch.clear();
        questions.clear();
        if (!reached && !pause()) return;
    }
}

/// A batch of changes or, when there are none, a question. False: there is nothing left, and never will be.
bool SessionKeeper::take(std::vector<Pending>& batch, std::vector<Question>& questions) {
    auto state = state_.lock();
    state.wait([](const State& now) { return now.stopping || !now.order.empty() || !now.questions.empty(); });
    while (!state->order.empty() && batch.size() < kBatch) {
        auto node = state->pending.extract(state->order.front());
        state->order.pop_front();
        batch.push_back(std::move(node.mapped()));
    }
    if (!batch.empty()) return true;
    if (state->stopping || state->questions.empty()) return false;
    questions.push_back(std::move(state->questions.front()));
    state->questions.pop_front();
    return true;
}

/// False: the store is away, and the batch is queued again.
bool SessionKeeper::write(std::vector<Pending>& batch) {
    error_code error = apply(batch);
    if (error && error != Errc::store_unavailable && batch.size() > 1) return write_one_by_one(batch);
    if (error == Errc::store_unavailable) {
        put_back(batch);
        return false;
    }
    for (Pending& pending : batch) {
        if (error) {
            spdlog::error("the session of MQTT client {} cannot be stored: {}",
                          printable(pending.change.session.client_id), error.message());
        }
        for (Waiter& waiter : pending.waiters) tell(waiter, error);
    }
    return true;
}

error_code SessionKeeper::apply(std::span<Pending> batch) {
    std::vector<SessionChange> changes;
    changes.reserve(batch.size());
    bool durable = false;
    for (Pending& pending : batch) {
        durable |= !pending.waiters.empty();
        changes.push_back(std::move(pending.change));
    }
    const error_code error = log_->apply(changes, durable);
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i].change = std::move(changes[i]);
    return error;
}

/// One of them can never be stored.
bool SessionKeeper::write_one_by_one(std::vector<Pending>& batch) {
    bool reached = true;
    for (Pending& pending : batch) {
        std::vector<Pending> one;
        one.push_back(std::move(pending));
        reached = write(one) && reached;
    }
    return reached;
}

void SessionKeeper::put_back(std::vector<Pending>& batch) {
    const TimePoint now = steady_now();
    auto state = state_.lock();
    for (auto at = batch.rbegin(); at != batch.rend(); ++at) {
        std::erase_if(at->waiters, [&](Waiter& waiter) {
            if (now - waiter.since < limits_.wait) return false;
            tell(waiter, Errc::store_unavailable);
            return true;
        });
        const std::int64_t id = at->change.session.id;
        const auto known = state->pending.find(id);
        if (known == state->pending.end()) {
            state->pending.emplace(id, std::move(*at));
            state->order.push_front(id);
            continue;
        }
        merge(at->change, std::move(known->second.change));
        std::ranges::move(known->second.waiters, std::back_inserter(at->waiters));
        known->second = std::move(*at);
    }
}

/// False: it is time to stop.
bool SessionKeeper::pause() {
    if (!state_.lock().wait_for(kRetry, [](const State& now) { return now.stopping; })) return true;
    const std::size_t lost = state_.lock()->pending.size();
    spdlog::error("stopping while the store is away: the state of {} MQTT sessions was not stored", lost);
    return false;
}

void SessionKeeper::tell(Waiter& waiter, error_code result) {
    waiter.shard->post([done = std::move(waiter.done), result] { done(result); });
}

/// False: the store is away, and the question is asked again.
bool SessionKeeper::answer(std::vector<Question>& questions) {
    Question& asked = questions.front();
    Result<std::vector<Owed>> owed = look_up(asked.filters);
    if (!owed && owed.error() == Errc::store_unavailable) {
        state_.lock()->questions.push_front(std::move(asked));
        return false;
    }
    if (!owed) spdlog::error("what an MQTT session has missed cannot be read: {}", owed.error().message());
    asked.shard->post([answer = std::move(asked.answer), owed = std::move(owed)]() mutable {
        answer(owed ? std::move(*owed) : std::vector<Owed>{});
    });
    return true;
}

Result<std::vector<Owed>> SessionKeeper::look_up(const std::vector<OwedFilter>& filters) {
    std::vector<Owed> owed;
    for (const ChannelNews& channel : news_) {
        std::int64_t after_us = channel.newest_us;
        for (const OwedFilter& filter : filters) {
            if (filter.after_us < after_us && topic_matches(filter.filter, channel.name))
                after_us = filter.after_us;
        }
        if (after_us == channel.newest_us) continue;
        const Result<std::uint64_t> position = log_->position(channel.id, after_us);
        if (!position) return position.error();
        owed.push_back({channel.name, *position});
    }
    return owed;
}

}  // namespace millrace::store
