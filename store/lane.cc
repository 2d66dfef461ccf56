#include "store/lane.h"

#include <algorithm>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include "core/printable.h"
#include "core/utf8.h"
#include "store/message_id.h"

namespace millrace::store {
namespace {

constexpr Milliseconds kFirstBackoff{100};
constexpr Milliseconds kLongestBackoff{2000};

bool is_sql_text(std::string_view text) {
    return text.find('\0') == std::string_view::npos && is_utf8(text);
}

error_code storable(const Message& message) {
    if (message.id().size() > kLongestId) return Errc::too_large;
    if (!is_sql_text(message.channel())) return Errc::invalid_channel;
    if (!is_sql_text(message.id()) || !is_sql_text(message.client())) return Errc::malformed;
    return {};
}

}  // namespace

Lane::Lane(unsigned index, std::unique_ptr<Log> log, const Limits& limits, CommitSink& sink)
    : log_(std::move(log)),
      limits_(limits),
      sink_(sink),
      batch_limit_(limits.lane_batch_messages),
      backoff_(kFirstBackoff) {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), ("lane " + std::to_string(index)).c_str());
}

Lane::~Lane() {
    stop();
}

bool Lane::push(Append append) {
    const std::size_t bytes = append.message->footprint();
    if (closed_.load(std::memory_order_relaxed)) return false;
    if (queued_messages_.fetch_add(1, std::memory_order_relaxed) >= limits_.lane_queue_messages) {
        queued_messages_.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }
    if (queued_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > limits_.lane_queue_bytes) {
        release(*append.message);
        return false;
    }
    Node* node = new Node{std::move(append), head_.load(std::memory_order_relaxed)};
    while (!head_.compare_exchange_weak(node->next, node)) {
    }
    return true;
}

void Lane::release(const Message& message) {
    queued_messages_.fetch_sub(1, std::memory_order_relaxed);
    queued_bytes_.fetch_sub(message.footprint(), std::memory_order_relaxed);
}

void Lane::wake() {
    if (!asleep_.load() || head_.load() == nullptr) return;
    if (!asleep_.exchange(false)) return;
    // With the lock taken in between, the lane has either seen the new head or is already waiting.
    static_cast<void>(stopping_.lock());
    stopping_.notify_one();
}

void Lane::stop() {
    closed_ = true;
    *stopping_.lock() = true;
    stopping_.notify_one();
    if (!thread_.joinable()) return;
    thread_.join();
    // What was pushed while the thread was on its way out.
    collect();
    fail(backlog_, backlog_.size(), Errc::store_unavailable);
}

bool Lane::wait_for_work() {
    if (!backlog_.empty() || head_.load() != nullptr) return true;
    asleep_ = true;
    stopping_.lock().wait([this](bool stop) { return stop || head_.load() != nullptr; });
    asleep_ = false;
    return head_.load() != nullptr;
}

void Lane::run() {
    while (wait_for_work()) {
        collect();
        next_batch();
        if (batch_.empty()) continue;
        committing_ = true;
        commit();
        // A lane that gave up does not know what became of its batch.
        committing_ = !reachable_;
    }
}

void Lane::collect() {
    Node* newest = head_.exchange(nullptr);
    Node* oldest = nullptr;
    while (newest != nullptr) {
        Node* next = std::exchange(newest->next, oldest);
        oldest = std::exchange(newest, next);
    }
    const TimePoint now = steady_now();
    while (oldest != nullptr) {
        backlog_.push_back({std::move(oldest->append), now, false});
        delete std::exchange(oldest, oldest->next);
    }
}

void Lane::next_batch() {
    std::size_t bytes = 0;
    while (!backlog_.empty() && batch_.size() < batch_limit_) {
        const Message& message = *backlog_.front().append.message;
        if (const error_code error = storable(message)) {
            fail(backlog_, 1, error);
            continue;
        }
        bytes += message.footprint();
        if (!batch_.empty() && bytes > limits_.lane_batch_bytes) break;
        batch_.push_back(std::move(backlog_.front()));
        backlog_.pop_front();
    }
}

void Lane::commit() {
    while (!batch_.empty()) {
        std::vector<MessagePtr> messages;
        std::vector<std::int64_t> sql_rows;
        messages.reserve(batch_.size());
        for (const Waiting& waiting : batch_) {
            messages.push_back(waiting.append.message);
            if (waiting.append.sql_row != 0) sql_rows.push_back(waiting.append.sql_row);
        }
        log_->stamp_after(stamp_floor_us_.load());
        const Result<std::vector<Receipt>> receipts =
            sql_rows.empty() ? log_->append(messages) : log_->move(messages, sql_rows);
        if (receipts) {
            came_back();
            succeed(*receipts);
            batch_limit_ = std::min(batch_limit_ * 2, limits_.lane_batch_messages);
            return;
        }
        if (receipts.error() != Errc::store_unavailable) {
            came_back();
            split(receipts.error());
            return;
        }
        if (!come_back()) return;
    }
}

