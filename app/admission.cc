#include "app/admission.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>

namespace millrace::app {

std::size_t Admission::Hash::operator()(const Key& key) const {
    // Addresses are chosen by others: a multiplication spreads neighbours over the buckets.
    const std::uint64_t mixed = (key.prefix + static_cast<std::uint64_t>(key.family)) * 0x9E3779B97F4A7C15U;
    return std::hash<std::uint64_t>{}(mixed ^ (mixed >> 32));
}

Admission::Key Admission::key_of(const Address& address) {
    Key key;
    key.family = address.family;
    std::memcpy(&key.prefix, address.bytes.data(), sizeof key.prefix);
    return key;
}

Admission::Verdict Admission::admit(const Address& address, TimePoint now) {
    const bool unlimited = limits_.connections == 0 && limits_.per_second == 0;
    if (unlimited || address.family == Address::Family::local) return Verdict::admitted;
    if (sources_.size() >= forget_at_) forget_idle(now);
    Source& source = sources_[key_of(address)];
    if (limits_.per_second != 0) {
        const auto rate = static_cast<double>(limits_.per_second);
        if (!source.attempts.fill(rate, rate, now)) return Verdict::too_fast;
        source.attempts.take();
    }
    if (limits_.connections != 0) {
        if (source.open >= limits_.connections) return Verdict::too_many;
        ++source.open;
    }
    return Verdict::admitted;
}

void Admission::depart(const Address& address) {
    if (limits_.connections == 0 || address.family == Address::Family::local) return;
    const auto found = sources_.find(key_of(address));
    if (found == sources_.end() || found->second.open == 0) return;
    --found->second.open;
    if (found->second.open == 0 && limits_.per_second == 0) sources_.erase(found);
}

/// A second after its last attempt an address without connections is as good as a new one.
void Admission::forget_idle(TimePoint now) {
    std::erase_if(sources_, [now](const auto& entry) {
        return entry.second.open == 0 && now - entry.second.attempts.filled() >= std::chrono::seconds(1);
    });
    forget_at_ = std::max<std::size_t>(1024, 2 * sources_.size());
}

}  // namespace millrace::app
