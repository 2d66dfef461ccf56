#include "store/sql_relay.h"

#include <algorithm>
#include <pthread.h>
#include <spdlog/spdlog.h>

namespace millrace::store {
namespace {

constexpr Milliseconds kRetry{500};
/// After a look that has found something.
constexpr Milliseconds kSoon{5};

}  // namespace

SqlRelay::SqlRelay(std::unique_ptr<SqlOutbox> outbox, const SqlLimits& limits, CommitSink& next)
    : outbox_(std::move(outbox)), limits_(limits), next_(next), rest_(limits.poll) {}

SqlRelay::~SqlRelay() {
    stop();
}

void SqlRelay::start(SqlRules rules, Store& store) {
    rules_ = std::move(rules);
    store_ = &store;
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "sql relay");
}

void SqlRelay::stop() {
    state_.lock()->stopping = true;
    state_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void SqlRelay::run() {
    Milliseconds rest{0};
    while (!state_.lock().wait_for(rest, [](const State& now) { return now.stopping; })) {
        const TimePoint began = steady_now();
        rest = step();
        // Where a look takes long, looks are rarer: the database is there for others too.
        if (rest.count() != 0) rest = std::max(rest, steady_now() - began);
    }
}

Milliseconds SqlRelay::step() {
    const Result<std::vector<SqlRow>> rows = outbox_->read(limits_.messages);
    if (!rows) return kRetry;
    if (rows->empty()) return rest_after_nothing();
    const bool all = hand_over(*rows);
    const bool delivered = deliver_live();
    const bool done = await_lanes() && delivered && refuse();
    live_.clear();
    refused_.clear();
    if (!done) return kRetry;
    if (!all) return limits_.poll;
    rest_ = std::min(kSoon, limits_.poll);
    return rows->size() >= limits_.messages ? Milliseconds{0} : rest_;
}

/// Where something was just published, more will be: what comes some milliseconds after the last row waits
/// about as long again, and `poll` at most.
Milliseconds SqlRelay::rest_after_nothing() {
    rest_ = std::min(rest_ * 2, limits_.poll);
    return rest_;
}

/// False: a lane is full. What stands behind that row has to stay behind it.
bool SqlRelay::hand_over(const std::vector<SqlRow>& rows) {
    bool all = true;
    for (const SqlRow& row : rows) {
        const SqlRoute route = row.message ? rules_.route(**row.message) : SqlRoute::forbidden;
        if (route == SqlRoute::forbidden) {
            refused_.emplace_back(row.id, row.message ? Errc::not_authorised : row.message.error());
        } else if (route == SqlRoute::live) {
            live_.push_back(&row);
        } else if (!append(row)) {
            all = false;
            break;
        }
    }
    store_->flush();
    return all;
}

bool SqlRelay::append(const SqlRow& row) {
    with_lanes_.fetch_add(1, std::memory_order_relaxed);
    if (store_->append({*row.message, {}, 0, row.id})) return true;
    with_lanes_.fetch_sub(1, std::memory_order_relaxed);
    return false;
}

void SqlRelay::committed(std::vector<Committed> run) {
    if (with_lanes_.load(std::memory_order_relaxed) != 0) note_ends(run);
    next_.committed(std::move(run));
}

void SqlRelay::note_ends(const std::vector<Committed>& run) {
    auto state = state_.lock();
    for (const Committed& entry : run) {
        if (entry.append.sql_row == 0) continue;
        state->ended.push_back({entry.append.sql_row, entry.result.error, entry.result.repeated});
    }
    state_.notify_one();
}

/// False: the server stops, and the rest is for the next start.
bool SqlRelay::await_lanes() {
    std::vector<Ended> ended;
    {
        auto state = state_.lock();
        const std::size_t expected = with_lanes_.load(std::memory_order_relaxed);
        state.wait([expected](const State& now) { return now.stopping || now.ended.size() == expected; });
        if (state->ended.size() != expected) return false;
        ended.swap(state->ended);
    }
    with_lanes_.store(0, std::memory_order_relaxed);
    for (const Ended& end : ended) {
        if (end.error == Errc::store_unavailable) continue;  // still in the outbox
        if (end.error) {
            refused_.emplace_back(end.row, end.error);
        } else {
            (end.repeated ? counters_.repeated : counters_.stored).add();
        }
    }
    return true;
}

/// At most once: gone from the outbox first.
bool SqlRelay::deliver_live() {
    if (live_.empty()) return true;
    std::vector<std::int64_t> ids;
    for (const SqlRow* row : live_) ids.push_back(row->id);
    Result<std::vector<std::int64_t>> taken = outbox_->take(ids);
    if (!taken) return false;
    std::sort(taken->begin(), taken->end());
    std::vector<MessagePtr> messages;
    for (const SqlRow* row : live_) {
        if (std::binary_search(taken->begin(), taken->end(), row->id)) messages.push_back(*row->message);
    }
    counters_.live.add(messages.size());
    rules_.deliver(messages);
    return true;
}

bool SqlRelay::refuse() {
    for (const auto& [row, reason] : refused_) {
        if (outbox_->refuse(row, reason)) return false;
        counter_of(reason).add();
    }
    if (!refused_.empty()) {
        spdlog::error(
            "{} message(s) published by SQL cannot be delivered and are in millrace.outbox_refused; row {}: "
            "{}",
            refused_.size(), refused_.front().first, refused_.front().second.message());
    }
    return true;
}

Counter& SqlRelay::counter_of(error_code reason) {
    if (reason == Errc::too_large) return counters_.refused_too_large;
    if (reason == Errc::invalid_channel) return counters_.refused_channel;
    if (reason == Errc::not_authorised) return counters_.refused_not_authorised;
    return counters_.refused_malformed;
}

}  // namespace millrace::store
