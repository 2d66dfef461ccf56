// Questions to hooks, for a test to answer.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/hooks/call.h"

namespace millrace::testing {

/// Keeps the questions; the answers are given on the thread of the shard, which is the test's.
class HookQuestions final : public hooks::Asker {
  public:
    void ask(hooks::Call call) override { calls_.push_back(std::move(call)); }

    std::size_t size() const { return calls_.size(); }
    const hooks::Call& at(std::size_t index) const { return calls_.at(index); }
    void answer(std::size_t index, hooks::Verdict verdict = {}) { calls_.at(index).done(std::move(verdict)); }
    void deny(std::size_t index, const std::string& reason = "no") {
        hooks::Verdict verdict;
        verdict.outcome = hooks::Outcome::denied;
        verdict.reason = reason;
        answer(index, std::move(verdict));
    }
    void replace(std::size_t index, const std::string& json) {
        hooks::Verdict verdict;
        verdict.payload = hooks::Payload{.bytes = json, .encoding = Encoding::json};
        answer(index, std::move(verdict));
    }

  private:
    std::vector<hooks::Call> calls_;
};

}  // namespace millrace::testing
