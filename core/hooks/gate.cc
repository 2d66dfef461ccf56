#include "core/hooks/gate.h"

#include <utility>

namespace millrace::hooks {

std::size_t Gate::waiting(const Sender& sender) const {
    const auto found = lines_.find(sender);
    return found == lines_.end() ? 0 : found->second.entries.size();
}

void Gate::ask(Sender sender, Call call, Done done) {
    if (sender.empty()) sender.connection = unordered_--;
    Line& line = lines_[sender];
    const std::uint64_t number = line.first + line.entries.size();
    line.entries.push_back({std::move(done), std::nullopt});
    shard_.counters().hook_calls.add();
    call.shard = &shard_;
    call.done = [this, sender, number, asked_at = Clock::now()](Verdict verdict) {
        settle(sender, number, asked_at, std::move(verdict));
    };
    asker_.ask(std::move(call));
}

void Gate::follow(const Sender& sender, Done done) {
    lines_[sender].entries.push_back({std::move(done), Verdict{}});
    release(sender);
}

void Gate::settle(const Sender& sender, std::uint64_t number, Clock::time_point asked_at, Verdict verdict) {
    count(verdict, asked_at);
    Line& line = lines_.at(sender);
    line.entries[number - line.first].verdict = std::move(verdict);
    release(sender);
}

void Gate::release(const Sender& sender) {
    for (;;) {
        const auto found = lines_.find(sender);
        if (found == lines_.end()) return;
        Line& line = found->second;
        if (!line.entries.front().verdict) return;
        Entry entry = std::move(line.entries.front());
        line.entries.pop_front();
        ++line.first;
        if (line.entries.empty()) lines_.erase(found);
        entry.done(std::move(*entry.verdict));
    }
}

void Gate::count(const Verdict& verdict, Clock::time_point asked_at) {
    Counters& counters = shard_.counters();
    const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - asked_at);
    counters.hook_wait_us.add(static_cast<std::uint64_t>(waited.count()));
    if (verdict.connected) counters.hook_connections.add();
    if (verdict.payload) counters.hook_replaced.add();
    switch (verdict.outcome) {
        case Outcome::allowed:
            return counters.hook_allowed.add();
        case Outcome::denied:
            return counters.hook_denied.add();
        case Outcome::timed_out:
            return counters.hook_failed_timed_out.add();
        case Outcome::unreachable:
            return counters.hook_failed_unreachable.add();
        case Outcome::bad_answer:
            return counters.hook_failed_bad_answer.add();
        case Outcome::too_large:
            return counters.hook_failed_too_large.add();
        case Outcome::queue_full:
            return counters.hook_failed_queue_full.add();
    }
}

}  // namespace millrace::hooks
