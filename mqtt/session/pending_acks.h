// The order in which a connection's PUBLISHes are acknowledged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/codec/reason_code.h"

namespace millrace::mqtt {

/// Acknowledgements that wait for their publish, or for an earlier one: they leave in the order in which the
/// PUBLISHes came [MQTT-4.6.0-2] [MQTT-4.6.0-3]. A ring; every step costs O(1). Belongs to a Machine.
class PendingAcks {
  public:
    struct Ack {
        std::uint16_t packet_id = 0;
        PacketType type = PacketType::puback;
        ReasonCode code = ReasonCode::success;
        bool ready = false;
    };

    bool empty() const { return first_ == next_; }
    std::size_t size() const { return static_cast<std::size_t>(next_ - first_); }
    /// What the next push() will return.
    std::uint64_t next_token() const { return next_; }
    std::uint64_t push(const Ack& ack) {
        if (size() == ring_.size()) grow();
        at(next_) = ack;
        return next_++;
    }
    /// nullptr: not one of this connection's.
    Ack* find(std::uint64_t token) { return token >= first_ && token < next_ ? &at(token) : nullptr; }
    Ack& front() { return at(first_); }
    void pop() {
        if (!reasons_.empty() && reasons_.front().token == first_) reasons_.pop_front();
        ++first_;
    }
    /// Says why the publish was refused; in the order of the tokens.
    void explain(std::uint64_t token, std::string_view why) { reasons_.push_back({token, std::string(why)}); }
    /// Of the one in front; empty: nobody has said.
    std::string_view why() const {
        const bool has_one = !reasons_.empty() && reasons_.front().token == first_;
        return has_one ? std::string_view(reasons_.front().text) : std::string_view{};
    }

  private:
    Ack& at(std::uint64_t token) { return ring_[token & (ring_.size() - 1)]; }
    void grow() {
        std::vector<Ack> larger(ring_.empty() ? 4 : ring_.size() * 2);
        for (std::uint64_t token = first_; token < next_; ++token)
            larger[token & (larger.size() - 1)] = at(token);
        ring_ = std::move(larger);
    }

    struct Reason {
        std::uint64_t token;
        std::string text;
    };

    std::vector<Ack> ring_;
    std::list<Reason> reasons_;
    std::uint64_t first_ = 0;
    std::uint64_t next_ = 0;
};

}  // namespace millrace::mqtt
