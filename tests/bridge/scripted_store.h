// The store in memory, its reads under the test's control.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/guarded.h"
#include "tests/support/memory_log.h"

namespace millrace::bridge {

/// Shared by the test and the readers. Outlives the store.
class ScriptedStore {
  public:
    enum class Hold : std::uint8_t {
        nothing,
        before_looking,  ///< a read waits, and then sees what was committed meanwhile
        before_answer,   ///< a read looks at once, and its answer is late
    };

    void hold(Hold hold) {
        script_.lock()->hold = hold;
        script_.notify_all();
    }
    void fail_reads() { script_.lock()->fail = true; }
    std::uint64_t reads() { return script_.lock()->reads; }
    std::uint64_t last(std::string_view channel) {
        auto channels = memory.channels.lock();
        const auto found = channels->find(channel);
        return found == channels->end() || found->second.empty() ? 0 : found->second.back()->seq();
    }
    /// As retention does it.
    void forget_before(std::string_view channel, std::uint64_t first) {
        auto channels = memory.channels.lock();
        std::erase_if(channels->find(channel)->second,
                      [&](const MessagePtr& one) { return one->seq() < first; });
    }

    testing::MemoryStore memory;

  private:
    friend class ScriptedReader;
    struct Script {
        Hold hold = Hold::nothing;
        bool fail = false;
        std::uint64_t reads = 0;
    };
    Guarded<Script> script_;
};

class ScriptedReader final : public store::Reader {
  public:
    explicit ScriptedReader(ScriptedStore& scripted) : scripted_(scripted), reader_(scripted.memory) {}

    Result<store::Page> read(const store::Range& range) override {
        using Hold = ScriptedStore::Hold;
        {
            auto script = scripted_.script_.lock();
            if (script->fail) return Errc::store_unavailable;
            if (script->hold != Hold::before_answer) ++script->reads;
            script.wait([](const auto& now) { return now.hold != Hold::before_looking; });
        }
        auto page = reader_.read(range);
        auto script = scripted_.script_.lock();
        if (script->hold == Hold::before_answer) ++script->reads;
        script.wait([](const auto& now) { return now.hold != Hold::before_answer; });
        return page;
    }
    Result<std::vector<MessagePtr>> retained() override { return reader_.retained(); }

  private:
    ScriptedStore& scripted_;
    testing::MemoryReader reader_;
};

class ScriptedBackend final : public store::Backend {
  public:
    explicit ScriptedBackend(ScriptedStore& scripted) : scripted_(scripted), memory_(scripted.memory) {}
    const std::string& epoch() const override { return memory_.epoch(); }
    std::unique_ptr<store::Log> open_log() override { return memory_.open_log(); }
    std::unique_ptr<store::Reader> open_reader() override {
        return std::make_unique<ScriptedReader>(scripted_);
    }
    std::unique_ptr<store::Maintenance> open_maintenance() override { return memory_.open_maintenance(); }

  private:
    ScriptedStore& scripted_;
    testing::MemoryBackend memory_;
};

}  // namespace millrace::bridge
