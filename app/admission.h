// How many connections one address may open, and how fast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "core/clock.h"
#include "core/net/address.h"
#include "core/token_bucket.h"

namespace millrace::app {

/// Counts connections by address: an IPv4 address, or the /64 of an IPv6 one, which one host has for itself.
/// Unix sockets are not counted. Belongs to the accepting shard's thread.
class Admission {
  public:
    /// Of one address; 0: no limit.
    struct Limits {
        std::size_t connections = 0;
        std::size_t per_second = 0;
    };
    enum class Verdict : std::uint8_t { admitted, too_many, too_fast };

    explicit Admission(const Limits& limits) : limits_(limits) {}

    /// Counts what it admits; depart() ends that.
    Verdict admit(const Address& address, TimePoint now);
    void depart(const Address& address);
    /// Whether it has to be told of departures.
    bool counts_open() const { return limits_.connections != 0; }
    /// For tests: addresses it remembers.
    std::size_t remembered() const { return sources_.size(); }

  private:
    /// The first 64 bits, and which kind they are of.
    struct Key {
        std::uint64_t prefix = 0;
        Address::Family family = Address::Family::unknown;
        bool operator==(const Key&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Key& key) const;
    };
    struct Source {
        std::size_t open = 0;
        TokenBucket attempts;  ///< gains and holds `per_second`
    };

    static Key key_of(const Address& address);
    void forget_idle(TimePoint now);

    Limits limits_;
    std::unordered_map<Key, Source, Hash> sources_;
    std::size_t forget_at_ = 1024;
};

}  // namespace millrace::app
