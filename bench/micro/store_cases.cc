// The way into the log, with a database that costs nothing.
#include <atomic>
#include <benchmark/benchmark.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/micro/case.h"
#include "bench/micro/samples.h"
#include "bench/micro/world.h"
#include "store/lane.h"
#include "store/sequenced_log.h"

namespace millrace::bench {
namespace {

/// Counts what is committed.
class CountingSink final : public store::CommitSink {
  public:
    void committed(std::vector<store::Committed> run) override {
        done_.fetch_add(run.size());
        done_.notify_one();
    }
    void wait_for(std::size_t wanted) const {
        for (std::size_t done = done_.load(); done < wanted; done = done_.load()) done_.wait(done);
    }

  private:
    std::atomic<std::size_t> done_{0};
};

/// Appends the same message over and over, `batch` at a time.
class LaneWork final : public Work {
  public:
    explicit LaneWork(std::size_t batch) : batch_(batch) {}
    void run(std::size_t times) override {
        for (std::size_t done = 0; done < times; done += batch_) {
            for (std::size_t i = 0; i < batch_; ++i) {
                if (!lane_.push({.message = message_, .origin = {}, .token = i}))
                    throw std::runtime_error("the lane is full");
            }
            lane_.wake();
            appended_ += batch_;
            sink_.wait_for(appended_);
        }
    }

  private:
    std::size_t batch_;
    std::size_t appended_ = 0;
    MessagePtr message_ = sample_message();
    CountingSink sink_;
    store::Lane lane_{0, std::make_unique<NullLog>(), store::Limits{}, sink_};
};

/// A database that agrees.
class NullTable final : public store::Table {
  public:
    error_code recover() override { return {}; }
    Result<std::vector<store::Channel>> channels(std::span<const std::string_view> names) override {
        std::vector<store::Channel> made;
        for (std::size_t i = 0; i < names.size(); ++i) made.push_back({.id = ++next_, .last = 0});
        return made;
    }
    Result<std::vector<store::Receipt>> find(std::span<const store::Key> keys) override {
        return std::vector<store::Receipt>(keys.size());
    }
    error_code insert(std::span<const store::Row> rows, std::int64_t) override {
        benchmark::DoNotOptimize(rows.data());
        return {};
    }
    void rollback() override {}
    Result<bool> stored(const store::Row&, std::int64_t) override { return false; }

  private:
    std::int64_t next_ = 0;
};

void add_sequencing(Cases& cases, const char* name, bool with_id) {
    constexpr std::size_t kBatch = 100;
    cases.push_back({name, 10 * kBatch, [with_id] {
                         std::vector<MessagePtr> batch;
                         for (std::size_t i = 0; i < kBatch; ++i) {
                             const std::string channel = "site/" + std::to_string(i % 10);
                             const std::string id = "key-" + std::to_string(i);
                             MessageFields fields;
                             fields.channel = channel;
                             fields.payload = as_bytes(kPayload);
                             if (with_id) fields.id = id;
                             batch.push_back(Message::create(fields));
                         }
                         auto log = std::make_unique<store::SequencedLog>(std::make_unique<NullTable>());
                         return repeat(
                             [batch = std::move(batch), log = std::move(log)] {
                                 if (!log->append(batch)) throw std::runtime_error("not appended");
                             },
                             kBatch);
                     }});
}

}  // namespace

void add_store_cases(Cases& cases) {
    cases.push_back({"lane/append_1000_at_once", 10'000, [] { return std::make_unique<LaneWork>(1000); }});
    cases.push_back({"lane/append_10_at_once", 1000, [] { return std::make_unique<LaneWork>(10); }});
    add_sequencing(cases, "log/number_100", false);
    add_sequencing(cases, "log/number_100_with_ids", true);
}

}  // namespace millrace::bench
