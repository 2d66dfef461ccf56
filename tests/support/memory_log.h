// A store in memory whose moods a test decides.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/guarded.h"
#include "store/log.h"

namespace millrace::testing {

/// What logs and readers of one MemoryBackend share with the test, which may change the flags at any time.
struct MemoryStore {
    std::atomic<bool> away{false};               ///< every call fails with store_unavailable
    std::atomic<bool> stuck{false};              ///< commits and reads wait until this is false
    std::int64_t at_us = 1'792'000'000'123'000;  ///< of every message; 0: by the clock, each later
    bool keeps_sessions = false;

    using Channel = std::vector<MessagePtr>;
    Guarded<std::map<std::string, Channel, std::less<>>> channels;
    Guarded<std::map<std::string, std::uint64_t, std::less<>>> floors;  ///< of what was trimmed
    Guarded<std::map<std::int64_t, store::RestoredSession>> sessions;

    /// The newest seq ever assigned.
    std::uint64_t last(const std::string& name, const Channel& channel) {
        return channel.empty() ? (*floors.lock())[name] : channel.back()->seq();
    }

    void wait_while_stuck() const {
        while (stuck) stuck.wait(true);
    }
    void release() {
        stuck = false;
        stuck.notify_all();
    }
};

class MemoryLog final : public store::Log {
  public:
    explicit MemoryLog(MemoryStore& shared) : shared_(shared) {}

    Result<std::vector<store::Receipt>> append(std::span<const MessagePtr> batch) override {
        shared_.wait_while_stuck();
        if (shared_.away) return Errc::store_unavailable;
        std::vector<store::Receipt> receipts;
        auto channels = shared_.channels.lock();
        for (const MessagePtr& message : batch) {
            const std::string name(message->channel());
            MemoryStore::Channel& channel = (*channels)[name];
            receipts.push_back(append_one(channel, shared_.last(name, channel) + 1, message));
        }
        return receipts;
    }
    Result<std::vector<store::Receipt>> settle() override {
        if (shared_.away) return Errc::store_unavailable;
        return std::vector<store::Receipt>{};
    }
    void stamp_after(std::int64_t us) override { last_us_ = std::max(last_us_, us); }

  private:
    store::Receipt append_one(MemoryStore::Channel& channel, std::uint64_t seq, const MessagePtr& message) {
        for (const MessagePtr& stored : channel) {
            if (message->id().empty() || stored->id() != message->id()) continue;
            return {.seq = stored->seq(), .at_us = stored->at_us(), .repeated = true};
        }
        last_us_ = std::max(wall_clock_us(), last_us_ + 1);
        message->stamp(seq, shared_.at_us != 0 ? shared_.at_us : last_us_);
        channel.push_back(message);
        return {.seq = message->seq(), .at_us = message->at_us(), .repeated = false};
    }

    MemoryStore& shared_;
    std::int64_t last_us_ = 0;
};

class MemoryReader final : public store::Reader {
  public:
    explicit MemoryReader(MemoryStore& shared) : shared_(shared) {}

    Result<store::Page> read(const store::Range& range) override {
        shared_.wait_while_stuck();
        if (shared_.away) return Errc::store_unavailable;
        store::Page page;
        auto channels = shared_.channels.lock();
        const MemoryStore::Channel& channel = (*channels)[range.channel];
        for (const MessagePtr& message : channel) {
            const bool by_seq = message->seq() > range.after.value_or(0) &&
                                message->seq() < range.before.value_or(~std::uint64_t{0});
            const bool by_time = message->at_us() >= range.since_us.value_or(INT64_MIN) &&
                                 message->at_us() < range.until_us.value_or(INT64_MAX);
            if (by_seq && by_time) page.messages.push_back(message);
        }
        page.first = channel.empty() ? 0 : channel.front()->seq();
        page.last = shared_.last(range.channel, channel);
        page.more = page.messages.size() > range.limit;
        if (page.more && (range.after || range.since_us)) {
            page.messages.resize(range.limit);
        } else if (page.more) {
            page.messages.erase(page.messages.begin(), page.messages.end() - range.limit);
        }
        return page;
    }
    Result<std::vector<MessagePtr>> retained() override {
        std::vector<MessagePtr> newest;
        auto channels = shared_.channels.lock();
        for (const auto& [name, channel] : *channels) {
            const auto last = std::find_if(channel.rbegin(), channel.rend(),
                                           [](const MessagePtr& message) { return message->retain(); });
            if (last != channel.rend()) newest.push_back(*last);
        }
        return newest;
    }

  private:
    MemoryStore& shared_;
};

class MemoryMaintenance final : public store::Maintenance {
  public:
    explicit MemoryMaintenance(MemoryStore& shared) : shared_(shared) {}

