// What the protocol machine asks of its surroundings.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "mqtt/codec/frame_scanner.h"
#include "mqtt/codec/packets.h"
#include "mqtt/session/replay_request.h"
#include "mqtt/session/session.h"

namespace millrace::mqtt {

enum class PublishAnswer : std::uint8_t {
    done,
    pending,  ///< Machine::published follows with the token
    not_authorised,
    invalid_topic,
    invalid_payload,  ///< it is not what its Payload Format Indicator says
    overloaded,       ///< not taken: try again when an earlier one has ended
    unavailable,      ///< the store cannot take it
};

/// What becomes of history that a SUBSCRIBE asks for.
enum class ReplayAnswer : std::uint8_t {
    coming,
    live_channel,  ///< there is none
    has_position,  ///< the session is subscribed already, and reads on from where it is
    not_authorised,
    too_many,  ///< channels that the session has to read
};

/// A PUBLISH with its topic alias resolved.
struct ReceivedMessage {
    const Publish& packet;
    std::string_view topic;
    std::uint32_t sequence = 0;  ///< of QoS 2: the same when the client sends the message again
};

/// The filters of a SUBSCRIBE that hooks have refused, and why.
using Denials = std::map<std::string, std::string, std::less<>>;

/// The port between Machine and broker. Called during Machine's own calls only; views are valid during the
/// call.
class Host {
  public:
    /// Machine::accept or Machine::refuse follows, at once or later.
    virtual void on_connect(const Connect& connect) = 0;
    /// Authentication data of the client, after Machine::challenge; or, with `begins`, for a
    /// re-authentication (4.12.1). Machine::accept, reauthenticated, challenge, refuse or end follows.
    virtual void on_auth(ByteView data, bool begins) = 0;
    /// Whether on_packet is to be told of this client's packets.
    virtual bool wants_trace(const Connect& connect) {
        static_cast<void>(connect);
        return false;
    }
    virtual void on_packet(const Frame& frame, Sender sender) {
        static_cast<void>(frame);
        static_cast<void>(sender);
    }
    virtual PublishAnswer on_publish(const ReceivedMessage& message, std::uint64_t token) = 0;
    virtual bool may_subscribe(std::string_view filter) = 0;
    /// Before on_subscribe(). History comes by Machine::deliver, later.
    virtual ReplayAnswer on_replay(std::string_view filter, const ReplayRequest& request) = 0;
    /// What hooks say about the filters. Nothing: they are asked, and the packet shall come again when
    /// Machine reads on.
    virtual std::optional<Denials> ask_hooks(const Subscribe& packet) {
        static_cast<void>(packet);
        return Denials{};
    }
    virtual void on_subscribe(const Subscription& subscription) = 0;
    virtual void on_unsubscribe(std::string_view filter) = 0;
    /// A SUBSCRIBE or UNSUBSCRIBE has been carried out. True: Machine::kept follows, once for each and in the
    /// same order, and it is answered then. The same for all of a connection.
    virtual bool keep_subscriptions() { return false; }
    /// Machine::deliver, with `retained`, for every retained message that matches.
    virtual void send_retained(const Subscription& subscription) = 0;
    /// The conversation is over; what was written is still to be sent. The session is no longer the
    /// machine's.
    virtual void on_end() = 0;
    /// As on_end(), because the client took its leave: it listens no more.
    virtual void on_goodbye() { on_end(); }
    /// Machine::feed is wanted again when so much time has passed: the client publishes too fast.
    virtual void hold(Milliseconds time) = 0;
    virtual TimePoint now() const = 0;
    /// Microseconds since 1970.
    virtual std::int64_t wall_clock_us() const = 0;

  protected:
    ~Host() = default;
};

}  // namespace millrace::mqtt
