// A CommitSink that remembers.
#pragma once

#include <chrono>
#include <iterator>
#include <vector>

#include "core/guarded.h"
#include "store/store.h"

namespace millrace::store::test {

class RecordingSink final : public CommitSink {
  public:
    void committed(std::vector<Committed> run) override {
        auto taken = taken_.lock();
        std::move(run.begin(), run.end(), std::back_inserter(*taken));
        taken_.notify_all();
    }
    bool wait_for(std::size_t count, std::chrono::milliseconds longest = std::chrono::seconds(10)) {
        return taken_.lock().wait_for(longest, [count](const auto& taken) { return taken.size() >= count; });
    }
    std::vector<Committed> taken() { return *taken_.lock(); }

  private:
    Guarded<std::vector<Committed>> taken_;
};

}  // namespace millrace::store::test
