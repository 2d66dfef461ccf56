// The message: written once, shared by every shard, never changed after the publisher let it go.
#pragma once

#include <array>
#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"

namespace millrace {

/// Who wrote it: a client (MQTT, WebSocket) writes messages, a backend (HTTP, SQL) writes events.
enum class MessageKind : std::uint8_t { message, event };

/// How a payload travels inside JSON: as itself, as a string, or as base64.
enum class Encoding : std::uint8_t { unknown, json, text, binary };

/// Who may receive it, beyond being subscribed to the channel.
struct Audience {
    bool authenticated_only = false;
    std::int64_t dbo_id = 0;  ///< with row_id: only this user; 0 = everybody
    std::int64_t row_id = 0;
    bool everyone() const { return !authenticated_only && dbo_id == 0; }
};

/// What a message is made from. Views; Message::create copies them.
struct MessageFields {
    std::string_view channel;  ///< a valid topic name
    ByteView payload;
    MessageKind kind = MessageKind::message;
    Encoding encoding = Encoding::unknown;
    std::uint8_t qos = 0;
    bool retain = false;
    std::string_view id;      ///< idempotency key; empty: none
    std::string_view client;  ///< who wrote it, as the JSON of a bridge `client`; empty for events
    ByteView properties;      ///< MQTT 5.0 properties to forward, encoded, without their length
    std::optional<std::uint32_t> expiry_s;  ///< MQTT 5.0 message expiry interval; nothing: never
    Audience audience;
    const void* origin = nullptr;  ///< the session that published, for No Local; never dereferenced
};

/// The QoS of a message that did not come by MQTT: each subscription's own decides [MQTT-3.8.4-8].
inline constexpr std::uint8_t kQosOfSubscription = 2;

class Message;
using MessagePtr = boost::intrusive_ptr<const Message>;

/// One block of memory: header, channel, id, client, properties, payload. Made on the shard that received it;
/// a store lane stamps `seq` and `at` before anybody else sees it; from then on it is read by any thread.
/// Lives until the last MessagePtr goes.
class Message {
  public:
    static MessagePtr create(const MessageFields& fields);
    /// The same message with other bytes in it; not stamped.
    MessagePtr with_payload(ByteView payload, Encoding encoding) const;

    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

    std::string_view channel() const { return {bytes(), channel_size_}; }
    std::string_view id() const { return {bytes() + channel_size_, id_size_}; }
    std::string_view client() const { return {bytes() + channel_size_ + id_size_, client_size_}; }
    ByteView properties() const { return as_bytes({bytes() + properties_at(), properties_size_}); }
    ByteView payload() const {
        return as_bytes({bytes() + properties_at() + properties_size_, payload_size_});
    }
    MessageKind kind() const { return kind_; }
    std::uint8_t qos() const { return qos_; }
    bool retain() const { return retain_; }
    const Audience& audience() const { return audience_; }
    const void* origin() const { return origin_; }
    /// Nothing: it never expires. 0: only those get it who can be sent it at once (3.3.2.3.3).
    std::optional<std::uint32_t> expiry_s() const {
        return expires_ ? std::optional<std::uint32_t>(expiry_s_) : std::nullopt;
    }
    bool is_for_now_only() const { return expires_ && expiry_s_ == 0; }

    /// Found out on first use and remembered; any thread.
    Encoding encoding() const;

    /// Position in its channel; 0: not stored.
    std::uint64_t seq() const { return seq_; }
    /// Microseconds since 1970 UTC: the time of commit, for a live message that of arrival.
    std::int64_t at_us() const { return at_us_; }
    /// For the one lane that sequences this message, before it is shared, and for readers of a store.
    void stamp(std::uint64_t seq, std::int64_t at_us) const {
        seq_ = seq;
        at_us_ = at_us;
    }
    /// From now on for authenticated clients only. For the broker that lets it in, before it is shared.
    void narrow() const { audience_.authenticated_only = true; }

    /// Bytes of memory it takes, for queue limits.
    std::size_t footprint() const {
        return sizeof(Message) + properties_at() + properties_size_ + payload_size_;
    }

    friend void intrusive_ptr_add_ref(const Message* message) {
        message->references_.fetch_add(1, std::memory_order_relaxed);
    }
    friend void intrusive_ptr_release(const Message* message) {
        if (message->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(message);
    }

  private:
    explicit Message(const MessageFields& fields);
    ~Message() = default;
    static void destroy(const Message* message);

    const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
    std::size_t properties_at() const { return std::size_t{channel_size_} + id_size_ + client_size_; }

    mutable std::atomic<std::uint32_t> references_{0};
    std::uint32_t payload_size_;
    std::uint32_t channel_size_;
    std::uint32_t id_size_;
    std::uint32_t client_size_;
    std::uint32_t properties_size_;
    std::uint32_t expiry_s_;
    MessageKind kind_;
    std::uint8_t qos_;
    bool retain_ : 1;
    bool expires_ : 1;
    mutable std::atomic<Encoding> encoding_;
    mutable std::uint64_t seq_ = 0;
    mutable std::int64_t at_us_;
    mutable Audience audience_;
    const void* origin_;
};

/// Microseconds since 1970 UTC, from the system clock.
std::int64_t wall_clock_us();

/// `2026-11-23T20:13:59.123Z`, for the years 0 to 9999.
std::array<char, 24> rfc3339(std::int64_t at_us);

/// What a payload is, by looking at it: valid JSON, else UTF-8 text, else binary.
Encoding classify(ByteView payload);

}  // namespace millrace
