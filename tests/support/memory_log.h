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
    std::atomic<bool> away{false};   ///< every call fails with store_unavailable
    std::atomic<bool> stuck{false};  ///< commits and reads wait until this is false
    std::int64_t at_us = 1'792'000'000'123'000;

    using Channel = std::vector<MessagePtr>;
    Guarded<std::map<std::string, Channel, std::less<>>> channels;

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
            receipts.push_back(append_one((*channels)[std::string(message->channel())], message));
        }
        return receipts;
    }
    Result<std::vector<store::Receipt>> settle() override {
        if (shared_.away) return Errc::store_unavailable;
        return std::vector<store::Receipt>{};
    }

  private:
    store::Receipt append_one(MemoryStore::Channel& channel, const MessagePtr& message) const {
        for (const MessagePtr& stored : channel) {
            if (message->id().empty() || stored->id() != message->id()) continue;
            return {.seq = stored->seq(), .at_us = stored->at_us(), .repeated = true};
        }
        message->stamp(channel.size() + 1, shared_.at_us);
        channel.push_back(message);
        return {.seq = message->seq(), .at_us = message->at_us(), .repeated = false};
    }

    MemoryStore& shared_;
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
            const bool wanted =
                message->seq() > range.after.value_or(0) && (!range.before || message->seq() < *range.before);
            if (wanted) page.messages.push_back(message);
        }
        page.first = channel.empty() ? 0 : channel.front()->seq();
        page.last = channel.empty() ? 0 : channel.back()->seq();
        page.more = page.messages.size() > range.limit;
        if (page.more && range.after) {
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

class MemoryBackend final : public store::Backend {
  public:
    /// `shared` outlives the backend.
    explicit MemoryBackend(MemoryStore& shared) : shared_(shared) {}
    const std::string& epoch() const override { return epoch_; }
    std::unique_ptr<store::Log> open_log() override { return std::make_unique<MemoryLog>(shared_); }
    std::unique_ptr<store::Reader> open_reader() override { return std::make_unique<MemoryReader>(shared_); }

  private:
    MemoryStore& shared_;
    std::string epoch_ = "e1";
};

}  // namespace millrace::testing
