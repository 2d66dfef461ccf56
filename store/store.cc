#include "store/store.h"

#include <algorithm>

#include "store/housekeeper.h"
#include "store/lane.h"
#include "store/reader_pool.h"

namespace millrace::store {

Store::Store(std::unique_ptr<Backend> backend, const Limits& limits, CommitSink& sink)
    : backend_(std::move(backend)),
      readers_(std::make_unique<ReaderPool>(*backend_, limits.readers, limits.reader_queue)),
      housekeeper_(std::make_unique<Housekeeper>(backend_->open_maintenance(), limits.trim_messages)) {
    for (unsigned i = 0; i < limits.lanes; ++i) {
        lanes_.push_back(std::make_unique<Lane>(i, backend_->open_log(), limits, sink));
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

bool Store::reachable() const {
    return readers_->reachable() &&
           std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->reachable(); });
}

void Store::drain() {
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->stop();
    readers_->stop();
    housekeeper_->stop();
}

}  // namespace millrace::store