/// The batch holds a message that can never be stored: smaller and smaller batches find it.
void Lane::split(error_code error) {
    if (batch_.size() == 1) {
        const Message& message = *batch_.front().append.message;
        spdlog::error("a message for channel {} ({} bytes) cannot be stored: {}",
                      printable(message.channel()), message.payload().size(), error.message());
        fail(batch_, 1, error);
        return;
    }
    batch_limit_ = batch_.size() / 2;
    backlog_.insert(backlog_.begin(), std::make_move_iterator(batch_.begin()),
                    std::make_move_iterator(batch_.end()));
    batch_.clear();
}

/// Waits for the database and finds out what became of the batch. True: what is left of it has to be
/// appended.
bool Lane::come_back() {
    if (reachable_.exchange(false)) spdlog::warn("the store is away; {} messages wait", batch_.size());
    while (true) {
        if (stopping()) {
            give_up();
            return false;
        }
        stopping_.lock().wait_for(backoff_, [](bool stop) { return stop; });
        backoff_ = std::min(backoff_ * 2, kLongestBackoff);
        collect();
        expire();
        const Result<std::vector<Receipt>> settled = log_->settle();
        if (!settled) continue;
        if (!settled->empty()) {
            came_back();
            succeed(*settled);
            return false;
        }
        drop_answered();
        // What is left may be refused again; then the store was never back, and the next attempt is not
        // earlier for it.
        if (batch_.empty()) came_back();
        return true;
    }
}

void Lane::came_back() {
    if (reachable_) return;
    spdlog::info("the store is back");
    backoff_ = kFirstBackoff;
    reachable_ = true;
}

void Lane::give_up() {
    collect();
    spdlog::error("stopping while the store is away: {} messages were not stored",
                  batch_.size() + backlog_.size());
    drop_answered();
    fail(batch_, batch_.size(), Errc::store_unavailable);
    fail(backlog_, backlog_.size(), Errc::store_unavailable);
}

void Lane::expire() {
    const TimePoint now = steady_now();
    // What SQL has published is in the database already and waits as long as that is away: told that it has
    // failed, its relay would hand it in again, behind those that came later.
    const auto is_late = [&](const Waiting& waiting) {
        return now - waiting.since >= limits_.wait && waiting.append.sql_row == 0;
    };
    std::vector<Committed> run;
    for (Waiting& waiting : batch_) {
        if (waiting.answered || !is_late(waiting)) continue;
        // Its commit may be found to have happened: then it is delivered, but nobody waits for it any more.
        waiting.answered = true;
        run.push_back({waiting.append, {.error = Errc::store_unavailable}});
        waiting.append.origin = {};
    }
    if (!run.empty()) sink_.committed(std::move(run));
    const auto young = std::find_if(backlog_.begin(), backlog_.end(), [&](const Waiting& waiting) {
        return now - waiting.since < limits_.wait;
    });
    const auto staying = std::stable_partition(backlog_.begin(), young, is_late);
    fail(backlog_, static_cast<std::size_t>(staying - backlog_.begin()), Errc::store_unavailable);
}

void Lane::fail(std::deque<Waiting>& waiting, std::size_t count, error_code error) {
    if (count == 0) return;
    std::vector<Committed> run;
    run.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        release(*waiting.front().append.message);
        run.push_back({std::move(waiting.front().append), {.error = error}});
        waiting.pop_front();
    }
    sink_.committed(std::move(run));
}

void Lane::succeed(const std::vector<Receipt>& receipts) {
    std::vector<Committed> run;
    run.reserve(batch_.size());
    std::int64_t newest_us = handed_over_us_;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
        release(*batch_[i].append.message);
        const Receipt& receipt = receipts[i];
        if (!receipt.repeated) newest_us = std::max(newest_us, receipt.at_us);
        run.push_back({std::move(batch_[i].append), {{}, receipt.seq, receipt.at_us, receipt.repeated}});
    }
    batch_.clear();
    sink_.committed(std::move(run));
    handed_over_us_ = newest_us;
}

/// Either the lane sees the floor before it stamps its next batch, or it is seen to be at one: each writes
/// before it reads, in one order for all threads.
std::int64_t Lane::settled_through(std::int64_t now_us) {
    stamp_after(now_us);
    return committing_ ? handed_over_us_.load() : now_us;
}

void Lane::stamp_after(std::int64_t us) {
    std::int64_t floor = stamp_floor_us_;
    while (floor < us && !stamp_floor_us_.compare_exchange_weak(floor, us)) {
    }
}

void Lane::drop_answered() {
    std::erase_if(batch_, [this](const Waiting& waiting) {
        if (waiting.answered) release(*waiting.append.message);
        return waiting.answered;
    });
}

}  // namespace millrace::store
