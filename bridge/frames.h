// The frames of the browser protocol, first generation: text to values and values to text. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bridge/socket_id.h"
#include "core/access/principal.h"
#include "core/bytes.h"
#include "core/message.h"
#include "core/result.h"
#include "mqtt/broker/presence.h"

namespace millrace::bridge {

/// What only the second generation can say (frames_v2.h).
struct SecondFields {
    std::string type;            ///< what kind of message a broadcast is
    std::string client_id;       ///< options.client_id: who it is beyond one connection
    std::string position;        ///< of a join or an ack: `<epoch>-<seq>`
    std::int64_t to_dbo_id = 0;  ///< options.to of a broadcast: the user it is for; 0: none was legible
    std::int64_t to_row_id = 0;
};

/// What a browser sent, the known fields taken out.
struct ClientFrame {
    enum class Action : std::uint8_t { join, leave, message, history, ping, ack, presence, unknown };
    Action action = Action::unknown;
    std::string action_name;
    std::string channel;                 ///< options.channel; empty: none was given
    bool history = false;                ///< payload.history of a join
    bool presence = false;               ///< payload.presence of a join
    bool authenticated = false;          ///< options.authenticated
    bool is_private = false;             ///< options.socketId, or options.to, is there, whatever it is
    std::string socket_id;               ///< options.socketId: to whom a private message goes
    std::optional<std::uint64_t> after;  ///< options.after: resume behind this seq
    std::string epoch;                   ///< options.epoch: the life of the store that `after` belongs to
    std::string payload;  ///< the JSON as it was written, without the white space around tokens
    std::shared_ptr<const SecondFields> second;  ///< nullptr: it is one of the first generation
};

/// Nothing when the text is not a JSON object or has no action: such a frame is ignored.
std::optional<ClientFrame> parse_client_frame(std::string_view text);

/// A whole WebSocket frame that many sockets send. A message's payload, because that is what an Outbox can
/// reference.
using SharedFrame = MessagePtr;
/// `text` as one text frame.
SharedFrame share_text_frame(ByteView text);

/// The member object: `{"socketId","extras","permissions":{"dbo_id","row_id"}}`.
void append_member(ByteBuffer& out, const SocketId& socket, const access::Principal& principal);
/// The same of an MQTT client, whose extras say so: `"mqtt_client_id"`.
void append_member(ByteBuffer& out, const mqtt::MqttMember& client);

/// The answer to a join. `socketId` tells a browser which member it is itself.
struct JoinAck {
    std::string_view channel;
    SocketId socket;
    bool reset = false;            ///< the position asked for means nothing any more
    std::uint64_t first = 0;       ///< with reset: where what follows begins; 0: the channel has no positions
    std::string_view reason = {};  ///< with reset: why, as a code word
};
void append_join(ByteBuffer& out, const JoinAck& ack);
/// `,"reason":"…"`; nothing when there is none.
void append_reason(ByteBuffer& out, std::string_view reason);
void append_leave(ByteBuffer& out, std::string_view channel);

/// A `message` or `event` frame, by the message's kind. Live messages have neither seq nor epoch.
void append_message(ByteBuffer& out, const Message& message, std::string_view epoch);
/// Messages in the order given, which is oldest first. `cut_before`: there was no room for older ones than
/// this; 0: nothing was left out.
void append_history(ByteBuffer& out, std::string_view channel, std::span<const MessagePtr> messages,
                    std::string_view epoch, std::uint64_t cut_before = 0);

struct PrivateMessage {
    std::string_view channel;
    SocketId sender;
    const access::Principal& principal;
    std::string_view payload;
    std::string_view type = "message";  ///< only the second generation says it
};
void append_private(ByteBuffer& out, const PrivateMessage& message);

/// A roster that members are added to one by one.
class PresenceFull {
  public:
    PresenceFull(ByteBuffer& out, std::string_view channel);
    void add(const SocketId& socket, const access::Principal& principal);
    void add(const mqtt::MqttMember& client);
    void finish();

  private:
    void separate();

    ByteBuffer& out_;
    bool first_ = true;
};

struct PresenceUpdate {
    std::string_view channel;
    bool joined = true;
    std::string_view member;  ///< its object
};
void append_presence_update(ByteBuffer& out, const PresenceUpdate& update);

/// Without a channel the frame reaches the error handlers of every channel.
void append_error(ByteBuffer& out, std::string_view channel, std::string_view message, std::string_view code);
/// The word for a failure in `payload.code`.
std::string_view code_of(error_code error);

}  // namespace millrace::bridge
