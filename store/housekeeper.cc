#include "store/housekeeper.h"

#include <algorithm>
#include <pthread.h>
#include <utility>

#include "core/shard.h"

namespace millrace::store {
namespace {

constexpr std::uint32_t kChannelsAtOnce = 500;
constexpr std::size_t kTasksMax = 256;
constexpr std::chrono::milliseconds kRetry{2000};
/// At most this part of the time goes to retention: rounds over very many channels come less often.
constexpr int kRestPerRound = 4;

/// A purge on its way, one step a call. A value of the task that does it.
class Purge {
  public:
    explicit Purge(Trim trim) : what_(std::move(trim)), bounded_(what_.before_seq != 0) {}

    /// True: there is more to do.
    bool step(Maintenance& maintenance, error_code& error) {
        if (!bounded_) {
            if (!look(maintenance, error)) return false;
            what_.before_seq = result_.channel.last + 1;
            bounded_ = true;
        }
        const Result<std::uint32_t> deleted = maintenance.trim(what_);
        if (!deleted) {
            error = deleted.error();
            return false;
        }
        result_.deleted += *deleted;
        if (*deleted == what_.rows) return true;
        look(maintenance, error);
        return false;
    }

    Purged take_result() { return std::move(result_); }

  private:
    bool look(Maintenance& maintenance, error_code& error) {
        Result<ChannelInfo> channel = maintenance.find(what_.channel);
        if (channel) {
            result_.channel = std::move(*channel);
        } else {
            error = channel.error();
        }
        return channel.has_value();
    }

    Trim what_;
    Purged result_;
    bool bounded_;
};

template <class Done, class Answer>
void answer(Shard& shard, Done done, Answer result) {
    shard.post([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

}  // namespace

Housekeeper::Housekeeper(std::unique_ptr<Maintenance> maintenance, std::uint32_t step_rows)
    : maintenance_(std::move(maintenance)), step_rows_(step_rows), thread_([this] { run(); }) {
    pthread_setname_np(thread_.native_handle(), "housekeeper");
}

Housekeeper::~Housekeeper() {
    stop();
}

void Housekeeper::push(Task task) {
    {
        auto state = state_.lock();
        if (!state->stopping && state->tasks.size() < kTasksMax) {
            state->tasks.push_back(std::move(task));
            state_.notify_one();
            return;
        }
    }
    task(nullptr);
}

bool Housekeeper::take(Task& task) {
    auto state = state_.lock();
    const auto is_wanted = [](const State& now) { return now.stopping || !now.tasks.empty(); };
    if (policy_) {
        const auto rest = std::chrono::ceil<std::chrono::milliseconds>(next_step_ - steady_now());
        state.wait_for(std::max(rest, std::chrono::milliseconds(0)), is_wanted);
    } else {
        state.wait(is_wanted);
    }
    if (state->stopping) return false;
    if (state->tasks.empty()) return true;
    task = std::move(state->tasks.front());
    state->tasks.pop_front();
    return true;
}

void Housekeeper::run() {
    Task task;
    while (take(task)) {
        if (task) {
            run_task(std::exchange(task, nullptr));
        } else {
            step();
        }
    }
}

/// A task of many steps rests after each as long as that took: the lanes wait for the same lock of SQLite,
/// and its waiters stand in no queue.
void Housekeeper::run_task(Task task) {
    const TimePoint began = steady_now();
    if (!task(maintenance_.get())) return;
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(steady_now() - began);
    state_.lock().wait_for(rest, [](const State& now) { return now.stopping; });
    push(std::move(task));
}

void Housekeeper::stop() {
    state_.lock()->stopping = true;
    state_.notify_one();
    if (!thread_.joinable()) return;
    thread_.join();
    for (const Task& task : std::exchange(state_.lock()->tasks, {})) task(nullptr);
}

void Housekeeper::list(std::string after, std::uint32_t limit, Shard& shard,
                       std::function<void(Result<std::vector<ChannelInfo>>)> done) {
    push([after = std::move(after), limit, &shard, done = std::move(done)](Maintenance* maintenance) {
        Result<std::vector<ChannelInfo>> channels = make_error_code(Errc::overloaded);
        if (maintenance != nullptr) channels = maintenance->channels_by_name(after, limit);
        answer(shard, done, std::move(channels));
        return false;
    });
}

void Housekeeper::purge(Trim what, Shard& shard, std::function<void(Result<Purged>)> done) {
    what.rows = step_rows_;
    push([purge = Purge(std::move(what)), &shard, done = std::move(done)](Maintenance* maintenance) mutable {
        error_code error = maintenance == nullptr ? Errc::overloaded : error_code{};
        if (maintenance != nullptr && purge.step(*maintenance, error)) return true;
        answer(shard, done, error ? Result<Purged>(error) : Result<Purged>(purge.take_result()));
        return false;
    });
}

void Housekeeper::start_retention(RetentionPolicy policy, std::chrono::milliseconds interval) {
    push([this, policy = std::move(policy), interval](Maintenance* maintenance) {
        if (maintenance != nullptr) policy_ = policy;
        interval_ = interval;
        return false;
    });
}

/// One transaction, or one look at some channels; then it rests as long as that took.
void Housekeeper::step() {
    const TimePoint began = steady_now();
    if (!in_round_) {
        in_round_ = true;
        listed_all_ = false;
        last_channel_ = 0;
        round_began_ = began;
    }
    const bool done = due_.empty() ? load_channels() : trim_next();
    const TimePoint now = steady_now();
    if (!done) {
        due_.clear();
        in_round_ = false;
        next_step_ = now + kRetry;
    } else if (due_.empty() && listed_all_) {
        in_round_ = false;
        next_step_ = now + std::max<TimePoint::duration>(interval_, (now - round_began_) * kRestPerRound);
    } else {
        next_step_ = now + std::max(Milliseconds{1}, now - began);
    }
}

bool Housekeeper::load_channels() {
    const Result<std::vector<ChannelInfo>> channels = maintenance_->channels(last_channel_, kChannelsAtOnce);
    if (!channels) return false;
    listed_all_ = channels->size() < kChannelsAtOnce;
    for (const ChannelInfo& channel : *channels) {
        last_channel_ = channel.id;
        Trim trim{.channel = channel.name, .rows = step_rows_};
        if (lets_go(channel, trim)) due_.push_back(std::move(trim));
    }
    return true;
}

bool Housekeeper::lets_go(const ChannelInfo& channel, Trim& trim) const {
    const config::Retention keep = policy_(channel.name);
    if (channel.first == 0) return false;
    if (keep.messages != 0 && channel.last > keep.messages) {
        trim.before_seq = channel.last - keep.messages + 1;
    }
    if (keep.age.count() != 0) {
        trim.before_us = wall_clock_us() - std::chrono::microseconds(keep.age).count();
    }
    return channel.first < trim.before_seq || channel.oldest_us < trim.before_us;
}

/// A channel with much to delete does not keep the others waiting.
bool Housekeeper::trim_next() {
    Trim trim = std::move(due_.front());
    due_.pop_front();
    const Result<std::uint32_t> deleted = maintenance_->trim(trim);
    if (!deleted) return false;
    if (*deleted == trim.rows) due_.push_back(std::move(trim));
    return true;
}

}  // namespace millrace::store
