#include "store/sequenced_log.h"

#include <unordered_set>
#include <utility>

namespace millrace::store {
namespace {

struct KeyHash {
    std::size_t operator()(const Key& key) const {
        return std::hash<std::string_view>{}(key.id) ^
               (static_cast<std::size_t>(key.channel_id) * 0x9E3779B97F4A7C15U);
    }
};

}  // namespace

Channel* SequencedLog::known(std::string_view name) {
    if (const auto at = young_.find(name); at != young_.end()) return &at->second;
    const auto at = old_.find(name);
    if (at == old_.end()) return nullptr;
    return &young_.insert(old_.extract(at)).position->second;
}

error_code SequencedLog::learn_channels(std::span<const MessagePtr> batch) {
    if (young_.size() >= kGeneration) old_ = std::exchange(young_, {});
    std::vector<std::string_view> names;
    std::unordered_set<std::string_view> asked;
    for (const MessagePtr& message : batch) {
        const std::string_view name = message->channel();
        if (known(name) == nullptr && asked.insert(name).second) names.push_back(name);
    }
    if (names.empty()) return {};
    const Result<std::vector<Channel>> found = table_->channels(names);
    if (!found) return found.error();
    for (std::size_t i = 0; i < names.size(); ++i) young_.emplace(names[i], (*found)[i]);
    return {};
}

Result<std::vector<Receipt>> SequencedLog::stored_receipts(std::span<const MessagePtr> batch) {
    std::vector<Key> keys;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (batch[i]->id().empty()) continue;
        const Channel* channel = known(batch[i]->channel());
        if (channel->last == 0) continue;
        keys.push_back({channel->id, batch[i]->id()});
        places.push_back(i);
    }
    std::vector<Receipt> receipts(batch.size());
    if (keys.empty()) return receipts;
    const Result<std::vector<Receipt>> found = table_->find(keys);
    if (!found) return found.error();
    for (std::size_t k = 0; k < keys.size(); ++k) receipts[places[k]] = (*found)[k];
    return receipts;
}

void SequencedLog::number(std::span<const Receipt> stored) {
    std::unordered_map<Key, std::uint64_t, KeyHash> in_batch;
    for (std::size_t i = 0; i < plan_.messages.size(); ++i) {
        const Message& message = *plan_.messages[i];
        Channel& channel = *known(message.channel());
        if (stored[i].seq != 0) {
            plan_.receipts.push_back({stored[i].seq, stored[i].at_us, true});
            continue;
        }
        if (!message.id().empty()) {
            const auto [first, fresh] = in_batch.try_emplace({channel.id, message.id()}, channel.last + 1);
            if (!fresh) {
                plan_.receipts.push_back({first->second, plan_.at_us, true});
                continue;
            }
        }
        plan_.rows.push_back({&message, channel.id, ++channel.last});
        plan_.receipts.push_back({channel.last, plan_.at_us, false});
    }
}

error_code SequencedLog::write(std::span<const std::int64_t> sql_rows) {
    if (!sql_rows.empty()) return table_->move(plan_.rows, plan_.at_us, sql_rows);
    if (!plan_.rows.empty()) return table_->insert(plan_.rows, plan_.at_us);
    table_->rollback();
    return {};
}

Result<std::vector<Receipt>> SequencedLog::move(std::span<const MessagePtr> batch,
                                                std::span<const std::int64_t> sql_rows) {
    if (!connected_) {
        if (const error_code error = table_->recover()) return error;
        connected_ = true;
    }
    plan_ = {};
    if (const error_code error = learn_channels(batch)) return fail(error);
    const Result<std::vector<Receipt>> stored = stored_receipts(batch);
    if (!stored) return fail(stored.error());
    plan_.messages.assign(batch.begin(), batch.end());
    plan_.at_us = next_stamp();
    number(*stored);
    if (const error_code error = write(sql_rows)) return fail(error);
    return finish();
}

std::vector<Receipt> SequencedLog::finish() {
    for (const Row& row : plan_.rows) row.message->stamp(row.seq, plan_.at_us);
    return std::exchange(plan_, {}).receipts;
}

/// The clock may be set back; positions by time have to hold all the same.
std::int64_t SequencedLog::next_stamp() {
    last_stamp_us_ = std::max(wall_clock_us(), last_stamp_us_ + 1);
    return last_stamp_us_;
}

error_code SequencedLog::fail(error_code error) {
    // The numbers in memory have run ahead of the database.
    young_.clear();
    old_.clear();
    if (error == Errc::store_unavailable) {
        connected_ = false;
    } else {
        plan_ = {};
        table_->rollback();
    }
    return error;
}

Result<std::vector<Receipt>> SequencedLog::settle() {
    if (const error_code error = table_->recover()) return error;
    connected_ = true;
    // Nothing but repeats, perhaps of rows of the SqlOutbox: doing it again finds the same.
    if (plan_.rows.empty()) return std::vector<Receipt>{};
    // A batch is one transaction and its channels have no other writer: one row stands for all.
    const Result<bool> stored = table_->stored(plan_.rows.front(), plan_.at_us);
    if (!stored) {
        connected_ = false;
        return make_error_code(Errc::store_unavailable);
    }
    if (*stored) return finish();
    plan_ = {};
    return std::vector<Receipt>{};
}

}  // namespace millrace::store
