// The control packets as plain views into the bytes they were decoded from; the encoders take them too.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include "core/bytes.h"
#include "mqtt/codec/properties.h"
#include "mqtt/codec/reason_code.h"
#include "mqtt/codec/wire.h"

namespace millrace::mqtt {

enum class Qos : std::uint8_t { at_most_once, at_least_once, exactly_once };

/// Retain Handling of a subscription (3.8.3.1).
enum class RetainHandling : std::uint8_t { send, send_if_new, do_not_send };

struct Will {
    std::string_view topic;
    ByteView payload;
    Properties properties;
    Qos qos = Qos::at_most_once;
    bool retain = false;
};

struct Connect {
    Version version = Version::v5;
    bool clean_start = true;
    std::uint16_t keep_alive_s = 0;
    std::string_view client_id;
    std::optional<Will> will;
    std::optional<std::string_view> user_name;
    std::optional<ByteView> password;
    Properties properties;
};

struct Connack {
    bool session_present = false;
    ReasonCode code = ReasonCode::success;
    Properties properties;
};

/// A PUBLISH that was received. `topic` may be empty when a topic alias is present (5.0).
struct Publish {
    std::string_view topic;
    ByteView payload;
    Properties properties;
    std::uint16_t packet_id = 0;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    bool dup = false;
};

/// PUBACK, PUBREC, PUBREL and PUBCOMP.
struct PublishAck {
    std::uint16_t packet_id = 0;
    ReasonCode code = ReasonCode::success;
    Properties properties;
};

/// One topic filter of a SUBSCRIBE with its options; 3.x has the QoS alone.
struct SubscriptionRequest {
    std::string_view filter;
    Qos qos = Qos::at_most_once;
    bool no_local = false;
    bool retain_as_published = false;
    RetainHandling retain_handling = RetainHandling::send;
};

SubscriptionRequest read_subscription(Reader& reader);
inline std::string_view read_filter(Reader& reader) {
    return reader.text();
}

/// The repeated items of a payload, read one by one while iterating; what decoding made sure of is not
/// checked again. Lives as long as the bytes do.
template <class Item, Item (*read)(Reader&)>
class PayloadList {
  public:
    class Iterator {
      public:
        explicit Iterator(ByteView rest) : reader_(rest), more_(!rest.empty()) {
            if (more_) item_ = read(reader_);
        }
        const Item& operator*() const { return item_; }
        const Item* operator->() const { return &item_; }
        Iterator& operator++() {
            more_ = !reader_.at_end();
            if (more_) item_ = read(reader_);
            return *this;
        }
        bool operator==(std::default_sentinel_t) const { return !more_; }

      private:
        Reader reader_;
        bool more_;
        Item item_{};
    };

    PayloadList() = default;
    PayloadList(ByteView raw, std::size_t count) : raw_(raw), count_(count) {}

    std::size_t size() const { return count_; }
    Iterator begin() const { return Iterator(raw_); }
    static std::default_sentinel_t end() { return {}; }

  private:
    ByteView raw_;
    std::size_t count_ = 0;
};

struct Subscribe {
    std::uint16_t packet_id = 0;
    Properties properties;
    PayloadList<SubscriptionRequest, read_subscription> subscriptions;
};

struct Suback {
    std::uint16_t packet_id = 0;
    Properties properties;
    ByteView codes;  ///< one ReasonCode a byte, in the order of the request

    ReasonCode code(std::size_t index) const { return static_cast<ReasonCode>(codes[index]); }
};

struct Unsubscribe {
    std::uint16_t packet_id = 0;
    Properties properties;
    PayloadList<std::string_view, read_filter> filters;
};

/// As Suback; 3.x has no codes.
using Unsuback = Suback;

struct Disconnect {
    ReasonCode code = ReasonCode::normal_disconnection;
    Properties properties;
};

struct Auth {
    ReasonCode code = ReasonCode::success;
    Properties properties;
};

}  // namespace millrace::mqtt
