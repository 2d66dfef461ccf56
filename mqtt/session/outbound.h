// Messages on their way to one client: those that wait, and those sent but not yet acknowledged.
#pragma once

#include <algorithm>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/message.h"

namespace millrace::mqtt {

/// Names a shared subscription, for the messages that a member has been given of it. Any thread.
struct Share : boost::intrusive_ref_counter<Share, boost::thread_safe_counter> {
    explicit Share(std::string_view name) : filter(name) {}
    const std::string filter;  ///< `$share/<group>/<filter>`
};
using SharePtr = boost::intrusive_ptr<const Share>;

/// How a message goes to one client.
struct Terms {
    std::uint8_t qos = 0;
    bool retain = false;  ///< the flag to send
    bool kept =
        false;  ///< not sent because it was published, but because a subscription is new [MQTT-3.3.1-8]
    std::span<const std::uint32_t> identifiers;  ///< of subscriptions; valid during the call
    const Share* share = nullptr;  ///< the shared subscription that chose this client, if one did
    /// What came before this seq, and should have been sent, is gone from the log; the client is told with
    /// this message. 0: nothing is missing.
    std::uint64_t reset_to = 0;
};

/// What only few queued messages have; nullptr: none of it.
struct Extras {
    std::vector<std::uint32_t> identifiers;  ///< of subscriptions
    SharePtr share;                          ///< nullptr: not from a shared subscription
    std::uint64_t reset_to = 0;              ///< as in Terms
};
using ExtrasPtr = std::unique_ptr<const Extras>;
inline std::span<const std::uint32_t> identifiers_of(const ExtrasPtr& extras) {
    return extras ? std::span<const std::uint32_t>(extras->identifiers) : std::span<const std::uint32_t>{};
}
inline std::uint64_t reset_of(const ExtrasPtr& extras) {
    return extras ? extras->reset_to : 0;
}
inline SharePtr share_of(const ExtrasPtr& extras) {
    return extras ? extras->share : nullptr;
}

/// A message for one client, as it will be sent.
struct QueuedMessage {
    MessagePtr message;
    ExtrasPtr extras;
    std::uint8_t qos = 0;
    bool retain = false;
    bool kept = false;  ///< as in Terms
};
QueuedMessage to_queued(const MessagePtr& message, const Terms& terms);

/// The queue: first in, first out, in a ring that grows by doubling. Belongs to an Outbound.
class MessageQueue {
  public:
    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }
    std::size_t bytes() const { return bytes_; }
    void push(QueuedMessage item);
    QueuedMessage& front() { return ring_[first_]; }
    QueuedMessage pop();
    /// f(const QueuedMessage&), the oldest first.
    template <class F>
    void for_each(F&& f) const {
        for (std::size_t i = 0; i < size_; ++i) f(ring_[(first_ + i) & (ring_.size() - 1)]);
    }

  private:
    void resize(std::size_t capacity);

    std::vector<QueuedMessage> ring_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
};

/// The window: QoS 1 and 2 messages between PUBLISH and the end of their handshake, found by packet id. Ids
/// go round the whole range, so that a late acknowledgement does not meet a new message; finding, adding and
/// removing cost O(1).
class Window {
  public:
    enum class State : std::uint8_t {
        free,
        published,  ///< waits for PUBACK or PUBREC
        released,   ///< PUBREC came, the message is gone, waits for PUBCOMP [MQTT-4.3.3-4]
    };
    struct Slot {
        MessagePtr message;
        ExtrasPtr extras;
        std::uint32_t order = 0;
        std::uint16_t packet_id = 0;
        State state = State::free;
        std::uint8_t qos : 2 = 0;
        std::uint8_t retain : 1 = 0;
        std::uint8_t sent : 1 = 0;  ///< on the present connection, or its PUBREL
    };

    /// Half of all packet ids, so that the next free one is found soon.
    static constexpr std::size_t kMost = 32'768;

    std::size_t size() const { return size_; }
    std::uint16_t last_id() const { return last_id_; }
    /// The next packet id is the one behind `id`.
    void go_on_after(std::uint16_t id) { last_id_ = id; }
    /// Takes the next free packet id. Fewer than kMost are in use.
    Slot& add(QueuedMessage item);
    /// nullptr: no such packet id is in use.
    Slot* find(std::uint16_t packet_id);
    void remove(Slot& slot);
    /// The packet ids in use, in the order of their first PUBLISH [MQTT-4.6.0-1].
    std::vector<std::uint16_t> in_order() const;
    template <class F>
    void for_each(F&& f) const {
        for (const Slot& slot : slots_) {
            if (slot.state != State::free) f(slot);
        }
    }

  private:
    Slot& at(std::uint16_t packet_id) { return slots_[packet_id & (slots_.size() - 1)]; }
    void grow();

    std::vector<Slot> slots_;
    std::size_t size_ = 0;
    std::uint32_t next_order_ = 0;
    std::uint16_t last_id_ = 0;
};

/// Both together. Made when a session first needs it; moves with the session.
struct Outbound {
    MessageQueue queue;
    Window window;
    std::vector<std::uint16_t> resend;  ///< packet ids that this connection has not been sent yet, in order
    std::size_t resent = 0;             ///< how many of them are done
    /// What counts against the client's Receive Maximum: PUBLISHes without PUBACK or PUBCOMP.
    std::size_t unacknowledged = 0;

    bool nothing_waits() const { return queue.empty() && resent == resend.size(); }
};

}  // namespace millrace::mqtt