    Result<std::uint32_t> trim(const store::Trim& trim) override {
        if (shared_.away) return Errc::store_unavailable;
        auto channels = shared_.channels.lock();
        MemoryStore::Channel& channel = (*channels)[trim.channel];
        std::uint32_t rows = 0;
        while (rows < trim.rows && rows < channel.size() &&
               (channel[rows]->seq() < trim.before_seq || channel[rows]->at_us() < trim.before_us)) {
            (*shared_.floors.lock())[trim.channel] = channel[rows++]->seq();
        }
        channel.erase(channel.begin(), channel.begin() + rows);
        return rows;
    }
    Result<store::ChannelInfo> find(std::string_view name) override {
        if (shared_.away) return Errc::store_unavailable;
        auto channels = shared_.channels.lock();
        const auto found = channels->find(name);
        return found == channels->end() ? store::ChannelInfo{} : info(found->first, found->second);
    }
    Result<std::vector<store::ChannelInfo>> channels(std::int64_t after, std::uint32_t limit) override {
        std::vector<store::ChannelInfo> all;
        auto channels = shared_.channels.lock();
        for (const auto& [name, channel] : *channels) {
            all.push_back(info(name, channel));
            all.back().id = static_cast<std::int64_t>(all.size());
        }
        all.erase(all.begin(), all.begin() + std::min<std::ptrdiff_t>(after, std::ssize(all)));
        if (all.size() > limit) all.resize(limit);
        return all;
    }
    Result<std::vector<store::ChannelInfo>> channels_by_name(std::string_view after,
                                                             std::uint32_t limit) override {
        if (shared_.away) return Errc::store_unavailable;
        std::vector<store::ChannelInfo> found;
        auto channels = shared_.channels.lock();
        for (auto at = channels->upper_bound(after); at != channels->end() && found.size() < limit; ++at) {
            found.push_back(info(at->first, at->second));
        }
        return found;
    }

  private:
    store::ChannelInfo info(const std::string& name, const MemoryStore::Channel& channel) {
        return {.id = 1,
                .name = name,
                .first = channel.empty() ? 0 : channel.front()->seq(),
                .last = shared_.last(name, channel),
                .oldest_us = channel.empty() ? 0 : channel.front()->at_us()};
    }

    MemoryStore& shared_;
};

class MemorySessions final : public store::SessionLog {
  public:
    explicit MemorySessions(MemoryStore& shared) : shared_(shared) {}

    error_code apply(std::span<const store::SessionChange> changes, bool) override {
        shared_.wait_while_stuck();
        if (shared_.away) return Errc::store_unavailable;
        auto sessions = shared_.sessions.lock();
        for (const store::SessionChange& change : changes) {
            const std::int64_t id = change.session.id;
            if (change.ended) {
                sessions->erase(id);
                continue;
            }
            store::RestoredSession& kept = (*sessions)[id];
            kept.session = change.session;
            for (const auto& [filter, subscription] : change.subscriptions) {
                std::erase_if(kept.subscriptions, [&](const auto& known) { return known.filter == filter; });
                if (subscription) kept.subscriptions.push_back(*subscription);
            }
        }
        return {};
    }
    Result<std::vector<store::RestoredSession>> load() override {
        std::vector<store::RestoredSession> all;
        for (const auto& [id, session] : *shared_.sessions.lock()) all.push_back(session);
        return all;
    }
    Result<std::vector<store::ChannelNews>> news(std::int64_t us) override {
        std::vector<store::ChannelNews> news;
        std::int64_t id = 0;
        for (const auto& [name, channel] : *shared_.channels.lock()) {
            ++id;
            if (!channel.empty() && channel.back()->at_us() > us)
                news.push_back({id, name, channel.back()->at_us()});
        }
        return news;
    }
    Result<std::uint64_t> position(std::int64_t channel_id, std::int64_t us) override {
        shared_.wait_while_stuck();
        std::uint64_t seq = 0;
        auto channels = shared_.channels.lock();
        for (const MessagePtr& message : std::next(channels->begin(), channel_id - 1)->second) {
            if (message->at_us() <= us) seq = message->seq();
        }
        return seq;
    }

  private:
    MemoryStore& shared_;
};

class MemoryBackend final : public store::Backend {
  public:
    /// `shared` outlives the backend.
    explicit MemoryBackend(MemoryStore& shared) : shared_(shared) {}
    const std::string& epoch() const override { return epoch_; }
    std::unique_ptr<store::Log> open_log() override { return std::make_unique<MemoryLog>(shared_); }
    std::unique_ptr<store::Reader> open_reader() override { return std::make_unique<MemoryReader>(shared_); }
    std::unique_ptr<store::Maintenance> open_maintenance() override {
        return std::make_unique<MemoryMaintenance>(shared_);
    }
    std::unique_ptr<store::SessionLog> open_sessions() override {
        return shared_.keeps_sessions ? std::make_unique<MemorySessions>(shared_) : nullptr;
    }

  private:
    MemoryStore& shared_;
    std::string epoch_ = "e1";
};

}  // namespace millrace::testing
