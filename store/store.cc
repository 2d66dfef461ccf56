#include "store/store.h"

#include <algorithm>

#include "store/housekeeper.h"
#include "store/lane.h"
#include "store/reader_pool.h"
#include "store/session_keeper.h"
#include "store/sql_relay.h"

namespace millrace::store {
namespace {

std::unique_ptr<SqlRelay> open_relay(Backend& backend, const SqlLimits& limits, CommitSink& sink) {
    std::unique_ptr<SqlOutbox> outbox = limits.poll.count() != 0 ? backend.open_sql_outbox(limits) : nullptr;
    if (outbox == nullptr) return nullptr;
    return std::make_unique<SqlRelay>(std::move(outbox), limits, sink);
}

}  // namespace

Store::Store(std::unique_ptr<Backend> backend, const Limits& limits, CommitSink& sink)
    : backend_(std::move(backend)),
      relay_(open_relay(*backend_, limits.sql, sink)),
      readers_(std::make_unique<ReaderPool>(*backend_, limits.readers, limits.reader_queue)),
      housekeeper_(std::make_unique<Housekeeper>(backend_->open_maintenance(), limits.trim_messages)) {
    CommitSink& first = relay_ != nullptr ? *relay_ : sink;
    for (unsigned i = 0; i < limits.lanes; ++i) {
        lanes_.push_back(std::make_unique<Lane>(i, backend_->open_log(), limits, first));
    }
    if (std::unique_ptr<SessionLog> log = backend_->open_sessions()) {
        const SessionKeeper::Limits queue{.changes = limits.session_changes, .wait = limits.wait};
        sessions_ = std::make_unique<SessionKeeper>(std::move(log), queue);
    }
}

Store::~Store() {
    drain();
}

const std::string& Store::epoch() const {
    return backend_->epoch();
}

Lane& Store::lane_of(std::string_view channel) {
    return *lanes_[std::hash<std::string_view>{}(channel) % lanes_.size()];
}

bool Store::append(Append append) {
    Lane& lane = lane_of(append.message->channel());
    return lane.push(std::move(append));
}

void Store::flush() {
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->wake();
}

void Store::read(Range range, Shard& shard, std::function<void(Result<Page>)> done) {
    readers_->read(std::move(range), shard, std::move(done));
}

void Store::list_channels(std::string after, std::uint32_t limit, Shard& shard,
                          std::function<void(Result<std::vector<ChannelInfo>>)> done) {
    housekeeper_->list(std::move(after), limit, shard, std::move(done));
}

void Store::purge(Trim what, Shard& shard, std::function<void(Result<Purged>)> done) {
    housekeeper_->purge(std::move(what), shard, std::move(done));
}

void Store::start_retention(RetentionPolicy policy, std::chrono::milliseconds interval) {
    housekeeper_->start_retention(std::move(policy), interval);
}

void Store::start_sql(SqlRules rules) {
    if (relay_ != nullptr) relay_->start(std::move(rules), *this);
}

const SqlCounters* Store::sql_counters() const {
    return relay_ != nullptr ? &relay_->counters() : nullptr;
}

std::int64_t Store::settled_through() {
    const std::int64_t now_us = wall_clock_us();
    std::int64_t horizon_us = now_us;
    for (const auto& lane : lanes_) horizon_us = std::min(horizon_us, lane->settled_through(now_us));
    return horizon_us;
}

void Store::stamp_after(std::int64_t us) {
    for (const auto& lane : lanes_) lane->stamp_after(us);
}

bool Store::reachable() const {
    return readers_->reachable() &&
           std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->reachable(); });
}

void Store::drain() {
    if (relay_ != nullptr) relay_->stop();
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->stop();
    readers_->stop();
    housekeeper_->stop();
}

}  // namespace millrace::store
